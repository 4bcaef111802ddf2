import type { Clock } from './clock.ts';

/** The time that several calls have together: each that is made gets what the ones before it have left. */
export interface SharedTime {
  /** Milliseconds that are left, at least 1. */
  readonly timeoutMs: number;
  readonly isOver: boolean;
}

export function sharedTime(clock: Clock, timeoutMs: number): SharedTime {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const left = (): number => deadlineMs - clock.monotonicMs();
  return {
    get timeoutMs() {
      return Math.max(1, left());
    },
    get isOver() {
      return left() <= 0;
    },
  };
}
