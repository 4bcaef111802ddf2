import { crc32 } from 'node:zlib';

/**
 * Tables in place as `src/array/README.md` documents their bytes: pieces of three sectors, each with a version (u32 at byte 504) and a
 * CRC-32 (at byte 508).
 */
export const IN_PLACE_SECTOR = 512;
export const IN_PLACE_PIECE = 3 * IN_PLACE_SECTOR;
const CONTENT = 504;

/** 0: the sector is not valid. */
export function versionAt(bytes: Uint8Array, piece: number, copy: number): number {
  const sector = sectorAt(bytes, piece, copy);
  if (sector.length < IN_PLACE_SECTOR) return 0;
  const view = new DataView(sector.buffer, sector.byteOffset, IN_PLACE_SECTOR);
  return crc32(sector.subarray(0, IN_PLACE_SECTOR - 4)) === view.getUint32(508) ? view.getUint32(CONTENT) : 0;
}

/** 0: none of the piece's sectors is valid. */
export function newestVersion(bytes: Uint8Array, piece: number): number {
  return versionAt(bytes, piece, newestCopy(bytes, piece));
}

/** What the table holds; zeros where nothing valid stands. */
export function readInPlace(bytes: Uint8Array, byteLength: number): Uint8Array {
  const content = new Uint8Array(byteLength);
  for (let piece = 0; piece * CONTENT < byteLength; piece += 1) {
    if (newestVersion(bytes, piece) === 0) continue;
    const sector = sectorAt(bytes, piece, newestCopy(bytes, piece));
    content.set(sector.subarray(0, Math.min(CONTENT, byteLength - piece * CONTENT)), piece * CONTENT);
  }
  return content;
}

function newestCopy(bytes: Uint8Array, piece: number): number {
  const versions = [0, 1, 2].map((copy) => versionAt(bytes, piece, copy));
  return [0, 1, 2].reduce((best, copy) => (isNewer(versions[copy]!, versions[best]!) ? copy : best));
}

/** Versions of one piece are never far from one another; behind the greatest they begin anew. */
function isNewer(one: number, other: number): boolean {
  return one !== 0 && (other === 0 || ((one - other) | 0) > 0);
}

function sectorAt(bytes: Uint8Array, piece: number, copy: number): Uint8Array {
  const at = piece * IN_PLACE_PIECE + copy * IN_PLACE_SECTOR;
  return bytes.subarray(at, at + IN_PLACE_SECTOR);
}
