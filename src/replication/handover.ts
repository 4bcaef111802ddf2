import type { PresentSide } from './observe.ts';

/** A swap between S1906 and S1907: both sides are auxiliary and nobody accepts writes. */
export interface Handover {
  /** The array that is to become primary; absent where the arrays do not tell, or where it must not be finished. */
  readonly target?: string;
  /** The last write that was acknowledged: the old primary stopped at it and counts it as acquired and restored. */
  readonly sequence: number;
}

/**
 * Both sides of a half-done swap answer that they are auxiliary. The old auxiliary is the one that
 * has seen a primary while it followed; the old primary has followed nobody since it stopped.
 */
export function handoverOf(first: PresentSide, second: PresentSide): Handover {
  const sequence = Math.max(first.journal.readSequence, second.journal.readSequence);
  const complete =
    holdsEverything(first, { sequence }) &&
    holdsEverything(second, { sequence }) &&
    first.journal.generation === second.journal.generation;
  const followers = [first, second].filter((side) => side.journal.peerSeenWallMs > 0);
  const target = complete && followers.length === 1 ? followers[0]?.array : undefined;
  return target === undefined ? { sequence } : { target, sequence };
}

export function holdsEverything({ journal }: PresentSide, { sequence }: Handover): boolean {
  return journal.consistent && journal.readSequence === sequence && journal.restoredSequence === sequence;
}
