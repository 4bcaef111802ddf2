import { crc32 } from 'node:zlib';
import type { SimDisk } from '../disk.ts';
import type { DiskWatcher } from '../disk-watcher.ts';
import { groupOf, type Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';
import type { Findings } from './checker.ts';

/**
 * I3 and I8: what the journal of a group holds, block by block, read off what is written there. A record lies where its number and the
 * data before it say, also where it is split at the end of the ring, and nothing that is still needed is written over: at a
 * primary what was not purged, at an auxiliary what was acquired and not restored. Knows of the product only the bytes that
 * `src/array/README.md` and `journal/record.ts` document.
 */
export interface Ring {
  /** The last records that were stored, as many as there is room for; those behind a tail that was lost are among them. */
  readonly stored: () => readonly Stored[];
  readonly recordLimit: number;
  readonly blocks: number;
}

export interface Stored {
  readonly sequence: number;
  readonly slot: number;
  /** Of the volume, in blocks of 512 bytes. */
  readonly lba: number;
  readonly length: number;
  readonly blockCount: number;
  /** Blocks of data stored before it. */
  readonly offset: number;
}

const BLOCK = 512;
const HEADER_BLOCKS = 8;
const DATA_BLOCKS_PER_RECORD = 8;
const MAGIC = 'CDCTLREC';

export function watchRing(
  disk: SimDisk,
  side: Side,
  recordLimit: number,
  findings: Findings,
): { readonly ring: Ring; readonly watcher: DiskWatcher } {
  const file = `lun-${side.journalLun}.journal`;
  const head = HEADER_BLOCKS + recordLimit;
  const blocks = recordLimit * DATA_BLOCKS_PER_RECORD;
  const records = new Map<number, Stored>();
  const seen = { follows: false, returns: 0 };

  const fail = (invariant: 'I3-full' | 'I8-wrap', what: string): void =>
    findings.add(new SimFailure(invariant, `${side.name}: ${what}`));

  function store(record: Stored, metadataBlock: number, dataCrc: number, dataLba: number): void {
    const { sequence, offset, blockCount } = record;
    lookAgain();
    // Stored anew: what stood behind it belongs to another time.
    const kept = keptBy(side);
    for (const other of records.values()) {
      if (other.sequence >= sequence || other.sequence + recordLimit < sequence) records.delete(other.sequence);
      const isNeeded = other.sequence > kept && other.sequence < sequence;
      const isHit = sequence - other.sequence >= recordLimit || offset + blockCount - other.offset > blocks;
      if (isNeeded && isHit)
        fail('I3-full', `record ${sequence} is written over record ${other.sequence}, which is still needed`);
    }
    const before = records.get(sequence - 1);
    const begins = before ? before.offset + before.blockCount : offset;
    const joins = readOf(side, sequence - 1) ?? offset;
    const isInPlace =
      metadataBlock === HEADER_BLOCKS + (sequence % recordLimit) &&
      dataLba === head + (offset % blocks) &&
      offset === begins &&
      offset === joins;
    if (!isInPlace) fail('I8-wrap', `record ${sequence} lies in block ${metadataBlock}, its data from ${dataLba} on`);
    else if (crc32(dataAt(offset, blockCount)) !== dataCrc)
      fail('I8-wrap', `the data of record ${sequence} is not there`);
    records.set(sequence, record);
  }

  /** What an older copy of the storage has brought back stands there in place of what was known. */
  function lookAgain(): void {
    if (seen.returns === side.peek.returns()) return;
    seen.returns = side.peek.returns();
    for (const sequence of records.keys()) {
      const there = decode(disk.peek(file, (HEADER_BLOCKS + (sequence % recordLimit)) * BLOCK, BLOCK));
      if (there?.record.sequence === sequence) records.set(sequence, there.record);
      else records.delete(sequence);
    }
  }

  /** Whoever begins to follow goes on where its primary's ring does: what it had stored itself is no part of that. */
  function noteFollowing(): void {
    const group = groupOf(side);
    const follows = group?.role === 'auxiliary' && group.following;
    if (follows && !seen.follows) records.clear();
    seen.follows = follows;
  }

  /** What reaches the end goes on at the head. */
  function dataAt(offset: number, blockCount: number): Uint8Array {
    const from = offset % blocks;
    const first = Math.min(blockCount, blocks - from);
    const end = disk.peek(file, (head + from) * BLOCK, first * BLOCK);
    return Buffer.concat([end, disk.peek(file, head * BLOCK, (blockCount - first) * BLOCK)]);
  }

  const watcher: DiskWatcher = {
    written(name, offset, data) {
      const metadata = name === file ? decode(data) : undefined;
      if (metadata) store(metadata.record, offset / BLOCK, metadata.dataCrc, metadata.dataLba);
    },
    truncated: () => undefined,
    flushed: () => noteFollowing(),
  };
  return {
    watcher,
    ring: {
      recordLimit,
      blocks,
      stored() {
        lookAgain();
        return [...records.values()];
      },
    },
  };
}

/** Undefined: no record. */
function decode(data: Uint8Array): { record: Stored; dataCrc: number; dataLba: number } | undefined {
  if (data.length !== BLOCK || Buffer.from(data.subarray(0, 8)).toString('latin1') !== MAGIC) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, BLOCK);
  const number = (at: number): number => Number(view.getBigUint64(at));
  const record = {
    sequence: number(8),
    slot: data[40]!,
    lba: number(48),
    length: number(80),
    blockCount: view.getUint32(44),
    offset: number(56),
  };
  return { record, dataCrc: view.getUint32(72), dataLba: number(64) };
}

/** Where an auxiliary that has read up to this record goes on. */
function readOf(side: Side, sequence: number): number | undefined {
  const group = groupOf(side);
  return group?.role === 'auxiliary' && group.read.sequence === sequence ? group.read.offset : undefined;
}

/** Up to which record the group needs none any more. */
function keptBy(side: Side): number {
  const group = groupOf(side);
  if (!group) return Infinity;
  return group.role === 'primary' ? group.purged.sequence : group.restored.sequence;
}
