import { crc32 } from 'node:zlib';
import type { SimDisk } from '../disk.ts';
import type { DiskWatcher } from '../disk-watcher.ts';
import { SimFailure } from '../verdict.ts';
import type { Findings } from './checker.ts';
import { IN_PLACE_PIECE, IN_PLACE_SECTOR, newestVersion, versionAt } from './in-place.ts';

/**
 * I10: of each table one copy that is valid, durable and as new as was ever promised stays untouched at all times, so that no power cut finds
 * all of them under way. Knows of the product only what `src/array/README.md` says of the bytes.
 *
 * The log of tables only grows behind what is durable, and gives way to another file only once that is durable as a whole.
 */
const IN_PLACE = /\.map$|^differences-|\.sanitize$/;
const LOG = 'state';
const NEW_LOG = 'state.new';
const LOG_HEADER = 12;
const LOG_MAGIC = 0x4344534c;

export function watchMetadata(disk: SimDisk, array: string, findings: Findings): DiskWatcher {
  /** By file and piece the newest version that a flush has made durable. */
  const promised = new Map<string, Map<number, number>>();
  /** Pieces written since the last flush of the file ended. */
  const touched = new Map<string, Set<number>>();
  const logEnd = { known: 0 };

  const fail = (what: string): void => findings.add(new SimFailure('I10-metadata', `${array}: ${what}`));

  /** A file that could not be flushed, or has rotted, is lost anyway until somebody has put that right. */
  const isJudged = (name: string): boolean => !disk.doubtful && disk.wounds(name).length === 0;

  function judgePiece(name: string, number: number): void {
    const file = disk.inspect(name);
    if (!file || !isJudged(name)) return;
    const of = promised.get(name) ?? new Map<number, number>();
    promised.set(name, of);
    const wanted = of.get(number) ?? newestVersion(file.bytes, number);
    of.set(number, wanted);
    if (wanted === 0) return;
    const isSafe = (copy: number): boolean =>
      !file.isPending(number * IN_PLACE_PIECE + copy * IN_PLACE_SECTOR, IN_PLACE_SECTOR) &&
      versionAt(file.bytes, number, copy) === wanted;
    if ([0, 1, 2].some(isSafe)) return;
    fail(`no sector of piece ${number} of ${name} with version ${wanted}, which is durable, is left alone`);
  }

  function judgeLog(offset: number): void {
    const file = disk.inspect(LOG);
    if (!file || !isJudged(LOG)) return;
    logEnd.known = endOfLog(file.bytes, logEnd.known);
    if (offset < logEnd.known)
      fail(`byte ${offset} of the log of tables is written, which is durable up to ${logEnd.known}`);
  }

  return {
    written(name, offset, data) {
      if (name === LOG) return judgeLog(offset);
      if (!IN_PLACE.test(name)) return;
      const pieces = touched.get(name) ?? new Set();
      touched.set(name, pieces);
      for (
        let number = Math.floor(offset / IN_PLACE_PIECE);
        number * IN_PLACE_PIECE < offset + data.length;
        number += 1
      ) {
        pieces.add(number);
        judgePiece(name, number);
      }
    },
    truncated(name, size) {
      if (name === LOG) judgeLog(size);
    },
    flushed(name) {
      const file = disk.inspect(name);
      for (const number of touched.get(name) ?? []) {
        promised.get(name)?.set(number, file ? newestVersion(file.bytes, number) : 0);
        judgePiece(name, number);
        if (!file?.isPending(number * IN_PLACE_PIECE, IN_PLACE_PIECE)) touched.get(name)!.delete(number);
      }
    },
    renamed(name) {
      if (name !== NEW_LOG) return;
      const fresh = disk.inspect(NEW_LOG);
      const isWhole = fresh && !fresh.hasPending && endOfLog(fresh.bytes, 0) === fresh.bytes.length;
      if (!isWhole && !disk.doubtful) fail('the new log of tables takes the place of the old one before it is durable');
      logEnd.known = 0;
    },
    removed(name) {
      promised.delete(name);
      touched.delete(name);
    },
    lost() {
      promised.clear();
      touched.clear();
      logEnd.known = 0;
    },
  };
}

/** Behind the last whole record of the log. */
function endOfLog(bytes: Uint8Array, from: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; ;) {
    if (at + LOG_HEADER > bytes.length || view.getUint32(at) !== LOG_MAGIC) return at;
    const length = view.getUint32(at + 4);
    const end = at + LOG_HEADER + length;
    // Of a record torn behind its magic number zeros are left, and the CRC-32 of nothing is 0.
    if (length === 0 || end > bytes.length || crc32(bytes.subarray(at + LOG_HEADER, end)) !== view.getUint32(at + 8))
      return at;
    at = end;
  }
}
