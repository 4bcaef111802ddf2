import { createHash } from 'node:crypto';

/**
 * One line of the audit: JSON, a tabulator, the SHA-256 of the JSON in hex, a line end. Each record names the hash of the
 * one before it, so that none can be changed, taken out or put in without all behind it becoming wrong.
 */
export interface AuditEntry {
  /** Milliseconds since 1970, UTC. */
  readonly wallMs: number;
  /** `begun` before execution, `ended` after it, `refused` instead of both; `opened`, `configured` and `damage` are the array's own. */
  readonly event:
    | 'opened'
    | 'configured'
    | 'damage'
    | 'begun'
    | 'ended'
    | 'refused'
    | 'answered'
    | 'counting'
    | 'counted';
  /** LUN of the command device. */
  readonly lun?: number;
  /** iSCSI name, and the port behind it (RFC 7143 section 4.4.3). */
  readonly initiator?: string;
  readonly nexus?: string;
  /** Of a login: where it came from. Its `initiator` is what it called itself, unproved. */
  readonly address?: string;
  /** Name of the key that signed the block; absent where none did. */
  readonly key?: string;
  /** Who asks, in the host's own words; unverified. */
  readonly host?: string;
  /** Of a command of the management terminal instead of these: who asks, in its own words. */
  readonly manager?: string;
  /** The request itself, as JSON. */
  readonly asked?: string;
  /** Name of the process, or its number where there is none. */
  readonly process?: string;
  readonly requestId?: string;
  readonly group?: string;
  /** Name of the status code. */
  readonly status?: string;
  /** Of `counted`: refusals that were not told one by one. */
  readonly count?: number;
  /** Of `configured`: SHA-256 of what the array is served with, in hex. */
  readonly digest?: string;
  /** What a refusal said; what an event of the array means. */
  readonly why?: string;
}

export interface AuditRecord extends AuditEntry {
  /** From 1, without gaps over all files. */
  readonly seq: number;
  /** Hash of the record before; zeros before the first. */
  readonly prev: string;
}

export interface HashedRecord {
  readonly record: AuditRecord;
  readonly hash: string;
}

export const NO_HASH = '0'.repeat(64);
/** Longer lines are no records. Names and messages are bounded far below. */
export const LINE_LIMIT = 4096;
const HASH_LENGTH = 64;

export function encodeRecord(record: AuditRecord): { readonly line: Uint8Array; readonly hash: string } {
  const json = JSON.stringify(record);
  const hash = hashOf(json);
  return { line: new TextEncoder().encode(`${json}\t${hash}\n`), hash };
}

/** Total: undefined where the line (without its end) is no record whose hash is right. */
export function decodeRecord(line: string): HashedRecord | undefined {
  const json = line.slice(0, -HASH_LENGTH - 1);
  const hash = line.slice(-HASH_LENGTH);
  if (line.at(-HASH_LENGTH - 1) !== '\t' || hashOf(json) !== hash) return undefined;
  try {
    const record = JSON.parse(json) as AuditRecord;
    return Number.isSafeInteger(record.seq) && typeof record.prev === 'string' ? { record, hash } : undefined;
  } catch {
    return undefined;
  }
}

function hashOf(json: string): string {
  return createHash('sha256').update(json, 'utf8').digest('hex');
}
