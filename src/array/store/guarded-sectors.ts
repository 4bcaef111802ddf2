import { crc32 } from 'node:zlib';
import { isAllZero, readU32, writeU32 } from '../../base/bytes.ts';
import type { StorageFile } from '../../base/storage.ts';

/**
 * How a guarded file lies on disk: each piece of 504 bytes has three sectors, with a version and a CRC-32 behind the content;
 * the newest valid one counts. Piece n has sectors 3n to 3n + 2.
 *
 * Versions of today have their highest bit set: they are always written into two sectors, and one of these is left alone until a newer
 * one is durable. Those without it were written once, and are older than all others.
 */
export const SECTOR = 512;
export const PIECE = 504;
export const COPIES = 3;
/** Not written before a version of the piece is durable: as long as it holds zeros there may be none. */
export const LAST_TO_WRITE = 2;
const WRITTEN_TWICE = 0x8000_0000;

export interface GuardedPiece {
  /** Version in each of its sectors; 0: nothing valid. */
  readonly versions: readonly [number, number, number];
  /** Sectors that are neither valid nor zeros: torn by a power cut, or damaged. */
  readonly invalid: readonly number[];
  /** Sectors that the disk does not give. */
  readonly unreadable: readonly number[];
  /** Where the piece begins in the file; its sectors follow each other. */
  readonly at: number;
}

export interface PieceFault {
  /** Byte of the file. */
  readonly at: number;
  readonly what: string;
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
    const newest = newestVersion(versions);
    if (newest > 0) content.set(sectors[versions.indexOf(newest)]!.subarray(0, PIECE), number * PIECE);
    const invalid = [0, 1, 2].filter((copy) => versions[copy] === 0 && !isAllZero(sectors[copy]!));
    pieces.push({ versions, invalid, unreadable, at });
  }
  return { content, pieces };
}

/**
 * Why what is left of a piece must not be taken for what it last held; undefined where it may.
 *
 * A sector that the disk does not give may be left out where both others are sound and the newest of them was written twice: of the
 * two sectors of a durable version one is left alone until a newer one is durable, and the other never holds an older one.
 * Where no sector is valid there was never a durable version as long as the last one holds zeros.
 */
export function faultOf({ versions, invalid, unreadable, at }: GuardedPiece): PieceFault | undefined {
  const newest = newestVersion(versions);
  if (unreadable.length > 0) {
    if (unreadable.length === 1 && invalid.length === 0 && newest >= WRITTEN_TWICE) return undefined;
    const sector = at + unreadable[0]! * SECTOR;
    return { at: sector, what: `the sector at byte ${sector} cannot be read, and may be the newest of its piece` };
  }
  if (newest > 0 || !invalid.includes(LAST_TO_WRITE)) return undefined;
  return { at, what: `none of the three sectors of the piece at byte ${at} is valid: what it held is lost` };
}

/** Never written, as far as the file tells: no sector of it holds anything. */
export function isBlank({ versions, invalid, unreadable }: GuardedPiece): boolean {
  return newestVersion(versions) === 0 && invalid.length + unreadable.length === 0;
}

/** The newest of them, 0 where there is none. Those of today are a ring of 2^31, as serial numbers are (`src/base/serial.ts`). */
export function newestVersion(versions: readonly number[]): number {
  return versions.reduce((newest, version) => (isNewer(version, newest) ? version : newest), 0);
}

export function isNewer(version: number, than: number): boolean {
  const bothTwice = version >= WRITTEN_TWICE && than >= WRITTEN_TWICE;
  return bothTwice ? (version - than) << 1 > 0 : version > than;
}

export function nextVersion(version: number): number {
  return (WRITTEN_TWICE | (version + 1)) >>> 0;
}

/** As people are told of it: how many versions there were. */
export function versionNumber(version: number): number {
  return version % WRITTEN_TWICE;
}

/** Sectors with the content of a piece, so many one after the other. */
export function encodeSectors(content: Uint8Array, version: number, count: number): Uint8Array {
  const sectors = new Uint8Array(count * SECTOR);
  sectors.set(content);
  writeU32(sectors, PIECE, version);
  writeU32(sectors, SECTOR - 4, crc32(sectors.subarray(0, SECTOR - 4)));
  for (let copy = 1; copy < count; copy += 1) sectors.copyWithin(copy * SECTOR, 0, SECTOR);
  return sectors;
}

/** Bytes of the whole file once every sector of every piece has been written. */
export function guardedFileLimit(byteLength: number): number {
  return Math.ceil(byteLength / PIECE) * COPIES * SECTOR;
}

/** Of the sector that begins at byte `at`; 0 where it is not valid or cannot be read. */
export function versionAt(file: StorageFile, at: number): number {
  const sector = new Uint8Array(SECTOR);
  return isRead(file, sector, at) ? versionOf(sector) : 0;
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

function sectorAt(sectors: Uint8Array, copy: number): Uint8Array {
  return sectors.subarray(copy * SECTOR, (copy + 1) * SECTOR);
}

/** 0 where the sector was never written or is damaged. */
function versionOf(sector: Uint8Array): number {
  const valid = crc32(sector.subarray(0, SECTOR - 4)) === readU32(sector, SECTOR - 4);
  return valid ? readU32(sector, PIECE) : 0;
}
