import type { Random } from '../../../src/base/random.ts';

/**
 * The log that QEMU's `blklogwrites` keeps of a device, in the format of Linux' dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst): a superblock (magic, version, number of entries as u64,
 * sector size as u32, little-endian), then entries of one sector (sector, sectors, flags, data length as u64), each
 * followed by its data. An entry is written when its request has been carried out.
 */

const MAGIC = 0x6a736677736872n;
const SECTOR = 512;
const FLUSH = 1n;
const DISCARD = 4n;
/** A journal of ext4 begins each of its blocks with it; types 3 and 4 are its superblock (jbd2.h). */
const JBD2_MAGIC = 0xc03b3998;
const EXT4_SUPERBLOCK_SECTOR = 2;

export interface LogEntry {
  readonly kind: 'write' | 'flush' | 'discard';
  /** Byte offset and bytes on the device; a discard has a length alone. */
  readonly offset: number;
  readonly data: Buffer;
  /** Bytes of the log up to and with this entry. */
  readonly logEnd: number;
}

export function parseWriteLog(log: Buffer): LogEntry[] {
  if (log.readBigUInt64LE(0) !== MAGIC || log.readUInt32LE(24) !== SECTOR)
    throw new Error('no log of 512-byte sectors');
  const count = Number(log.readBigUInt64LE(16));
  const entries: LogEntry[] = [];
  for (let at = SECTOR; entries.length < count;) {
    if (at + SECTOR > log.length) throw new Error(`the log ends in entry ${entries.length} of ${count}`);
    const flags = log.readBigUInt64LE(at + 16);
    const bytes = Number(log.readBigUInt64LE(at + 8)) * SECTOR;
    const offset = Number(log.readBigUInt64LE(at)) * SECTOR;
    at += SECTOR;
    const kind = (flags & FLUSH) !== 0n ? 'flush' : (flags & DISCARD) !== 0n ? 'discard' : 'write';
    const data = kind === 'write' ? log.subarray(at, at + bytes) : Buffer.alloc(0);
    at += data.length;
    entries.push({ kind, offset, data, logEnd: at });
  }
  return entries;
}

/** What the device holds after the power was cut. */
export interface CutState {
  readonly name: string;
  readonly image: Buffer;
  /** What was acknowledged when the log had so many bytes, or fewer, must have survived. */
  readonly logEnd: number;
}

/**
 * Plays the log on `image`, which it changes. At each flush that something was written before: the state with exactly
 * what was flushed, and, `tears` times, one in which each write since then, up to a random one, was done, dropped or torn.
 */
export function* cutStates(
  image: Buffer,
  entries: readonly LogEntry[],
  options: { readonly from: number; readonly random: Random; readonly tears: (boundary: number) => number },
): Generator<CutState> {
  let pending: LogEntry[] = [];
  let boundary = 0;
  for (const entry of entries) {
    if (entry.kind === 'write') pending.push(entry);
    if (entry.kind !== 'flush') continue;
    const counts = pending.length > 0 && entry.logEnd > options.from;
    for (let tear = 0; counts && tear < options.tears(boundary); tear += 1) {
      yield torn(image, pending, options.random, `flush ${boundary}, tear ${tear}`);
    }
    for (const write of pending) write.data.copy(image, write.offset);
    pending = [];
    if (counts) yield { name: `flush ${boundary}`, image, logEnd: entry.logEnd };
    if (counts) boundary += 1;
  }
}

function torn(durable: Buffer, pending: readonly LogEntry[], random: Random, name: string): CutState {
  const image = Buffer.from(durable);
  const issued = pending.slice(0, 1 + random.below(pending.length));
  for (const write of issued) {
    const fate = random.below(3);
    if (fate === 0) continue;
    if (fate === 1 || isAtomic(write)) write.data.copy(image, write.offset);
    else tear(write, image, random);
  }
  return { name, image, logEnd: issued.at(-1)!.logEnd };
}

/** Any of its sectors reach the medium, in no order. */
function tear({ data, offset }: LogEntry, image: Buffer, random: Random): void {
  for (let at = 0; at < data.length; at += SECTOR) {
    if (random.below(2) === 0) data.copy(image, offset + at, at, at + SECTOR);
  }
}

/** ext4 itself needs its superblock and that of its journal whole: it has one current copy of each, of two sectors. */
function isAtomic({ data, offset }: LogEntry): boolean {
  const superblock = EXT4_SUPERBLOCK_SECTOR * SECTOR;
  if (offset <= superblock && superblock < offset + data.length) return true;
  return data.readUInt32BE(0) === JBD2_MAGIC && [3, 4].includes(data.readUInt32BE(4));
}
