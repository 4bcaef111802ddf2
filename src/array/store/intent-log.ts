import { crc32 } from 'node:zlib';
import { isAllZero, readU32, writeU32 } from '../../base/bytes.ts';
import { defineLayout, type ValueOf } from '../../base/layout.ts';
import type { StorageFile } from '../../base/storage.ts';

/**
 * What a volume is about to take and must take wholly or not at all: writes, one after the other, each a header of 512 bytes
 * and its data. The first header decides: where it is not whole, the log is empty.
 *
 * A log is emptied by zeroing that header. What stands behind it stays, so that an epoch, the same in all headers that belong
 * together, tells it from what comes next; whoever opens a log wipes all of it before an epoch is used again.
 */
export const intentLayout = defineLayout('intent', 512, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLATM', doc: 'magic' },
  { name: 'epoch', offset: 8, size: 8, kind: 'u64', doc: 'times that the log was emptied since it was opened' },
  { name: 'index', offset: 16, size: 4, kind: 'u32', doc: 'place among those of its epoch' },
  { name: 'byteLength', offset: 20, size: 4, kind: 'u32', doc: 'bytes of data, which follow' },
  { name: 'offset', offset: 24, size: 8, kind: 'u64', doc: 'byte of the volume where they go' },
  { name: 'dataCrc', offset: 32, size: 4, kind: 'u32', doc: 'CRC-32 of the data' },
  { name: 'crc', offset: 508, size: 4, kind: 'u32', doc: 'CRC-32 of the 508 bytes before' },
]);

type Header = ValueOf<typeof intentLayout>;

const HEADER_SIZE = intentLayout.size;
const WIPE_BYTES = 1024 * 1024;

export interface Intent {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface IntentLog {
  hasRoom(byteLength: number): boolean;
  /** To the page cache. */
  append(intent: Intent): void;
  flush(): Promise<void>;
  /** Forgets all; durable when it resolves. */
  empty(): Promise<void>;
  /** Forgets all and leaves none of the data; durable when it resolves. */
  wipe(): Promise<void>;
}

/** What the last life of the array left, oldest first. It counts until the log is wiped, which must come before `append`. */
export function readIntents(file: StorageFile): readonly Intent[] {
  return scanIntents(file).intents;
}

export interface IntentScan {
  readonly intents: readonly Intent[];
  /** What stands behind them, where that is no end that this code leaves without a power cut. */
  readonly fault?: {
    readonly at: number;
    readonly what: string;
    /** A later one stands behind it, which was begun only when this one was durable. */
    readonly wasDurable: boolean;
  };
}

export function scanIntents(file: Pick<StorageFile, 'read' | 'size'>): IntentScan {
  const intents: Intent[] = [];
  let epoch: number | undefined;
  for (let at = 0; at + HEADER_SIZE <= file.size();) {
    const header = readHeader(file, at);
    // Anything may stand behind the last one: what a longer log held before it was emptied.
    if (!header && (at > 0 || isEmptyAt(file, at))) break;
    if (!header) return { intents, fault: { at, what: 'its first header has a wrong CRC-32', wasDurable: false } };
    if (header.index !== intents.length || header.epoch !== (epoch ?? header.epoch)) break;
    const end = at + HEADER_SIZE + header.byteLength;
    if (end > file.size()) {
      return { intents, fault: { at, what: `the data of write ${header.index} is cut off`, wasDurable: false } };
    }
    const data = new Uint8Array(header.byteLength);
    file.read(data, at + HEADER_SIZE);
    if (crc32(data) !== header.dataCrc) {
      const next = readHeader(file, end);
      const wasDurable = next?.epoch === header.epoch && next.index === header.index + 1;
      return { intents, fault: { at, what: `the data of write ${header.index} has a wrong CRC-32`, wasDurable } };
    }
    intents.push({ offset: header.offset, data });
    epoch = header.epoch;
    at = end;
  }
  return { intents };
}

export function openIntentLog(file: StorageFile, byteLimit: number): IntentLog {
  let epoch = 1;
  let index = 0;
  let end = 0;

  async function empty(): Promise<void> {
    file.write(new Uint8Array(HEADER_SIZE), 0);
    await file.flush();
    epoch += 1;
    index = 0;
    end = 0;
  }

  return {
    hasRoom: (byteLength) => end + HEADER_SIZE + byteLength <= byteLimit,
    append({ offset, data }) {
      const bytes = new Uint8Array(HEADER_SIZE + data.length);
      intentLayout.encodeInto(bytes, 0, {
        epoch,
        index,
        byteLength: data.length,
        offset,
        dataCrc: crc32(data),
        crc: 0,
      });
      writeU32(bytes, 508, crc32(bytes.subarray(0, 508)));
      bytes.set(data, HEADER_SIZE);
      file.write(bytes, end);
      index += 1;
      end += bytes.length;
    },
    flush: () => file.flush(),
    empty,
    async wipe() {
      if (file.size() === 0) return;
      // First the header that decides, so that no part of what it stands for can come back alone.
      await empty();
      for (let at = 0; at < file.size(); at += WIPE_BYTES) {
        file.write(new Uint8Array(Math.min(WIPE_BYTES, file.size() - at)), at);
      }
      await file.flush();
      file.truncate(0);
      await file.flush();
    },
  };
}

function isEmptyAt(file: Pick<StorageFile, 'read'>, at: number): boolean {
  const bytes = new Uint8Array(HEADER_SIZE);
  file.read(bytes, at);
  return isAllZero(bytes);
}

function readHeader(file: Pick<StorageFile, 'read'>, at: number): Header | undefined {
  const bytes = new Uint8Array(HEADER_SIZE);
  file.read(bytes, at);
  if (isAllZero(bytes) || crc32(bytes.subarray(0, 508)) !== readU32(bytes, 508)) return undefined;
  const header = intentLayout.decode(bytes);
  return header.ok ? header.value : undefined;
}
