import type { Clock, Timer } from '../../src/base/clock.ts';

export interface FakeClock extends Clock {
  /** Fires every timer due within `ms`, in order, letting promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Moves time from timer to timer until `promise` settles. Throws where nothing is left that could settle it. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Timers that have neither fired nor been cancelled. */
  pending(): number;
}

interface PendingTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A virtual clock: time stands still unless the test moves it. */
export function createFakeClock(startWallMs = Date.UTC(2026, 10, 2, 3, 4, 5)): FakeClock {
  const timers = new Set<PendingTimer>();
  let nowMs = 0;
  let order = 0;

  function next(): PendingTimer | undefined {
    return [...timers].toSorted((left, right) => left.dueMs - right.dueMs || left.order - right.order)[0];
  }

  async function fire(timer: PendingTimer): Promise<void> {
    timers.delete(timer);
    nowMs = Math.max(nowMs, timer.dueMs);
    timer.callback();
    await settle();
  }

  return {
    monotonicMs: () => nowMs,
    wallMs: () => startWallMs + nowMs,
    pending: () => timers.size,
    setTimer(delayMs, callback): Timer {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), order: order++, callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let timer = next(); timer && timer.dueMs <= untilMs; timer = next()) await fire(timer);
      nowMs = untilMs;
    },
    async run(promise) {
      const state = { settled: false };
      const mark = (): void => void (state.settled = true);
      promise.then(mark, mark);
      await settle();
      while (!state.settled) {
        const timer = next();
        if (!timer) throw new Error('nothing is left that could settle the promise');
        await fire(timer);
      }
      return promise;
    },
  };
}

/** Lets everything run that waits for no timer: two turns of the event loop empty the microtask queue. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
