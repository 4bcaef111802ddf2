import { isCancelled, remainingMs, type Run } from './context.ts';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/** Pauses that double from 10 ms to 100 ms: short work is noticed at once, long work costs few commands. */
export function backoff(): () => number {
  let nextMs = FIRST_PAUSE_MS;
  return () => {
    const pauseMs = nextMs;
    nextMs = Math.min(LONGEST_PAUSE_MS, nextMs * 2);
    return pauseMs;
  };
}

/** Waits on the context's clock, never beyond the deadline; returns at once when the signal is raised. */
export function pause(run: Run, durationMs: number): Promise<void> {
  const { clock, signal } = run.context;
  if (isCancelled(run)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(Math.min(durationMs, remainingMs(run)), finish);
    signal?.addEventListener('abort', finish);
  });
}

export type PollEnd = 'done' | 'deadline' | 'cancelled';

/**
 * Asks until `isDone`, the deadline (or the earlier `untilMs`, monotonic) or cancellation; says which it was and what was
 * read last. It asks at least once.
 */
export async function poll<T>(
  run: Run,
  ask: () => Promise<T>,
  isDone: (value: T) => boolean,
  options: { readonly untilMs?: number; readonly onWait?: (value: T) => void } = {},
): Promise<{ readonly end: PollEnd; readonly value: T }> {
  const nextPauseMs = backoff();
  const untilMs = Math.min(options.untilMs ?? run.deadlineMs, run.deadlineMs);
  for (;;) {
    const value = await ask();
    if (isDone(value)) return { end: 'done', value };
    if (isCancelled(run)) return { end: 'cancelled', value };
    if (run.context.clock.monotonicMs() >= untilMs) return { end: 'deadline', value };
    options.onWait?.(value);
    await pause(run, nextPauseMs());
  }
}
