import { decodeRecord, LINE_LIMIT, NO_HASH, type HashedRecord } from './record.ts';

/** A place in the chain: what comes next must name this hash and bear the next number. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: NO_HASH };

/** What it means that a record which was there is not there now. */
export function cutText({ seq }: ChainEnd, end: ChainEnd): string {
  if (seq <= end.seq) return `record ${seq} is another than the one that was noted: the chain was written anew`;
  const which = seq === end.seq + 1 ? `record ${seq} is` : `records ${end.seq + 1} to ${seq} are`;
  return `${which} missing: the end of the audit was cut off, or an older copy put back`;
}

/** What is wrong, and where. */
export interface Damage {
  /** Byte offset in the file. */
  readonly offset: number;
  readonly why: string;
}

export interface FileReading {
  readonly records: readonly HashedRecord[];
  /** Bytes up to the end of the last sound record that follows all before it. */
  readonly soundBytes: number;
  /** Bytes behind it that a write cut short, or one under way, left; 0 where there are none. */
  readonly tornBytes: number;
  readonly damage: Damage | undefined;
}

/**
 * Follows the chain through the bytes of one file. Without `before`, the first record is believed where it stands: older files
 * may have been removed in their time.
 *
 * A crash leaves at most the beginning of a record, or zeros in the place of sectors that never reached the disk, and nothing
 * behind that. Everything else that does not check is damage: somebody changed the file, or the disk did.
 */
export function readChain(bytes: Uint8Array, before: ChainEnd | undefined): FileReading {
  const records: HashedRecord[] = [];
  let end = before;
  let offset = 0;
  while (offset < bytes.length) {
    const newline = bytes.indexOf(0x0a, offset);
    const line = newline < 0 ? undefined : Buffer.from(bytes.subarray(offset, newline)).toString('utf8');
    const found = line === undefined ? undefined : decodeRecord(line);
    if (!found) return broken(bytes, offset, records);
    const why = misplaced(found, end);
    if (why) return { records, soundBytes: offset, tornBytes: 0, damage: { offset, why } };
    records.push(found);
    end = { seq: found.record.seq, hash: found.hash };
    offset = newline + 1;
  }
  return { records, soundBytes: offset, tornBytes: 0, damage: undefined };
}

function misplaced({ record }: HashedRecord, end: ChainEnd | undefined): string | undefined {
  if (!end) return undefined;
  if (record.seq !== end.seq + 1) return `record ${record.seq} stands where ${end.seq + 1} belongs`;
  if (record.prev !== end.hash) return `record ${record.seq} does not follow the one before it: that is another now`;
  return undefined;
}

function broken(bytes: Uint8Array, offset: number, records: readonly HashedRecord[]): FileReading {
  const rest = bytes.subarray(offset);
  const damage = looksTorn(rest) ? undefined : { offset, why: 'what stands here is no record that checks' };
  return { records, soundBytes: offset, tornBytes: damage ? 0 : rest.length, damage };
}

/** No whole line, or zeros inside it; one record long at most, and no sound record behind. */
function looksTorn(rest: Uint8Array): boolean {
  const firstZero = rest.indexOf(0);
  const firstEnd = rest.indexOf(0x0a);
  if (firstEnd < 0 && firstZero < 0) return rest.length <= LINE_LIMIT;
  if (firstZero < 0) return false;
  const lines = Buffer.from(rest).toString('utf8').split('\n');
  return lines.every((line) => decodeRecord(line) === undefined);
}
