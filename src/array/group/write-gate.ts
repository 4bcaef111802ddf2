import type { Clock, Timer } from '../../base/clock.ts';

/**
 * Holds host writes of a group back: while its state changes, and for the lease of a fence. Writers wait in the gate and
 * look at the state again when it opens.
 */
export interface WriteGate {
  /** Undefined when open; otherwise resolves when it may be looked at again. */
  wait(): Promise<void> | undefined;
  isClosed(): boolean;
  /** Closes until the returned function is called. */
  close(): () => void;
  /** Closes for a swap; falls by itself, so that a host that dies cannot stop the application for good. */
  fence(leaseMs: number): void;
  isFenced(): boolean;
}

export function createWriteGate(clock: Clock): WriteGate {
  let closed = 0;
  let fenceTimer: Timer | undefined;
  let waiters: Array<() => void> = [];

  const isClosed = (): boolean => closed > 0 || fenceTimer !== undefined;

  function wakeWhenOpen(): void {
    if (isClosed()) return;
    const woken = waiters;
    waiters = [];
    for (const wake of woken) wake();
  }

  function liftFence(): void {
    fenceTimer?.cancel();
    fenceTimer = undefined;
  }

  return {
    wait() {
      if (!isClosed()) return undefined;
      return new Promise((resolve) => waiters.push(resolve));
    },
    isClosed,
    close() {
      closed += 1;
      let open = false;
      return () => {
        if (open) return;
        open = true;
        closed -= 1;
        wakeWhenOpen();
      };
    },
    fence(leaseMs) {
      liftFence();
      if (leaseMs > 0) {
        fenceTimer = clock.setTimer(
          leaseMs,
          () => {
            fenceTimer = undefined;
            wakeWhenOpen();
          },
          { background: true },
        );
      }
      wakeWhenOpen();
    },
    isFenced: () => fenceTimer !== undefined,
  };
}
