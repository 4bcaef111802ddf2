import type { GroupChange, PairState as PairStateName, SuspendReason } from '../../interface-block/process-table.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { lbaOf } from '../journal/geometry.ts';
import { currentGeneration, isActive, NO_GENERATION, type GroupState, type PairState } from '../store/array-state.ts';

export interface GroupChangeReply {
  readonly header: GroupChange;
  readonly rows: readonly never[];
}

/** What a changing command answers; `at` is the place in the journal that it moved or fixed. */
export function groupChange(
  runtime: GroupRuntime | undefined,
  group: GroupState | undefined,
  changed: boolean,
  at: { sequence: number; offset?: number },
): GroupChangeReply {
  const offset = at.offset;
  const header: GroupChange = {
    changed,
    role: group?.role ?? 'simplex',
    state: group ? groupStateOf(group) : 'simplex',
    suspendReason: group ? reasonOf(group) : 'none',
    generation: group ? currentGeneration(group) : NO_GENERATION,
    sequence: at.sequence,
    lba: runtime && offset !== undefined ? lbaOf(runtime.journal.geometry, offset) : 0,
  };
  return { header, rows: [] };
}

/** A journal that has failed, or whose loss somebody has accepted, is as good as suspended: nothing of it will follow. */
export function reasonOf(group: GroupState): SuspendReason {
  const isBound = group.journalLost === true || group.givenUpTo !== undefined;
  return isActive(group) && isBound ? 'error' : group.suspendReason;
}

export function stateOf(group: GroupState, pair: PairState): PairStateName {
  return reasonOf(group) === 'none' ? pair.progress : 'suspended';
}

export function groupStateOf(group: GroupState): PairStateName {
  if (reasonOf(group) !== 'none') return 'suspended';
  return group.pairs.every((pair) => pair.progress === 'pair') ? 'pair' : 'copy';
}
