import type { Storage } from '../../base/storage.ts';
import { guardedFileLimit, readGuardedFile } from '../store/guarded-file.ts';
import type { Report } from './finding.ts';

const SECTOR = 512;

/** A map in its three sectors a piece; its content as the array would read it, undefined where the file is not there. */
export function checkGuardedFile(
  name: string,
  byteLength: number,
  meaning: string,
  storage: Storage,
  report: Report,
): Uint8Array | undefined {
  if (!storage.exists(name)) return undefined;
  const file = storage.open(name);
  try {
    const size = file.size();
    // A shorter file may end inside a sector, whose write failed half-way for want of room: its CRC-32 says so below.
    if (size > guardedFileLimit(byteLength)) {
      report({
        severity: 'damage',
        file: name,
        offset: null,
        what: `it has ${size} bytes; a map of this volume has at most ${guardedFileLimit(byteLength)} bytes`,
        meaning: `something else has written to it, or it belongs to another volume: ${meaning}`,
        next: 'compare the volume with the other array, or with a copy, before hosts use it',
      });
    }
    const { content, pieces } = readGuardedFile(file, byteLength);
    for (const { versions, invalid, unreadable, at } of pieces) {
      if (unreadable.length > 0) reportUnreadable(name, at + unreadable[0]! * SECTOR, meaning, report);
      if (invalid.length > 0) reportPiece(name, at, versions, invalid, meaning, report);
    }
    return content.subarray(0, byteLength);
  } finally {
    file.close();
  }
}

/** For each piece where it begins, and whether it was ever written, as far as the file tells: some sector of it holds something. */
export function writtenPieces(
  name: string,
  byteLength: number,
  storage: Storage,
): readonly { readonly at: number; readonly written: boolean }[] {
  const file = storage.open(name);
  try {
    return readGuardedFile(file, byteLength).pieces.map(({ at, versions, invalid, unreadable }) => {
      return { at, written: Math.max(...versions) > 0 || invalid.length + unreadable.length > 0 };
    });
  } finally {
    file.close();
  }
}

function reportUnreadable(name: string, offset: number, meaning: string, report: Report): void {
  report({
    severity: 'damage',
    file: name,
    offset,
    what: 'the disk does not give the sector there, which may be the newest of the three of its piece',
    meaning: `the array refuses to start, because of what an older one would say: ${meaning}`,
    next: 'look after the disk, and put the file as it was in its place, from a mirror or a copy of the same moment; the rest can be served meanwhile (array serve --leave-out)',
  });
}

/** At most two of three sectors are ever being written: where all three are invalid, a durable one was damaged. */
function reportPiece(
  name: string,
  at: number,
  versions: readonly number[],
  invalid: readonly number[],
  meaning: string,
  report: Report,
): void {
  const places = invalid.map((sector) => at + sector * SECTOR);
  const lost = invalid.length === versions.length;
  report({
    severity: lost ? 'damage' : 'doubt',
    file: name,
    offset: places[0]!,
    what: lost
      ? `none of the three sectors of the piece at byte ${at} is valid`
      : `the sector at byte ${places.join(' and ')} has a wrong CRC-32; version ${Math.max(...versions)} of the piece is used`,
    meaning: lost
      ? `the piece counts as zeros: ${meaning}`
      : `a power cut tears what is being written, and the older version is right then; if there was none: ${meaning}`,
    next: lost
      ? 'keep hosts away from the volume; resync it from the other array, or restore it from a copy'
      : 'nothing after a power cut; otherwise resync the volume from the other array, or restore it from a copy',
  });
}
