import { delay } from '../base/clock.ts';
import { checkDeadline, remainingMs, type CallState } from './call-state.ts';

/** Waits that double, with jitter, so that hosts which collided do not collide again. */
export interface Pace {
  /** Waits; throws where the deadline passes. */
  wait(): Promise<void>;
  reset(): void;
}

export function createPace(call: CallState, firstMs: number, limitMs: number): Pace {
  let nextMs = firstMs;
  return {
    async wait() {
      const jitterMs = call.parts.random.below(Math.max(1, Math.floor(nextMs / 2)));
      const waitMs = Math.min(nextMs + jitterMs, Math.max(0, remainingMs(call)));
      nextMs = Math.min(limitMs, nextMs * 2);
      await delay(call.parts.clock, waitMs);
      checkDeadline(call);
    },
    reset() {
      nextMs = firstMs;
    },
  };
}
