import type { ReplyOf } from '../../interface-block/process-table.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import type { GroupState } from '../store/array-state.ts';
import { withGroup } from '../store/state-store.ts';
import { groupChange } from './group-change.ts';
import type { Commit } from './handler-types.ts';

/** Commits a change of one group and answers with the state that it led to. */
export async function commitGroup(
  runtime: GroupRuntime,
  commit: Commit<ReplyOf<'pair.split'>>,
  change: (group: GroupState) => GroupState,
): Promise<void> {
  await commit(
    (state) => withGroup(state, runtime.name, change),
    (before, after) => {
      const group = after.groups.find((candidate) => candidate.name === runtime.name);
      const old = before.groups.find((candidate) => candidate.name === runtime.name);
      const at = group?.role === 'auxiliary' ? group.read : runtime.storing.tail();
      return groupChange(runtime, group, group !== old, at);
    },
  );
}
