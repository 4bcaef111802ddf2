import { createExclusive } from '../../base/exclusive.ts';
import type { StorageFile } from '../../base/storage.ts';
import {
  COPIES,
  encodeSectors,
  faultOf,
  LAST_TO_WRITE,
  newestVersion,
  nextVersion,
  PIECE,
  readGuardedFile,
  SECTOR,
  versionAt,
} from './guarded-sectors.ts';

/**
 * A file of fixed size that is rewritten in place (`guarded-sectors.ts`), such that a torn write can hurt only what was being
 * written, and that any one sector may rot while nobody writes it.
 *
 * One of the three sectors of a piece is kept: it holds what is durable. What is written goes into both others, so that it stands twice
 * once it is durable; then one of these two is kept. Of what a flush under way makes durable one sector is left alone as well:
 * what is written meanwhile goes into the third, and into a second one when that flush has ended. So there is never a moment at which a
 * power cut can hurt every sector of what is durable, and what is durable stands twice while nothing newer is being written.
 */
export interface GuardedFile extends StorageFile {
  /**
   * Resolves when what was written so far stands twice in the page cache, or, where that has failed, counts as doubtful and is written
   * again by the next flush. Undefined where no flush under way is in its way.
   */
  doubled(): Promise<void> | undefined;
}

interface Piece {
  /** Of each sector; 0: nothing valid, or not known. */
  readonly versions: [number, number, number];
  /** Of the content. */
  version: number;
  /** Holds what is durable. */
  kept: number;
  /** Is kept once the flush under way has ended. */
  flushing: number | undefined;
}

/** Of the two that are written together the first that is not kept is left alone while they are flushed: their neighbour is in the middle. */
const KEPT_FIRST = [2, 0, 1] as const;

/** Takes a file that was settled before (`guarded-repair.ts`), or is new. Throws `GuardedFileError` where the disk gives no certain content. */
export function openGuardedFile(file: StorageFile, byteLength: number): GuardedFile {
  const content = new Uint8Array(Math.ceil(byteLength / PIECE) * PIECE);
  const pieces = load(file, content);
  const queue = createExclusive();
  let written = new Set<number>();
  let underWay: Promise<void> | undefined;
  /** Their last write has failed, half-way perhaps: no flush may count before they are written again. */
  const doubtful = new Set<number>();

  function writePiece(number: number): void {
    const piece = pieces[number]!;
    written.add(number);
    piece.version = nextVersion(piece.version);
    storePiece(number);
  }

  /** Where sectors may be written that do not hold the content. A write that fails half-way leaves one of two sectors whole. */
  function storePiece(number: number): void {
    const piece = pieces[number]!;
    const bytes = content.subarray(number * PIECE, (number + 1) * PIECE);
    doubtful.add(number);
    for (const { first, count } of runsToWrite(piece)) {
      try {
        file.write(encodeSectors(bytes, piece.version, count), (number * COPIES + first) * SECTOR);
      } catch (error) {
        for (let sector = first; sector < first + count; sector += 1) {
          piece.versions[sector] = versionAt(file, (number * COPIES + sector) * SECTOR);
        }
        throw error;
      }
      piece.versions.fill(piece.version, first, first + count);
    }
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
      piece.flushing = KEPT_FIRST.find((sector) => sector !== piece.kept);
    }
    underWay = flushPieces(flushed);
    await underWay;
  }

  async function flushPieces(flushed: ReadonlySet<number>): Promise<void> {
    try {
      await file.flush();
      for (const number of flushed) pieces[number]!.kept = pieces[number]!.flushing!;
    } catch (error) {
      // Nobody knows what of it is durable; what was before still is.
      for (const number of flushed) doubtful.add(number);
      throw error;
    } finally {
      underWay = undefined;
      for (const number of flushed) pieces[number]!.flushing = undefined;
      for (const number of written) doubleIfPossible(number);
    }
  }

  /** Written while it was flushed, it has one sector so far. Where that fails it is tried again before the next flush. */
  function doubleIfPossible(number: number): void {
    if (doubtful.has(number)) return;
    try {
      storePiece(number);
    } catch {
      // It counts as doubtful.
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
    doubled() {
      const waits = [...written].some((number) => pieces[number]!.flushing !== undefined);
      return waits ? underWay?.catch(() => undefined) : undefined;
    },
    close: () => file.close(),
  };
}

export class GuardedFileError extends Error {
  override readonly name = 'GuardedFileError';
}

/**
 * Neither what is durable, nor what is becoming so, nor what holds the content. Neighbours at once, but where one of them holds nothing
 * valid that one first: the other is the last that a killed process would leave of what was written before.
 */
function runsToWrite({
  versions,
  version,
  kept,
  flushing,
}: Piece): { readonly first: number; readonly count: number }[] {
  const sectors = [0, 1, 2].filter((sector) => sector !== kept && sector !== flushing && versions[sector] !== version);
  const [first, second] = sectors;
  if (first !== undefined && second === first + 1 && (versions[first] === 0) === (versions[second] === 0)) {
    return [{ first, count: 2 }];
  }
  return sectors
    .toSorted((left, right) => Number(versions[left] !== 0) - Number(versions[right] !== 0))
    .map((sector) => ({ first: sector, count: 1 }));
}

function load(file: StorageFile, content: Uint8Array): Piece[] {
  const read = readGuardedFile(file, content.length);
  const fault = read.pieces.map(faultOf).find((found) => found !== undefined);
  if (fault) throw new GuardedFileError(`${file.name}: ${fault.what}`);
  content.set(read.content);
  return read.pieces.map(({ versions }) => {
    const version = newestVersion(versions);
    const holder = KEPT_FIRST.find((sector) => versions[sector] === version);
    return {
      versions: [...versions],
      version,
      kept: version > 0 ? holder! : LAST_TO_WRITE,
      flushing: undefined,
    };
  });
}
