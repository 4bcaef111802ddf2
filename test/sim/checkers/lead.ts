import type { GroupState } from '../../../src/array/store/array-state.ts';
import { checkPrefix, type History, type Image, type Question, type Write } from '../history.ts';
import { isConsistentAuxiliary, volumesOf, type Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';

/** I1, I12: an auxiliary that holds what only another life of the other side explains has followed that one. */
export function checkFollowed(side: Side, question: Question): void {
  try {
    checkPrefix(side.history, side.image, question);
  } catch (error) {
    const followed = side.forks.find((fork) => explains(fork, side.image, question));
    if (!followed) throw error;
    side.history = followed;
  }
}

function explains(history: History, image: Image, question: Question): boolean {
  try {
    checkPrefix(history, image, question);
    return true;
  } catch {
    return false;
  }
}

/** I12: what it held durably, and could have restored, a takeover must not give up. */
export function refuseUnrestored(side: Side, { following, journalDamaged, read, restored }: GroupState): void {
  if (!following || journalDamaged || restored.sequence >= read.sequence) return;
  const what = `records ${restored.sequence + 1} to ${read.sequence}, which it had acquired and not restored`;
  throw new SimFailure('I12-swap', `a takeover at ${side.name} gives up ${what}`);
}

/** I6: a primary has become auxiliary; by a resync, that is only right where the other side has all that it answered. */
export function checkGivesWay(side: Side, other: Side, after: GroupState | undefined): void {
  if (isConsistentAuxiliary(after) || side.mayDiscard) return;
  for (let child: History | undefined = other.history; child; child = child.parent) {
    if (child === side.history) return;
    if (child.parent !== side.history) continue;
    const what = `${side.name} gives way to ${other.name} without being told to discard`;
    const volumes = volumesOf(side, after);
    const shared = volumes.filter((volume) => volumesOf(other, other.group).includes(volume));
    checkPrefix(side.history, child.base, { invariant: 'I6-one-primary', what, before: Infinity, volumes: shared });
    return refuseLoss(side, other, ({ volume }) => volumes.includes(volume) && !shared.includes(volume));
  }
  refuseLoss(side, other, () => true);
}

/** What was answered for a pair that the other side does not have is in none of its volumes. */
function refuseLoss(side: Side, other: Side, isConcerned: (write: Write) => boolean): void {
  const own = [...side.history.writes].find((write) => write.good && isConcerned(write));
  if (own) {
    const what = `write ${own.id}, which the history of ${other.name} never had`;
    throw new SimFailure('I6-one-primary', `${side.name} gives up ${what}`);
  }
}
