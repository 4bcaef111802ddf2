import { CHAIN_START, cutText, readChain, type ChainEnd } from './chain.ts';
import { auditFileName, auditFileNumbers } from './files.ts';
import type { HashedRecord } from './record.ts';

export interface AuditFinding {
  readonly file: string;
  /** Byte offset in the file. */
  readonly offset: number;
  readonly why: string;
}

export interface AuditReport {
  readonly records: readonly HashedRecord[];
  readonly files: number;
  /** The first record kept; more than 1 where older files were removed in their time. */
  readonly firstSeq: number;
  readonly last: ChainEnd;
  /** Whatever is wrong; empty: the chain holds from the first record kept to the last. */
  readonly findings: readonly AuditFinding[];
  /** Bytes of a last record that is being written, or that a crash cut short: it was never answered to. */
  readonly tornBytes: number;
}

/** A record that somebody noted elsewhere: proof against a chain that was written anew, and against a missing end. */
export interface Anchor {
  readonly seq: number;
  readonly hash: string;
}

/**
 * Checks all audit files of an array; `read` gives their bytes. Nothing is changed. `known`: the record of which the tables of
 * the array know; it may have been removed in its time, unlike one that somebody noted.
 */
export function verifyAudit(
  names: readonly string[],
  read: (name: string) => Uint8Array,
  anchor?: Anchor,
  known?: Anchor,
): AuditReport {
  const numbers = auditFileNumbers(names);
  const findings: AuditFinding[] = [];
  const records: HashedRecord[] = [];
  let end: ChainEnd | undefined = numbers[0] === 1 ? CHAIN_START : undefined;
  let tornBytes = 0;
  let expected = numbers[0];
  for (const number of numbers) {
    const file = auditFileName(number);
    if (number !== expected) findings.push({ file, offset: 0, why: `${auditFileName(expected!)} is missing` });
    expected = number + 1;
    const reading = readChain(read(file), end);
    records.push(...reading.records);
    const last = reading.records.at(-1);
    end = last ? { seq: last.record.seq, hash: last.hash } : end;
    if (reading.damage) findings.push({ file, ...reading.damage });
    if (reading.tornBytes === 0) continue;
    if (number === numbers.at(-1)) tornBytes = reading.tornBytes;
    else findings.push({ file, offset: reading.soundBytes, why: 'a record was cut short, and another file follows' });
  }
  const last = end ?? CHAIN_START;
  if (anchor) findings.push(...anchorFindings(anchor, records, numbers.at(-1)));
  if (known && findings.length === 0 && known.seq >= (records[0]?.record.seq ?? 0)) {
    findings.push(...anchorFindings(known, records, numbers.at(-1)));
  }
  return { records, files: numbers.length, firstSeq: records[0]?.record.seq ?? 0, last, findings, tornBytes };
}

const LISTINGS = 3;

/** Of an array that may be running: it removes its oldest file now and then, so what was listed a moment ago may be gone. */
export function verifyLiveAudit(
  list: () => readonly string[],
  read: (name: string) => Uint8Array,
  anchor?: Anchor,
  known?: Anchor,
  listings = LISTINGS,
): AuditReport {
  try {
    return verifyAudit(list(), read, anchor, known);
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!gone || listings === 1) throw error;
    return verifyLiveAudit(list, read, anchor, known, listings - 1);
  }
}

function anchorFindings(anchor: Anchor, records: readonly HashedRecord[], newest: number | undefined): AuditFinding[] {
  const file = auditFileName(newest ?? 1);
  const found = records.find(({ record }) => record.seq === anchor.seq);
  if (found?.hash === anchor.hash) return [];
  const first = records[0]?.record.seq ?? 0;
  if (!found && anchor.seq < first) {
    return [{ file, offset: 0, why: `record ${anchor.seq} is no longer kept; the first is ${first}` }];
  }
  const last = records.at(-1);
  return [{ file, offset: 0, why: cutText(anchor, last ? { seq: last.record.seq, hash: last.hash } : CHAIN_START) }];
}
