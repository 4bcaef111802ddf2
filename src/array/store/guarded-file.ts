import { crc32 } from 'node:zlib';
import { isAllZero, readU32, writeU32 } from '../../base/bytes.ts';
import { createExclusive } from '../../base/exclusive.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';

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

/**
 * Must be awaited before a file that may have been written is opened. What a killed process has left in the page cache would count
 * as durable: of the next two writes both could be under way beside it when the power is cut. Rejects with `GuardedFileError`.
 */
export async function settleGuardedFile(storage: Storage, name: string): Promise<void> {
  if (!storage.exists(name)) return;
  const file = storage.open(name);
  try {
    await file.flush();
  } catch (error) {
    throw new GuardedFileError(`${name}: what it holds cannot be made durable: ${String(error)}`, { cause: error });
  } finally {
    file.close();
  }
}

export function openGuardedFile(file: StorageFile, byteLength: number): StorageFile {
  const content = new Uint8Array(Math.ceil(byteLength / PIECE) * PIECE);
  const pieces = load(file, content);
  const queue = createExclusive();
  let written = new Set<number>();
  /** Their last write has failed, half-way perhaps: no flush may count before they are written again. */
  const doubtful = new Set<number>();

  function writePiece(number: number): void {
    const piece = pieces[number]!;
    piece.open ??= sectorToWrite(piece);
    const sector = new Uint8Array(SECTOR);
    sector.set(content.subarray(number * PIECE, (number + 1) * PIECE));
    const version = Math.max(...piece.versions) + 1;
    writeU32(sector, PIECE, version);
    writeU32(sector, SECTOR - 4, crc32(sector.subarray(0, SECTOR - 4)));
    written.add(number);
    doubtful.add(number);
    file.write(sector, (number * COPIES + piece.open) * SECTOR);
    piece.versions[piece.open] = version;
    doubtful.delete(number);
  }

  /** What could not be written whole was not written: it is taken back, also from pieces that did take it. */
  function writeAll(source: Uint8Array, offset: number): void {
    const first = Math.floor(offset / PIECE);
    const last = Math.floor((offset + source.length - 1) / PIECE);
    const before = content.slice(offset, offset + source.length);
    content.set(source, offset);
    try {
      for (let number = first; number <= last; number += 1) writePiece(number);
    } catch (error) {
      content.set(before, offset);
      for (let number = first; number <= last; number += 1) doubtful.add(number);
      throw error;
    }
  }

  async function flush(): Promise<void> {
    for (const number of doubtful) writePiece(number);
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
      if (source.length > 0) writeAll(source, offset);
    },
    truncate() {
      throw new Error(`${file.name} has a fixed size`);
    },
    flush: () => queue.run(flush),
    close: () => file.close(),
  };
}

export class GuardedFileError extends Error {
  override readonly name = 'GuardedFileError';
}

/** Neither the durable one nor the one that is becoming so; of two the older, in case the newer is all that a killed process left. */
function sectorToWrite({ versions, durable, flushing }: Piece): number {
  const free = [0, 1, 2].filter((sector) => sector !== durable && sector !== flushing);
  return free.toSorted((left, right) => versions[left]! - versions[right]!)[0]!;
}

function load(file: StorageFile, content: Uint8Array): Piece[] {
  const read = readGuardedFile(file, content.length);
  const lost = read.pieces.find(({ unreadable }) => unreadable.length > 0);
  if (lost) {
    const at = lost.at + lost.unreadable[0]! * SECTOR;
    throw new GuardedFileError(
      `${file.name}: the sector at byte ${at} cannot be read, and may be the newest of its piece`,
    );
  }
  content.set(read.content);
  return read.pieces.map(({ versions }) => {
    const newest = versions.indexOf(Math.max(...versions));
    const durable = versions[newest]! > 0 ? newest : undefined;
    return { versions: [...versions], durable, flushing: undefined, open: undefined };
  });
}

export interface GuardedPiece {
  /** Version in each of its sectors; 0: nothing valid. */
  readonly versions: readonly [number, number, number];
  /** Sectors that are neither valid nor zeros: torn by a power cut, or damaged. */
  readonly invalid: readonly number[];
  /** Sectors that the disk does not give: whether they are newer than the others is not known. */
  readonly unreadable: readonly number[];
  /** Where the piece begins in the file; its sectors follow each other. */
  readonly at: number;
}

/** The newest valid content of `byteLength` bytes, rounded up to pieces, and where it came from. Changes nothing. */
export function readGuardedFile(
  file: StorageFile,
  byteLength: number,
): { readonly content: Uint8Array; readonly pieces: readonly GuardedPiece[] } {
  const content = new Uint8Array(Math.ceil(byteLength / PIECE) * PIECE);
  const pieces: GuardedPiece[] = [];
  const bytes = new Uint8Array(COPIES * SECTOR);
  for (let number = 0; number * PIECE < content.length; number += 1) {
    const at = number * bytes.length;
    const unreadable = readPiece(file, bytes, at);
    const sectors = [sectorAt(bytes, 0), sectorAt(bytes, 1), sectorAt(bytes, 2)] as const;
    const versions = [versionOf(sectors[0]), versionOf(sectors[1]), versionOf(sectors[2])] as const;
    const newest = versions.indexOf(Math.max(...versions));
    if (versions[newest]! > 0) content.set(sectors[newest]!.subarray(0, PIECE), number * PIECE);
    const invalid = [0, 1, 2].filter((copy) => versions[copy] === 0 && !isAllZero(sectors[copy]!));
    pieces.push({ versions, invalid, unreadable, at });
  }
  return { content, pieces };
}

/** Answers with the sectors that cannot be read; they are zeros then. */
function readPiece(file: StorageFile, bytes: Uint8Array, at: number): number[] {
  try {
    file.read(bytes, at);
    return [];
  } catch {
    return [0, 1, 2].filter((copy) => !isRead(file, sectorAt(bytes, copy), at + copy * SECTOR));
  }
}

function isRead(file: StorageFile, sector: Uint8Array, at: number): boolean {
  try {
    file.read(sector, at);
    return true;
  } catch {
    sector.fill(0);
    return false;
  }
}

/** Bytes of the whole file once every piece has been written three times. */
export function guardedFileLimit(byteLength: number): number {
  return Math.ceil(byteLength / PIECE) * COPIES * SECTOR;
}

function sectorAt(sectors: Uint8Array, copy: number): Uint8Array {
  return sectors.subarray(copy * SECTOR, (copy + 1) * SECTOR);
}

/** 0 where the sector was never written or is damaged. */
function versionOf(sector: Uint8Array): number {
  const valid = crc32(sector.subarray(0, SECTOR - 4)) === readU32(sector, SECTOR - 4);
  return valid ? readU32(sector, PIECE) : 0;
}
