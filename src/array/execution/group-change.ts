import type { GroupChange, PairState as PairStateName } from '../../interface-block/process-table.ts';
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
    suspendReason: group?.suspendReason ?? 'none',
    generation: group ? currentGeneration(group) : NO_GENERATION,
    sequence: at.sequence,
    lba: runtime && offset !== undefined ? lbaOf(runtime.journal.geometry, offset) : 0,
  };
  return { header, rows: [] };
}

export function stateOf(group: GroupState, pair: PairState): PairStateName {
  return isActive(group) ? pair.progress : 'suspended';
}

export function groupStateOf(group: GroupState): PairStateName {
  if (!isActive(group)) return 'suspended';
  return group.pairs.every((pair) => pair.progress === 'pair') ? 'pair' : 'copy';
}
