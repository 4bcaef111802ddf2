import type { GroupState } from '../../../src/array/store/array-state.ts';
import type { Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';

/** I7: a primary has freed nothing that its auxiliary does not hold durably. */
export function checkPurge([one, other]: readonly [Side, Side]): void {
  checkFreed(one, other);
  checkFreed(other, one);
}

function checkFreed(side: Side, other: Side): void {
  const far = other.group;
  const near = side.group;
  if (near?.role !== 'primary' || far?.role !== 'auxiliary' || !far.following) return;
  // It lost what was freed with the storage that was put aside, and is to find that out.
  if (other.peek.returns() > 0) return;
  if (near.suspendReason !== 'none' || far.suspendReason !== 'none') return;
  if (near.lineage.at(-1)?.generation !== far.lineage.at(-1)?.generation) return;
  // After a resync of the primary alone the far side may not follow by journal: what it lacks are differences.
  if (far.read.sequence < near.followFrom.sequence) return;
  const holds = holdsOf(other, far);
  if (near.purged.sequence <= holds) return;
  const what = `${side.name} freed record ${near.purged.sequence}, the other side holds ${holds}`;
  throw new SimFailure('I7-purge', what);
}

/**
 * A resync of the auxiliary alone takes it back to where its primary's journal begins. What it had acquired beyond that and not
 * restored are differences of its own from then on: a purge that shows its proof of it, and comes late, frees nothing
 * that is needed.
 */
function holdsOf(side: Side, group: GroupState): number {
  return group.pairs.some((pair) => pair.progress === 'copy') ? side.held.sequence : group.read.sequence;
}

/** I6: no two primaries of one generation. */
export function checkPrimaries(sides: readonly [Side, Side]): void {
  const [one, other] = [sides[0].group, sides[1].group];
  if (one?.role !== 'primary' || other?.role !== 'primary') return;
  if (one.lineage.at(-1)?.generation !== other.lineage.at(-1)?.generation) return;
  throw new SimFailure('I6-one-primary', 'both arrays are primary in the same generation');
}
