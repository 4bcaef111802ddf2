import { crc32 } from 'node:zlib';
import { readU32, writeU32 } from '../../base/bytes.ts';
import { createExclusive } from '../../base/exclusive.ts';
import type { StorageFile } from '../../base/storage.ts';

/**
 * A file of fixed size that is rewritten in place, such that a torn write can hurt only what was being written. Each piece of
 * 504 bytes has three sectors, with a version and a CRC-32: one holds what is durable, one what a flush under way will make
 * so, the third takes what is written meanwhile. After a power cut the newest valid sector counts; a piece that has none was
 * never durable and is zeros.
 *
 * Sector: 504 bytes, version u32, CRC-32 u32 of the 508 bytes before; piece n has sectors 3n to 3n + 2.
 */
const SECTOR = 512;
const PIECE = 504;
const COPIES = 3;

interface Piece {
  /** Version in each sector; 0: nothing valid. */
  readonly versions: [number, number, number];
  durable: number | undefined;
  flushing: number | undefined;
  /** Takes what is written until the next flush begins. */
  open: number | undefined;
}

export function openGuardedFile(file: StorageFile, byteLength: number): StorageFile {
  const content = new Uint8Array(Math.ceil(byteLength / PIECE) * PIECE);
  const pieces = load(file, content);
  const queue = createExclusive();
  let written = new Set<number>();

  function writePiece(number: number): void {
    const piece = pieces[number]!;
    piece.open ??= sectorToWrite(piece);
    const sector = new Uint8Array(SECTOR);
    sector.set(content.subarray(number * PIECE, (number + 1) * PIECE));
    const version = Math.max(...piece.versions) + 1;
    writeU32(sector, PIECE, version);
    writeU32(sector, SECTOR - 4, crc32(sector.subarray(0, SECTOR - 4)));
    written.add(number);
    file.write(sector, (number * COPIES + piece.open) * SECTOR);
    piece.versions[piece.open] = version;
  }

  async function flush(): Promise<void> {
    const flushed = written;
    written = new Set();
    for (const number of flushed) {
      const piece = pieces[number]!;
      piece.flushing = piece.open;
      piece.open = undefined;
    }
    await file.flush();
    for (const number of flushed) {
      const piece = pieces[number]!;
      piece.durable = piece.flushing;
      piece.flushing = undefined;
    }
  }

  return {
    name: file.name,
    size: () => byteLength,
    read(target, offset) {
      const stored = content.subarray(offset, Math.max(offset, Math.min(offset + target.length, byteLength)));
      target.set(stored);
      target.fill(0, stored.length);
    },
    write(source, offset) {
      if (source.length === 0) return;
      content.set(source, offset);
      const last = Math.floor((offset + source.length - 1) / PIECE);
      for (let number = Math.floor(offset / PIECE); number <= last; number += 1) writePiece(number);
    },
    truncate() {
      throw new Error(`${file.name} has a fixed size`);
    },
    flush: () => queue.run(flush),
    close: () => file.close(),
  };
}

/** Neither the durable one nor the one that is becoming so; of two the older, in case the newer is all that a killed process left. */
function sectorToWrite({ versions, durable, flushing }: Piece): number {
  const free = [0, 1, 2].filter((sector) => sector !== durable && sector !== flushing);
  return free.toSorted((left, right) => versions[left]! - versions[right]!)[0]!;
}

function load(file: StorageFile, content: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  const sectors = new Uint8Array(COPIES * SECTOR);
  for (let number = 0; number * PIECE < content.length; number += 1) {
    file.read(sectors, number * sectors.length);
    const versions: Piece['versions'] = [0, 1, 2].map((copy) =>
      versionOf(sectorAt(sectors, copy)),
    ) as Piece['versions'];
    const newest = versions.indexOf(Math.max(...versions));
    const durable = versions[newest]! > 0 ? newest : undefined;
    if (durable !== undefined) content.set(sectorAt(sectors, durable).subarray(0, PIECE), number * PIECE);
    pieces.push({ versions, durable, flushing: undefined, open: undefined });
  }
  return pieces;
}

function sectorAt(sectors: Uint8Array, copy: number): Uint8Array {
  return sectors.subarray(copy * SECTOR, (copy + 1) * SECTOR);
}

/** 0 where the sector was never written or is damaged. */
function versionOf(sector: Uint8Array): number {
  const valid = crc32(sector.subarray(0, SECTOR - 4)) === readU32(sector, SECTOR - 4);
  return valid ? readU32(sector, PIECE) : 0;
}
