import type { Clock } from '../base/clock.ts';

/** The promise's own result, or `late()`'s error once the deadline has passed; the promise itself runs on. */
export function within<T>(clock: Clock, deadlineMs: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(Math.max(0, deadlineMs - clock.monotonicMs()), () => reject(late()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
