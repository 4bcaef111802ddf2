import type { Clock } from '../../base/clock.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';
import { PROCESSES } from '../../interface-block/process-table.ts';
import { statusName } from '../../interface-block/status.ts';
import type { RequestTable } from '../command-device/request-table.ts';
import { CHAIN_START, cutText, readChain, type ChainEnd } from './chain.ts';
import { auditFileName, auditFileNumbers } from './files.ts';
import { encodeRecord, type AuditEntry, type AuditRecord } from './record.ts';

/** The audit keeps at least the last 31 x 4 MiB, some 250,000 records; what is older goes, a file at a time. */
export const AUDIT_FILE_BYTES = 4 * 1024 * 1024;
export const AUDIT_FILES = 32;

export interface AuditLog {
  /** Resolves when the record is durable. Rejects where the storage fails: what it tells of must not happen then. */
  append(entry: NewEntry): Promise<void>;
  /** Resolves when the record is written; a crash of this process does not lose it, and the next flush makes it durable. */
  note(entry: NewEntry): Promise<void>;
  /** Commands that were begun by an earlier life of the array and of whose end the audit knows nothing. */
  readonly unfinished: readonly AuditRecord[];
  /** The last record that is certainly durable. */
  durableEnd(): ChainEnd;
  close(): void;
}

export type NewEntry = Omit<AuditEntry, 'wallMs' | 'array'>;

export interface AuditParts {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Serial; stands in each record. */
  readonly array?: string;
  /** A record that must be there, as the tables of the array know: where it is missing, a `damage` record says so. */
  readonly known?: ChainEnd;
  readonly fileBytes?: number;
  readonly fileLimit?: number;
}

/** Opens or begins the audit. Nothing that is in it is changed: behind damage a new file begins, and says so. */
export async function openAuditLog(parts: AuditParts): Promise<AuditLog> {
  const found = readNewest(parts.storage, parts.known);
  const log = new Writer(parts, found);
  await log.begin(found);
  return log;
}

interface Found {
  readonly number: number;
  readonly end: ChainEnd;
  readonly soundBytes: number;
  readonly tornBytes: number;
  /** Why the newest file must not be written to any more. */
  readonly damage: string | undefined;
  /** What is not as the tables know it. */
  readonly cut: string | undefined;
  readonly unfinished: readonly AuditRecord[];
}

/** The last two files are enough: the newer one may be empty still. */
function readNewest(storage: Storage, known: ChainEnd | undefined): Found {
  const numbers = auditFileNumbers(storage.list()).slice(-2);
  let end: ChainEnd | undefined = (numbers[0] ?? 1) === 1 ? CHAIN_START : undefined;
  const nothing = { damage: undefined, cut: undefined, unfinished: [] };
  let found: Found = { number: 0, end: CHAIN_START, soundBytes: 0, tornBytes: 0, ...nothing };
  let cut = known;
  let first = 0;
  const begun = new Map<string, AuditRecord>();
  for (const number of numbers) {
    const file = storage.open(auditFileName(number));
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    file.close();
    const { records, soundBytes, tornBytes, damage } = readChain(bytes, end);
    for (const { record, hash } of records) {
      if (record.seq === known?.seq && hash === known.hash) cut = undefined;
      if (record.event === 'begun') begun.set(record.requestId ?? '', record);
      if (record.event === 'ended') begun.delete(record.requestId ?? '');
    }
    first ||= records[0]?.record.seq ?? 0;
    const last = records.at(-1);
    end = last ? { seq: last.record.seq, hash: last.hash } : end;
    const why = damage && `${auditFileName(number)} is damaged at byte ${damage.offset}: ${damage.why}`;
    found = { number, end: end ?? CHAIN_START, soundBytes, tornBytes, ...nothing, damage: why };
  }
  // Where the newest file is damaged, that says more; what stands in older files than these was not looked at.
  const wrong = found.damage === undefined && cut && isAmong(cut, found, first);
  return { ...found, cut: wrong ? cutText(cut!, found.end) : undefined, unfinished: [...begun.values()] };
}

function isAmong({ seq }: ChainEnd, { end }: Found, firstRead: number): boolean {
  return seq > end.seq || seq >= firstRead;
}

interface Written {
  readonly file: StorageFile;
  readonly end: ChainEnd;
}

class Writer implements AuditLog {
  readonly unfinished: readonly AuditRecord[];
  private readonly parts: AuditParts;
  private number: number;
  private end: ChainEnd;
  private durable: ChainEnd;
  private file: StorageFile | undefined;
  /** Whoever wrote into it last may be waiting for its flush still. */
  private previous: StorageFile | undefined;
  private offset = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private failure: unknown;

  constructor(parts: AuditParts, found: Found) {
    this.parts = parts;
    this.number = found.number;
    this.end = found.end;
    this.durable = found.end;
    this.unfinished = found.unfinished;
  }

  async begin({ number, soundBytes, tornBytes, damage, cut }: Found): Promise<void> {
    if (number === 0 || damage !== undefined) await this.openNext();
    else this.continueIn(this.parts.storage.open(auditFileName(number)), soundBytes);
    if (damage !== undefined) await this.append({ event: 'damage', why: damage });
    if (cut !== undefined) await this.append({ event: 'damage', why: cut });
    const torn = tornBytes > 0 ? `; ${tornBytes} bytes of a record that was not yet answered to were cut short` : '';
    await this.append({ event: 'opened', why: `the array starts${torn}` });
  }

  private continueIn(file: StorageFile, soundBytes: number): void {
    if (file.size() > soundBytes) file.truncate(soundBytes);
    this.file = file;
    this.offset = soundBytes;
  }

  durableEnd(): ChainEnd {
    return this.durable;
  }

  async append(entry: NewEntry): Promise<void> {
    const { file, end } = await this.inTurn(entry);
    try {
      await file.flush();
      if (end.seq > this.durable.seq) this.durable = end;
    } catch (error) {
      // What the kernel could not write it counts as clean: nothing behind it can be trusted to be durable.
      this.failure ??= error;
      throw error;
    }
  }

  async note(entry: NewEntry): Promise<void> {
    const { file } = await this.inTurn(entry);
    file.flush().catch((error: unknown) => (this.failure ??= error));
  }

  close(): void {
    this.failure ??= new Error('the audit is closed');
    this.previous?.close();
    this.file?.close();
  }

  private inTurn(entry: NewEntry): Promise<Written> {
    const written = this.turn.then(() => this.write(entry));
    this.turn = written.catch(() => undefined);
    return written;
  }

  private async write(entry: NewEntry): Promise<Written> {
    if (this.failure !== undefined) throw this.failure;
    if (this.offset >= (this.parts.fileBytes ?? AUDIT_FILE_BYTES)) await this.rotate();
    const file = this.file!;
    const { clock, array } = this.parts;
    const place = { seq: this.end.seq + 1, prev: this.end.hash };
    const origin = { wallMs: clock.wallMs(), ...(array !== undefined && { array }) };
    const { line, hash } = encodeRecord({ ...place, ...origin, ...entry });
    try {
      file.write(line, this.offset);
    } catch (error) {
      if (file.size() > this.offset) file.truncate(this.offset);
      throw error;
    }
    this.offset += line.length;
    this.end = { seq: place.seq, hash };
    return { file, end: this.end };
  }

  /** The chain must not go on in a file while the one before is not durable. */
  private async rotate(): Promise<void> {
    await this.file?.flush();
    await this.openNext();
    const limit = this.parts.fileLimit ?? AUDIT_FILES;
    const numbers = auditFileNumbers(this.parts.storage.list());
    for (const number of numbers.slice(0, Math.max(0, numbers.length - limit))) {
      await this.parts.storage.remove(auditFileName(number));
    }
  }

  private async openNext(): Promise<void> {
    // Where it cannot be opened (no room, too many files) nothing has changed: the next command tries again.
    const next = this.parts.storage.open(auditFileName(this.number + 1));
    this.previous?.close();
    this.previous = this.file;
    this.number += 1;
    this.continueIn(next, 0);
  }
}

const NEVER = 'never executed: the array ended first';

/** The outcome of a management command is in no table. */
function isKept(process: string): boolean {
  return Object.values(PROCESSES).some(({ name, changes }) => changes && name === process);
}

/** Says of each command that was begun when an earlier life of the array ended what became of it, as the tables have it. */
export async function concludeUnfinished(audit: AuditLog, requests: Pick<RequestTable, 'find'>): Promise<void> {
  for (const { requestId = '', process = '' } of audit.unfinished) {
    const outcome = requests.find(requestId);
    const status = outcome && (statusName(outcome.status) ?? String(outcome.status));
    const why = outcome ? 'learned at the start' : isKept(process) ? NEVER : 'whether it was executed is not known';
    await audit.append({ event: 'ended', process, requestId, ...(status !== undefined && { status }), why });
  }
}
