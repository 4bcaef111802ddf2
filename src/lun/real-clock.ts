import type { Clock } from '../base/clock.ts';

/** The clock of the machine: the one place that reads time and sets timers. */
export function createRealClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(delayMs, callback, options) {
      const handle = setTimeout(callback, Math.max(0, delayMs));
      if (options?.background === true) handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
