import type { JournalStatus } from '../host/operations.ts';
import type { CycleFigures } from './events.ts';
import { ringBytes } from './lag.ts';
import { lastSequence } from './lineage.ts';
import type { Direction } from './plan-cycle.ts';

/** What one cycle read and ordered. */
export interface CycleCounts {
  /** The primary journal as S1601 read it. */
  readonly near: JournalStatus;
  /** The auxiliary journal as the last S1605 read it. */
  readonly far: JournalStatus;
  /** The auxiliary journal before the cycle. */
  readonly known: JournalStatus;
  /** Records ordered to be restored, and records freed. */
  readonly restored: number;
  readonly purged: number;
}

/** Every write that S1601 knew is restored, the primary journal is empty, and all pairs follow. */
export function isComplete({ near, far, purged }: CycleCounts): boolean {
  const empty = near.journalOutSequence + purged >= near.journalInSequence;
  const last = lastSequence(near);
  const follows = near.state === 'pair' && far.state === 'pair';
  return empty && follows && far.readSequence === last && far.restoredSequence === last;
}

export function figuresOf(
  { primary, auxiliary }: Direction,
  { near, far, known, restored, purged }: CycleCounts,
  nowMs: number,
): CycleFigures {
  // An auxiliary that meets its primary takes over its numbering: what is older than journal-out was never acquired.
  const recordsAcquired = Math.max(0, far.readSequence - Math.max(known.readSequence, near.journalOutSequence - 1));
  const bytes = ringBytes(auxiliary, known.readLba, far.readLba, recordsAcquired);
  return {
    primary: primary.array,
    auxiliary: auxiliary.array,
    recordsAcquired,
    recordsRestored: restored,
    recordsPurged: purged,
    ...(bytes === undefined ? {} : { bytes }),
    primarySequence: lastSequence(near),
    readSequence: far.readSequence,
    restoredSequence: far.restoredSequence,
    ...lagOf(near, far, nowMs),
  };
}

function lagOf(near: JournalStatus, far: JournalStatus, nowMs: number): { lagMs?: number } {
  if (lastSequence(near) <= far.restoredSequence) return { lagMs: 0 };
  const oldestMs = far.oldestWallMs || near.oldestWallMs;
  return oldestMs > 0 ? { lagMs: Math.max(0, nowMs - oldestMs) } : {};
}
