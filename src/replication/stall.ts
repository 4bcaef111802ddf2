import type { Run } from './context.ts';

/** How long background work of an array may show no progress before waiting for it is given up. */
const STALL_MS = 30_000;

export interface StallWatch {
  /** Tells the watch what stands now; true once nothing has changed for the limit. */
  isStalled(progress: string | number): boolean;
}

export function stallWatch(run: Run, limitMs: number = STALL_MS): StallWatch {
  const { clock } = run.context;
  let last: string | number | undefined;
  let sinceMs = clock.monotonicMs();
  return {
    isStalled(progress) {
      if (progress !== last) {
        last = progress;
        sinceMs = clock.monotonicMs();
      }
      return clock.monotonicMs() - sinceMs >= limitMs;
    },
  };
}
