import { lastSeenSequence, lastSequence } from './lineage.ts';
import type { PresentSide } from './observe.ts';

/** How far an auxiliary is behind. */
export interface Lag {
  /** Acknowledged writes that are not yet restored. */
  readonly writes: number;
  /** False where the primary does not answer or no longer numbers its writes: then there may be more. */
  readonly exact: boolean;
  /** Age of the oldest write that is not restored, at most; 0 where none is missing; absent where not known. */
  readonly ms?: number;
  /** Journal space of the missing writes; absent where the block size is not known. */
  readonly bytes?: number;
  /** Bytes of the volumes that differ and await a resync (difference bits, both sides). */
  readonly differentBytes: number;
}

/** Both sides answer and are in one lineage. */
export function lagBetween(primary: PresentSide, auxiliary: PresentSide, nowMs: number): Lag {
  const writes = Math.max(0, lastSequence(primary.journal) - auxiliary.journal.restoredSequence);
  const oldestMs = auxiliary.journal.oldestWallMs || primary.journal.oldestWallMs;
  const bytes = ringBytes(primary, auxiliary.journal.restoredLba, primary.journal.journalInLba, writes);
  return {
    writes,
    exact: primary.journal.state !== 'suspended',
    ...ageOf(writes, oldestMs, nowMs),
    ...(bytes === undefined ? {} : { bytes }),
    differentBytes: differentBytes(primary) + differentBytes(auxiliary),
  };
}

/** Only the auxiliary answers: what it knows to be missing. */
export function lagAlone(auxiliary: PresentSide, nowMs: number): Lag {
  const { journal } = auxiliary;
  const writes = Math.max(0, lastSeenSequence(journal) - journal.restoredSequence);
  return {
    writes,
    exact: false,
    ...ageOf(writes, journal.oldestWallMs, nowMs),
    differentBytes: differentBytes(auxiliary),
  };
}

/** Clocks that are kept by NTP differ by less. */
const CLOCK_TOLERANCE_MS = 1_000;

/**
 * By this host's clock and that of the array which took the write. A write from the future shows that they do not agree: its age is not known
 * then, rather than 0, which would pass for a copy that keeps up while nothing is carried over.
 */
function ageOf(writes: number, oldestMs: number, nowMs: number): { ms?: number } {
  if (writes === 0) return { ms: 0 };
  if (oldestMs === 0 || oldestMs - nowMs > CLOCK_TOLERANCE_MS) return {};
  return { ms: Math.max(0, nowMs - oldestMs) };
}

/** Bytes of the cyclic data region from one LBA to another; `records` tells an empty stretch from a full turn. */
export function ringBytes(side: PresentSide, fromLba: number, toLba: number, records: number): number | undefined {
  if (side.journalBlockBytes === undefined) return undefined;
  if (records === 0) return 0;
  const turn = side.journal.endLba - side.journal.headLba;
  const blocks = (((toLba - fromLba) % turn) + turn) % turn || turn;
  return blocks * side.journalBlockBytes;
}

export function differentBytes(side: PresentSide): number {
  return side.pairs.reduce((sum, pair) => sum + pair.differentChunks * pair.chunkBytes, 0);
}
