import type { ScsiTask } from '../../../src/scsi/task.ts';
import { SimFailure } from '../verdict.ts';

/**
 * I3, I13: no command of an application waits longer at an array than what it may have to wait for lasts: a flush that stalls, a fence that
 * a host holds. An array that stands still has no time of its own.
 */
export interface HoldWatch {
  arrived(task: ScsiTask, array: string): void;
  answered(task: ScsiTask): void;
  /** Who has died answers nobody. */
  died(array: string): void;
  /** Stands still for so long. */
  paused(array: string, ms: number): void;
  /** Nothing is in the way any more, and has not been for some time: nothing may wait. */
  needNone(): void;
}

/** A flush may take a hundred times three milliseconds, an ambush seconds, a fence ten seconds; and one may follow the other. */
const LONGEST_MS = 30_000;

interface Held {
  readonly array: string;
  sinceMs: number;
}

export function watchHolds(nowMs: () => number): HoldWatch {
  const held = new Map<ScsiTask, Held>();

  function fail({ array, sinceMs }: Held): never {
    const what = `${array} has held a command of an application for ${(nowMs() - sinceMs).toFixed(0)} ms`;
    throw new SimFailure('I3-full', what);
  }

  return {
    arrived: (task, array) => void held.set(task, { array, sinceMs: nowMs() }),
    answered(task) {
      const known = held.get(task);
      held.delete(task);
      if (known && nowMs() - known.sinceMs > LONGEST_MS) fail(known);
    },
    died(array) {
      for (const [task, known] of held) if (known.array === array) held.delete(task);
    },
    paused(array, ms) {
      for (const known of held.values()) if (known.array === array) known.sinceMs += ms;
    },
    needNone() {
      const [first] = held.values();
      if (first) fail(first);
    },
  };
}
