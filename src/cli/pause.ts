import type { Clock } from '../base/clock.ts';

/** Waits on the given clock, or until the signal is raised. */
export function pauseUntil(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(durationMs, finish);
    signal.addEventListener('abort', finish);
  });
}
