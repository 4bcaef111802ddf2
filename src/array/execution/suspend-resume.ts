import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { becomeAuxiliary, holdsNothing, resumePrimary, suspend } from '../group/transitions.ts';
import { CommandRefusal } from '../refusal.ts';
import { isActive, localLun, type GroupState } from '../store/array-state.ts';
import type { Commit } from './handler-types.ts';
import { commitGroup } from './commit-group.ts';
import { needRuntime } from './group-queries.ts';
import { readPeerHeader, refuseOlderCopy } from './peer-header.ts';

/** Split: the primary stops storing journal; what the peer may not have becomes differences. */
export function splitGroup(
  core: ArrayCore,
  request: RequestOf<'pair.split'>,
  commit: Commit<ReplyOf<'pair.split'>>,
): Promise<void> {
  const runtime = needRuntime(core, request.header.group);
  return runtime.exclusive.run(async () => {
    const group = runtime.state();
    const open = runtime.gate.close();
    try {
      if (group.role === 'primary' && isActive(group)) {
        await runtime.settleVolumes();
        await runtime.markUnsent();
      }
      await commitGroup(runtime, commit, (state) => suspend(state, 'split', runtime.tail()));
    } finally {
      open();
    }
  });
}

/** Resync: to the array that becomes or stays auxiliary first, then to the one that becomes or stays primary. */
export function resyncGroup(
  core: ArrayCore,
  request: RequestOf<'pair.resync'>,
  commit: Commit<ReplyOf<'pair.resync'>>,
): Promise<void> {
  const runtime = needRuntime(core, request.header.group);
  switch (request.header.role) {
    case 'primary':
      return runtime.exclusive.run(() => resume(runtime, commit));
    case 'auxiliary':
      return refuseOlderSource(core, runtime.state(), request.header.discard).then(() =>
        runtime.exclusive.run(() => startFollowing(core, runtime, request, commit)),
      );
    case 'simplex':
      throw new CommandRefusal('bad-parameter', 'role must be primary or auxiliary');
  }
}

/** So that whoever asks learns it from the command. A source that does not answer is judged at the first contact. */
const LOOK_MS = 1000;

async function refuseOlderSource(core: ArrayCore, group: GroupState, discard: boolean): Promise<void> {
  if (discard || holdsNothing(group)) return;
  const header = await readPeerHeader(core, group, LOOK_MS).catch(() => undefined);
  if (header) refuseOlderCopy(group, header);
}

/** The volumes must be durable first: what the copy reads from them is not in the journal. */
async function resume(runtime: GroupRuntime, commit: Commit<ReplyOf<'pair.resync'>>): Promise<void> {
  const open = runtime.gate.close();
  try {
    if (runtime.state().role === 'primary') await runtime.settleVolumes();
    await commitGroup(runtime, commit, (group) => resumePrimary(group, runtime.storing.tail()));
  } finally {
    open();
  }
}

async function startFollowing(
  core: ArrayCore,
  runtime: GroupRuntime,
  request: RequestOf<'pair.resync'>,
  commit: Commit<ReplyOf<'pair.resync'>>,
): Promise<void> {
  const { generation, discard } = request.header;
  const change = (group: GroupState): GroupState =>
    becomeAuxiliary(group, { generation, discard, lineage: request.rows }, runtime.tail());
  if (change(runtime.state()) === runtime.state()) return commitGroup(runtime, commit, change);
  const open = runtime.gate.close();
  const resume = runtime.haltWork();
  try {
    if (runtime.state().role === 'primary') await runtime.settleVolumes();
    await runtime.markUnsent();
    await commitGroup(runtime, commit, change);
    runtime.beginEpoch(runtime.tail());
  } finally {
    open();
    resume();
  }
  for (const pair of runtime.state().pairs) core.accessChanged(localLun(runtime.state(), pair));
}
