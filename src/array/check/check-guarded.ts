import type { Storage } from '../../base/storage.ts';
import {
  faultOf,
  guardedFileLimit,
  isBlank,
  newestVersion,
  readGuardedFile,
  SECTOR,
  type GuardedPiece,
  versionNumber,
} from '../store/guarded-sectors.ts';
import type { Report } from './finding.ts';

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
    for (const piece of pieces) checkPiece(name, piece, meaning, report);
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
    return readGuardedFile(file, byteLength).pieces.map((piece) => ({ at: piece.at, written: !isBlank(piece) }));
  } finally {
    file.close();
  }
}

/** Tells of a piece what the array would do with it (`faultOf`). */
export function checkPiece(name: string, piece: GuardedPiece, meaning: string, report: Report): void {
  const { versions, invalid, unreadable, at } = piece;
  const fault = faultOf(piece);
  if (fault) {
    report({
      severity: 'damage',
      file: name,
      offset: fault.at,
      what: fault.what,
      meaning: `the array refuses to start, because of what it would otherwise serve: ${meaning}`,
      next: 'look after the disk, and put the file as it was in its place, from a mirror or a copy of the same moment; the rest can be served meanwhile (array serve --leave-out)',
    });
    return;
  }
  const damaged = [...invalid, ...unreadable];
  if (damaged.length === 0) return;
  const newest = newestVersion(versions);
  const places = damaged.map((sector) => at + sector * SECTOR).join(' and ');
  const why =
    unreadable.length > 0
      ? `the disk does not give the sector at byte ${places}`
      : `the sector at byte ${places} has a wrong CRC-32`;
  const used =
    newest > 0 ? `version ${versionNumber(newest)} of the piece is used` : 'the piece counts as never written';
  const proven = unreadable.length > 0 || versions.filter((version) => version === newest).length > 1;
  report({
    severity: 'doubt',
    file: name,
    offset: at + damaged[0]! * SECTOR,
    what: `${why}; ${used}`,
    ...(proven && newest > 0 ? PROVEN : leftAlone(meaning)),
  });
}

const PROVEN = {
  meaning:
    'a power cut tears what is being written, or the sector has rotted: the others prove what is used, and the next start writes it again',
  next: 'nothing after a power cut; otherwise look after the disk',
};

function leftAlone(meaning: string): { readonly meaning: string; readonly next: string } {
  return {
    meaning: `a power cut tears what is being written, and what was durable before is right then; otherwise one of two sectors has rotted, and the other is right; only if both have: ${meaning}`,
    next: 'nothing after a power cut; otherwise look after the disk: the next start writes the sector again',
  };
}
