import type { Clock } from '../../../src/base/clock.ts';

export interface ModelClock extends Clock {
  /** Timers that are due run when everything else has come to rest, and time jumps to them. */
  advance(durationMs: number): void;
}

/** Virtual time: waiting costs nothing and always ends. */
export function createModelClock(): ModelClock {
  let nowMs = 1_000;
  const timers = new Set<{ atMs: number; callback: () => void }>();
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled || timers.size === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const next = [...timers].sort((one, other) => one.atMs - other.atMs)[0];
      if (!next) return;
      timers.delete(next);
      nowMs = Math.max(nowMs, next.atMs);
      next.callback();
      schedule();
    });
  };
  return {
    monotonicMs: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    setTimer(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      schedule();
      return { cancel: () => timers.delete(timer) };
    },
    advance(durationMs) {
      nowMs += durationMs;
    },
  };
}
