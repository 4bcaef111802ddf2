import type { Clock } from '../base/clock.ts';

/** 24 days: Node takes a longer delay for 1 ms. Nobody waits for a timer that long; it comes early then, not at once. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** The clock of the machine: the one place that reads time and sets timers. */
export function createRealClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(delayMs, callback, options) {
      const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), LONGEST_DELAY_MS));
      if (options?.background === true) handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
