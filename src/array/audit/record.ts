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
  /** Serial of the array; absent in records of earlier versions. */
  readonly array?: string;
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
  /** What was asked for, as JSON: of a command its input parameter. Cut where it is long; secrets are in neither. */
  readonly asked?: string;
  /** As what the asker was taken: the role of its grant or key; absent where that does not matter, or nobody is known. */
  readonly role?: string;
  /** Name of the process, or its number where there is none. */
  readonly process?: string;
  readonly requestId?: string;
  readonly group?: string;
  /** Name of the status code. */
  readonly status?: string;
  /** Where the WRITE of a block itself ended in CHECK CONDITION: sense key, ASC and ASCQ, `5/26/0` in hex. */
  readonly sense?: string;
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

/** What JSON leaves as it is and a terminal obeys: whoever looks at the file with other tools is safe from it, too. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The longest beginning of a text that takes at most so many bytes in a record, with three dots where it is not all. */
export function fitRecord(text: string, byteLimit: number): string {
  const room = (part: string): number => Buffer.byteLength(JSON.stringify(part).replaceAll(OBEYED, escaped)) - 2;
  if (room(text) <= byteLimit) return text;
  let kept = text.slice(0, byteLimit - 3);
  while (room(kept) > byteLimit - 3) kept = kept.slice(0, Math.floor(kept.length * 0.9));
  return `${kept}...`;
}

export function encodeRecord(record: AuditRecord): { readonly line: Uint8Array; readonly hash: string } {
  const json = JSON.stringify(record).replaceAll(OBEYED, escaped);
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
