import type { Clock } from '../../../src/base/clock.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';

interface Written {
  readonly offset: number;
  readonly data: Uint8Array;
}

interface File {
  cached: Uint8Array;
  durable: Uint8Array;
  unflushed: Written[];
}

/** Storage with a page cache: a flush takes a millisecond, and a power cut loses what was not flushed. */
export interface VolatileStorage extends Storage {
  /** Keeps what `keeps` says of the writes that were not flushed. */
  powerCut(keeps?: (name: string, write: Written) => boolean): void;
  /** What is durable now; called, it takes the place of everything that came later. */
  copy(): () => void;
  /** Flushes of these files begin only when `resume` is called. */
  stall(name: string): { resume(): void; begun(): number };
  /** Called after each write and at the beginning of each flush. */
  watch(step: (name: string) => void): void;
  watchWrites(written: (name: string, offset: number, data: Uint8Array) => void): void;
  /** From now on the file's flushes fail. */
  breakFlush(name: string, times?: number): void;
}

/** A power cut may keep any of the pieces of a long write. */
const PIECE_BYTES = 4096;

function piecesOf({ offset, data }: Written): Written[] {
  const pieces: Written[] = [];
  for (let at = 0; at < data.length;) {
    const size = Math.min(data.length - at, PIECE_BYTES - ((offset + at) % PIECE_BYTES));
    pieces.push({ offset: offset + at, data: data.subarray(at, at + size) });
    at += size;
  }
  return pieces;
}

/** In place, where it fits. */
function patched(bytes: Uint8Array, { offset, data }: Written): Uint8Array {
  const fits = offset + data.length <= bytes.length;
  const result = fits ? bytes : new Uint8Array(offset + data.length);
  if (!fits) result.set(bytes);
  result.set(data, offset);
  return result;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}

export function createVolatileStorage(clock: Clock): VolatileStorage {
  const files = new Map<string, File>();
  const stalled = new Map<string, { promise: Promise<void>; begun: number }>();
  const broken = new Map<string, number>();
  let step: (name: string) => void = () => undefined;
  let written: (name: string, offset: number, data: Uint8Array) => void = () => undefined;

  async function flush(name: string, file: File): Promise<void> {
    const covered = file.unflushed.length;
    step(name);
    const stall = stalled.get(name);
    if (stall) stall.begun += 1;
    await stall?.promise;
    await new Promise<void>((resolve) => clock.setTimer(1, resolve));
    const left = broken.get(name) ?? 0;
    if (left > 0) {
      broken.set(name, left - 1);
      throw Object.assign(new Error(`${name}: flush failed`), { code: 'EIO' });
    }
    for (const write of file.unflushed.slice(0, covered)) file.durable = patched(file.durable, write);
    file.unflushed = file.unflushed.slice(covered);
  }

  function open(name: string): StorageFile {
    const file = files.get(name) ?? { cached: new Uint8Array(0), durable: new Uint8Array(0), unflushed: [] };
    files.set(name, file);
    return {
      name,
      size: () => file.cached.length,
      read(target, offset) {
        target.fill(0);
        if (offset < file.cached.length) target.set(file.cached.subarray(offset, offset + target.length));
      },
      write(source, offset) {
        const write = { offset, data: source.slice() };
        file.unflushed.push(...piecesOf(write));
        file.cached = patched(file.cached, write);
        written(name, offset, source);
        step(name);
      },
      truncate(size) {
        file.cached = resized(file.cached, size);
        file.durable = resized(file.durable, Math.min(size, file.durable.length));
      },
      flush: () => flush(name, file),
      close: () => undefined,
    };
  }

  return {
    open,
    exists: (name) => files.has(name),
    list: () => [...files.keys()].toSorted(),
    async rename(from, to) {
      files.set(to, files.get(from)!);
      files.delete(from);
    },
    async remove(name) {
      files.delete(name);
    },
    powerCut(keeps = () => false) {
      for (const [name, file] of files) {
        for (const write of file.unflushed) if (keeps(name, write)) file.durable = patched(file.durable, write);
        file.unflushed = [];
        file.cached = file.durable.slice();
      }
    },
    copy() {
      const copied = new Map([...files].map(([name, file]) => [name, file.durable.slice()]));
      return () => {
        files.clear();
        for (const [name, bytes] of copied) {
          files.set(name, { cached: bytes.slice(), durable: bytes.slice(), unflushed: [] });
        }
      };
    },
    stall(name) {
      let resume = (): void => undefined;
      const entry = { promise: new Promise<void>((resolve) => (resume = resolve)), begun: 0 };
      stalled.set(name, entry);
      return {
        resume() {
          stalled.delete(name);
          resume();
        },
        begun: () => entry.begun,
      };
    },
    watch(listener) {
      step = listener;
    },
    watchWrites(listener) {
      written = listener;
    },
    breakFlush: (name, times = Infinity) => void broken.set(name, times),
  };
}
