import type { ByteRange } from './unstored.ts';

/**
 * Writes on their way to a LUN: those that it has not answered, and those that it has answered but may still lose. All of
 * them are sent again over a new connection, so that neither a lost answer nor a restart of the far side takes anything
 * back. Reads are right at the moment they begin, whatever has arrived by then. Offsets and lengths are bytes.
 */
export interface WriteBehind {
  /**
   * Without data the range becomes zeros. With `awaited` resolves when the LUN has answered, and rejects where it has
   * refused the write, which is then forgotten. With `atomic` it is sent as one command, which is done wholly or not at all.
   */
  add(
    offset: number,
    length: number,
    data: Uint8Array | undefined,
    awaited: boolean,
    atomic?: boolean,
  ): Promise<void> | undefined;
  /** To be begun before the LUN is asked, and ended when it has answered; `lay` puts over it what it did not have then. */
  beginRead(offset: number, length: number): ReadUnderWay;
  /** Where data are on their way that the LUN may not have yet. */
  unanswered(): readonly ByteRange[];
  /** From now on until `end`: where data were added. */
  watch(): { readonly written: readonly ByteRange[]; readonly end: () => void };
  /** Everything added before has been answered when it resolves; rejects where it was given up. */
  answered(): Promise<void>;
  /** What has been answered now; to be forgotten when a flush that begins now has ended well. */
  answeredNow(): readonly object[];
  forget(durable: readonly object[]): void;
  /** Sends everything again that is not known to be durable. */
  restart(): void;
  /** Counts the restarts. */
  generation(): number;
  /**
   * Forgets all but what was acknowledged to somebody on the strength of the LUN's answer. Who waits for a write is told the
   * error, by `inDoubt` where the LUN may have done it.
   */
  abandon(error: unknown): void;
  /** Whether a write on these blocks may be sent again. */
  holds(offset: number, length: number): boolean;
  heldBytes(): number;
  heldCount(): number;
  isIdle(): boolean;
}

export interface ReadUnderWay {
  lay(data: Uint8Array): Uint8Array;
  end(): void;
}

export interface WriteBehindParts {
  /** Writes that share a block of so many bytes go out one after the other: a part of one is written as the whole. */
  readonly blockBytes: number;
  /** Carries out one write; `data` undefined: zeros. */
  readonly send: (offset: number, length: number, data: Uint8Array | undefined, atomic: boolean) => Promise<void>;
  /** Whether anything may be sent at this moment. */
  readonly isOpen: () => boolean;
  /** Whether the unit itself has refused the write, so that it is not the path's or the unit's general state. */
  readonly isRefusal: (error: unknown) => boolean;
  /** Whether the LUN has certainly done nothing of a write with data that failed so. */
  readonly isUndone: (error: unknown) => boolean;
  /** The same failure of a write that may have been done. */
  readonly inDoubt: (error: unknown) => unknown;
  readonly failed: (error: unknown) => void;
  /** Everything has been answered. */
  readonly idle: () => void;
}

const DEPTH = 16;
/** Waiting writes that are looked at for one that need not wait. */
const WINDOW = 64;

interface HeldWrite extends ByteRange {
  /** The whole blocks in which it lies. */
  readonly blocks: ByteRange;
  readonly number: number;
  readonly data: Uint8Array | undefined;
  readonly atomic: boolean;
  /** Reads that began before it and must not see it. */
  readonly behind: Set<object>;
  readonly caller: { resolve(): void; reject(error: unknown): void } | undefined;
  state: 'waiting' | 'sent' | 'answered';
  /** How often it was sent without its being known that nothing was done. */
  doubts: number;
  acknowledged: boolean;
}

function overlap(a: ByteRange, b: ByteRange): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

function wholeBlocks({ offset, length }: ByteRange, blockBytes: number): ByteRange {
  const from = Math.floor(offset / blockBytes) * blockBytes;
  const to = Math.ceil((offset + length) / blockBytes) * blockBytes;
  return { offset: from, length: to - from };
}

export function createWriteBehind(parts: WriteBehindParts): WriteBehind {
  /** In the order in which they were added. */
  const held = new Set<HeldWrite>();
  let unanswered = new Set<HeldWrite>();
  const reads = new Set<ByteRange>();
  const watches = new Set<ByteRange[]>();
  let waiters: Array<{ number: number; resolve(): void; reject(error: unknown): void }> = [];
  let added = 0;
  let bytes = 0;
  let inFlight = 0;
  let generation = 0;

  function pump(): void {
    if (!parts.isOpen()) return;
    const before: HeldWrite[] = [];
    let looked = 0;
    for (const write of unanswered) {
      if (write.state === 'waiting') {
        if (inFlight >= DEPTH || looked >= WINDOW) return;
        looked += 1;
        if (write.behind.size === 0 && !before.some((other) => overlap(other.blocks, write.blocks))) start(write);
      }
      before.push(write);
    }
  }

  function start(write: HeldWrite): void {
    const begun = generation;
    write.state = 'sent';
    write.doubts += 1;
    inFlight += 1;
    parts.send(write.offset, write.length, write.data, write.atomic).then(
      () => {
        if (begun === generation) answer(write);
      },
      (error: unknown) => {
        const earlier = write.doubts > 1;
        // Of zeros in several commands some may have been written.
        if (write.data && parts.isUndone(error)) write.doubts -= 1;
        if (begun === generation) fail(write, error, earlier);
      },
    );
  }

  function answer(write: HeldWrite): void {
    inFlight -= 1;
    write.state = 'answered';
    unanswered.delete(write);
    if (write.caller) {
      write.acknowledged = true;
      write.caller.resolve();
    }
    settleWaiters();
    if (unanswered.size === 0) parts.idle();
    pump();
  }

  /** `earlier`: it may have been done when it was sent before. */
  function fail(write: HeldWrite, error: unknown, earlier: boolean): void {
    inFlight -= 1;
    if (!write.caller || write.acknowledged || !parts.isRefusal(error)) return parts.failed(error);
    drop(write);
    write.caller.reject(earlier ? parts.inDoubt(error) : error);
    settleWaiters();
    pump();
  }

  function drop(write: HeldWrite): void {
    if (!held.delete(write)) return;
    unanswered.delete(write);
    bytes -= write.data?.length ?? 0;
  }

  function settleWaiters(): void {
    const [oldest] = unanswered;
    const done = waiters.filter((waiter) => !oldest || oldest.number > waiter.number);
    if (done.length === 0) return;
    waiters = waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.resolve();
  }

  function hold(range: ByteRange, data: Uint8Array | undefined, atomic: boolean, caller: HeldWrite['caller']): void {
    added += 1;
    const behind = new Set<object>([...reads].filter((read) => overlap(read, range)));
    const { offset, length } = range;
    const write: HeldWrite = {
      offset,
      length,
      blocks: wholeBlocks(range, parts.blockBytes),
      number: added,
      data,
      atomic,
      behind,
      caller,
      state: 'waiting',
      doubts: 0,
      acknowledged: false,
    };
    held.add(write);
    if (data) for (const written of watches) written.push(range);
    unanswered.add(write);
    bytes += data?.length ?? 0;
    pump();
  }

  return {
    add(offset, length, data, awaited, atomic = false) {
      if (awaited) return new Promise((resolve, reject) => hold({ offset, length }, data, atomic, { resolve, reject }));
      hold({ offset, length }, data, atomic, undefined);
      return undefined;
    },
    beginRead(offset, length) {
      const range = { offset, length };
      const over = [...held].filter((write) => overlap(write, range));
      reads.add(range);
      return {
        lay(data) {
          for (const write of over) layOver(write, data, offset);
          return data;
        },
        end() {
          reads.delete(range);
          for (const write of unanswered) write.behind.delete(range);
          pump();
        },
      };
    },
    watch() {
      const written: ByteRange[] = [];
      watches.add(written);
      return { written, end: () => void watches.delete(written) };
    },
    unanswered: () => [...unanswered].filter((write) => write.data !== undefined),
    answered() {
      if (unanswered.size === 0) return Promise.resolve();
      return new Promise((resolve, reject) => waiters.push({ number: added, resolve, reject }));
    },
    answeredNow: () => [...held].filter((write) => write.state === 'answered'),
    forget(durable) {
      for (const write of durable) drop(write as HeldWrite);
    },
    restart() {
      generation += 1;
      inFlight = 0;
      for (const write of held) write.state = 'waiting';
      unanswered = new Set(held);
      pump();
    },
    generation: () => generation,
    abandon(error) {
      generation += 1;
      inFlight = 0;
      for (const write of [...held].filter((candidate) => !candidate.acknowledged)) {
        drop(write);
        write.caller?.reject(write.doubts > 0 ? parts.inDoubt(error) : error);
      }
      const given = waiters;
      waiters = [];
      for (const waiter of given) waiter.reject(error);
    },
    holds: (offset, length) => [...held].some((write) => overlap(write, { offset, length })),
    heldBytes: () => bytes,
    heldCount: () => held.size,
    isIdle: () => unanswered.size === 0,
  };
}

function layOver(write: HeldWrite, target: Uint8Array, offset: number): void {
  const from = Math.max(offset, write.offset);
  const to = Math.min(offset + target.length, write.offset + write.length);
  if (write.data) target.set(write.data.subarray(from - write.offset, to - write.offset), from - offset);
  else target.fill(0, from - offset, to - offset);
}
