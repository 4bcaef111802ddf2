/** A running timer; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the product sees it. One real implementation exists (`src/lun/real-clock.ts`); the simulator has its own.
 * Looking at the clock never moves it.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Milliseconds since 1970 UTC. For stamps that people read; nothing decides by it. */
  wallMs(): number;
  /** Calls back once after `delayMs`. The timer keeps the process alive unless `background` is set. */
  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): Timer;
}

/** Resolves after `delayMs` on the given clock. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}
