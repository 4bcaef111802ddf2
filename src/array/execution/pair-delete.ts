import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import { removePair } from '../group/transitions.ts';
import { localLun, withoutGroup, type ArrayState, type GroupState } from '../store/array-state.ts';
import { withGroup } from '../store/state-store.ts';
import type { Commit } from './handler-types.ts';
import { groupChange } from './group-change.ts';
import { needRuntime } from './group-queries.ts';

/**
 * Dissolves pairs: the volumes keep what they hold and are on their own again. What restoration wrote is made durable
 * first: nobody will restore it a second time after a power cut.
 */
export function deletePair(
  core: ArrayCore,
  request: RequestOf<'pair.delete'>,
  commit: Commit<ReplyOf<'pair.delete'>>,
): Promise<void> {
  const { group: name, pair } = request.header;
  return core.exclusive.run(async () => {
    const group = core.store.group(name);
    const leaving = group?.pairs.filter((candidate) => pair === '' || candidate.name === pair) ?? [];
    if (!group || leaving.length === 0) return answerAbsent(core, name, commit);
    await needRuntime(core, name).exclusive.run(() => dissolve(core, group, leaving, commit));
    if (!core.store.group(name)) await core.closeRuntime(name);
    for (const gone of leaving) core.accessChanged(localLun(group, gone));
  });
}

async function answerAbsent(core: ArrayCore, name: string, commit: Commit<ReplyOf<'pair.delete'>>): Promise<void> {
  await commit(
    (state) => state,
    () => groupChange(undefined, core.store.group(name), false, { sequence: 0 }),
  );
}

async function dissolve(
  core: ArrayCore,
  group: GroupState,
  leaving: GroupState['pairs'],
  commit: Commit<ReplyOf<'pair.delete'>>,
): Promise<void> {
  const runtime = core.runtime(group.name);
  if (!runtime) return;
  const open = runtime.gate.close();
  const resume = runtime.haltWork();
  try {
    // Whatever the role by now: a swap may have come before. What a journal still has for its volumes reaches them too.
    await runtime.settleVolumes();
    const names = leaving.map((pair) => pair.name);
    await commit(
      (state) => withoutPairs(state, group.name, names),
      (_before, after) => {
        const rest = after.groups.find((candidate) => candidate.name === group.name);
        return groupChange(runtime, rest, true, runtime.tail());
      },
    );
    for (const pair of leaving) await runtime.dropDifferences(pair.slot);
  } finally {
    open();
    resume();
  }
}

function withoutPairs(state: ArrayState, name: string, pairs: readonly string[]): ArrayState {
  const next = withGroup(state, name, (group) => pairs.reduce(removePair, group));
  const group = next.groups.find((candidate) => candidate.name === name);
  return group && group.pairs.length === 0 ? withoutGroup(next, name) : next;
}
