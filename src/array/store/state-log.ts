import { crc32 } from 'node:zlib';
import { readU32, writeU32 } from '../../base/bytes.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';

/**
 * The tables of the array on disk: a log of JSON records, each a patch over the ones before it.
 *
 * Record: magic u32 "CDSL", length u32, CRC-32 of the payload u32, payload. A commit is durable before it resolves, and
 * one is in flight at a time. A torn tail is normal (the commit was never confirmed); a damaged record
 * with valid ones behind it is not, and opening fails by name.
 */
const MAGIC = 0x4344534c;
const HEADER_SIZE = 12;
const LOG_NAME = 'state';
const COMPACT_NAME = 'state.new';
export const COMPACT_BYTES = 4 * 1024 * 1024;

export class StateLogError extends Error {
  override readonly name = 'StateLogError';
}

export interface StateLog<Entry> {
  /** Appends and flushes; rejects when the log's storage has failed, and then for ever. */
  append(entry: Entry): Promise<void>;
  close(): void;
}

export interface OpenedStateLog<Entry> {
  readonly log: StateLog<Entry>;
  /** Everything committed, oldest first. */
  readonly entries: readonly Entry[];
}

/**
 * Opens or creates the log. `snapshot` is asked for the records that replace all older ones when the log has grown
 * beyond `COMPACT_BYTES`. `check` sees what was read before anything is changed, and throws where it must not be used.
 */
export async function openStateLog<Entry>(
  storage: Storage,
  snapshot: () => readonly Entry[],
  check: (records: readonly LogRecord[]) => void = () => undefined,
): Promise<OpenedStateLog<Entry>> {
  const { records, end, fault } = readStateLog(storage);
  if (fault)
    throw new StateLogError(`state log: ${fault.what}; the storage has lost committed state, restore it from a copy`);
  check(records);
  if (storage.exists(COMPACT_NAME)) await storage.remove(COMPACT_NAME);
  const file = storage.open(LOG_NAME);
  if (end < file.size()) file.truncate(end);
  // A commit that a killed process left in the page cache counts from here on, so no power cut may take it back.
  await file.flush();
  return { log: createWriter(storage, file, end, snapshot), entries: records.map(({ entry }) => entry as Entry) };
}

export interface LogRecord {
  /** Where the record begins in the file. */
  readonly at: number;
  readonly entry: unknown;
}

export interface ReadStateLog {
  readonly records: readonly LogRecord[];
  /** Behind the last whole record; what follows in the file is a commit that was never confirmed. */
  readonly end: number;
  readonly size: number;
  /** Damage to what had been confirmed. */
  readonly fault: { readonly at: number; readonly what: string } | undefined;
}

/** Reads the log and changes nothing. */
export function readStateLog(storage: Storage): ReadStateLog {
  const bytes = storage.exists(LOG_NAME) ? contentOf(storage.open(LOG_NAME)) : new Uint8Array(0);
  const records: LogRecord[] = [];
  let at = 0;
  for (let length = recordLength(bytes, at); length !== undefined; length = recordLength(bytes, at)) {
    const entry = parsed(bytes.subarray(at + HEADER_SIZE, at + length));
    if (entry === undefined) {
      return {
        records,
        end: at,
        size: bytes.length,
        fault: { at, what: `the record at byte ${at} is no JSON object` },
      };
    }
    records.push({ at, entry });
    at += length;
  }
  return { records, end: at, size: bytes.length, fault: holeAt(bytes, at) ?? lostStart(storage, records) };
}

function contentOf(file: StorageFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

function parsed(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'),
    );
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The first commit is durable before any other file is made: with such a file, a log without records was damaged. */
function lostStart(storage: Storage, records: readonly LogRecord[]): ReadStateLog['fault'] {
  const other = storage.list().find((name) => name !== LOG_NAME && name !== COMPACT_NAME);
  if (records.length > 0 || other === undefined) return undefined;
  return { at: 0, what: `no record in it can be read, though ${other} shows that the array has been served` };
}

/** Whole length of the valid record at `at`, or undefined. */
function recordLength(bytes: Uint8Array, at: number): number | undefined {
  if (at + HEADER_SIZE > bytes.length || readU32(bytes, at) !== MAGIC) return undefined;
  const length = readU32(bytes, at + 4);
  const end = at + HEADER_SIZE + length;
  if (length === 0 || end > bytes.length) return undefined;
  const valid = crc32(bytes.subarray(at + HEADER_SIZE, end)) === readU32(bytes, at + 8);
  return valid ? HEADER_SIZE + length : undefined;
}

/** One commit is in flight at a time, so only the last record can be torn: a valid one behind damage means rot. */
function holeAt(bytes: Uint8Array, damagedAt: number): ReadStateLog['fault'] {
  for (let at = damagedAt + 1; at + HEADER_SIZE <= bytes.length; at += 1) {
    if (bytes[at] === 0x43 && recordLength(bytes, at) !== undefined) {
      return {
        at: damagedAt,
        what: `the record at byte ${damagedAt} is damaged but a valid one follows at byte ${at}`,
      };
    }
  }
  return undefined;
}

function encodeRecord(entry: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(entry), 'utf8');
  const record = new Uint8Array(HEADER_SIZE + payload.length);
  writeU32(record, 0, MAGIC);
  writeU32(record, 4, payload.length);
  writeU32(record, 8, crc32(payload));
  record.set(payload, HEADER_SIZE);
  return record;
}

function createWriter<Entry>(
  storage: Storage,
  opened: StorageFile,
  endOfLog: number,
  snapshot: () => readonly Entry[],
): StateLog<Entry> {
  let file = opened;
  let end = endOfLog;
  let tail: Promise<void> = Promise.resolve();
  let failure: unknown;

  async function write(entry: Entry): Promise<void> {
    if (failure !== undefined) throw failure;
    try {
      const record = encodeRecord(entry);
      file.write(record, end);
      await file.flush();
      end += record.length;
      if (end > COMPACT_BYTES) await compact();
    } catch (error) {
      failure = error;
      throw error;
    }
  }

  async function compact(): Promise<void> {
    if (storage.exists(COMPACT_NAME)) await storage.remove(COMPACT_NAME);
    const fresh = storage.open(COMPACT_NAME);
    let at = 0;
    for (const entry of snapshot()) {
      const record = encodeRecord(entry);
      fresh.write(record, at);
      at += record.length;
    }
    await fresh.flush();
    await storage.rename(COMPACT_NAME, LOG_NAME);
    file.close();
    file = fresh;
    end = at;
  }

  return {
    append(entry) {
      const done = tail.then(() => write(entry));
      tail = done.catch(() => undefined);
      return done;
    },
    close() {
      file.close();
    },
  };
}
