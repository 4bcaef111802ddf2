import { randomHex } from '../../base/random.ts';
import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { isOlderCopy } from '../group/lives.ts';
import { isConsistent } from '../group/transitions.ts';
import { swapToAuxiliary, swapToPrimary, takeOver } from '../group/role-transitions.ts';
import { CommandRefusal } from '../refusal.ts';
import { localLun, type GroupState } from '../store/array-state.ts';
import { commitGroup } from './commit-group.ts';
import type { Commit } from './handler-types.ts';
import { needRuntime } from './group-queries.ts';
import { readPeerHeader, refuseOlderCopy } from './peer-header.ts';

/** Swap (Fig. 20 on the old primary, Fig. 21 on the old auxiliary). In between nobody accepts writes. */
export function swapGroup(
  core: ArrayCore,
  request: RequestOf<'pair.swap'>,
  commit: Commit<ReplyOf<'pair.swap'>>,
): Promise<void> {
  const { group: name, role, generation, sequence } = request.header;
  const runtime = needRuntime(core, name);
  const expected = { generation, sequence };
  switch (role) {
    case 'auxiliary':
      return changeRole(core, runtime, commit, (group) => swapToAuxiliary(group, expected, runtime.tail()));
    case 'primary': {
      const fresh = randomHex(core.random, 8);
      const change = (group: GroupState): GroupState => swapToPrimary(group, expected, fresh);
      return refuseSecondPrimary(core, runtime).then(() => changeRole(core, runtime, commit, change));
    }
    case 'simplex':
      throw new CommandRefusal('bad-parameter', 'role must be primary or auxiliary');
  }
}

/**
 * S1907 comes after S1906. Sent by hand, or late, it would make a second primary: the other array is asked where it answers,
 * and where it does not the host's word counts.
 */
async function refuseSecondPrimary(core: ArrayCore, runtime: GroupRuntime): Promise<void> {
  const group = runtime.state();
  if (group.role === 'primary') return;
  const header = await readPeerHeader(core, group).catch(() => undefined);
  if (header) await refuseOlderCopy(runtime, header);
  if (header?.role !== 'primary') return;
  const why = `array ${group.peerSerial} is still primary in group ${group.name}`;
  throw new CommandRefusal('wrong-state', `${why}: it has to give up that role first`);
}

export function takeOverGroup(
  core: ArrayCore,
  request: RequestOf<'pair.takeover'>,
  commit: Commit<ReplyOf<'pair.takeover'>>,
): Promise<void> {
  const { group: name, ...terms } = request.header;
  const runtime = needRuntime(core, name);
  const fresh = randomHex(core.random, 8);
  return changeRole(core, runtime, commit, (group) => takeOver(group, terms, fresh));
}

/**
 * S2001, S2002, S2101, S2102. Old differences are forgotten only where both sides are known to be equal, which is where
 * the volumes here were consistent and wholly restored from a primary that was met. That the other side has every write of a
 * primary that gives way is the host's word alone: what it has not proved to hold are differences from then on.
 */
function changeRole(
  core: ArrayCore,
  runtime: GroupRuntime,
  commit: Commit<ReplyOf<'pair.swap'>>,
  change: (group: GroupState) => GroupState,
): Promise<void> {
  return runtime.exclusive.run(async () => {
    const before = runtime.state();
    if (change(before) === before) return commitGroup(runtime, commit, change);
    // Nor is the other side equal where one of them came back from an older copy.
    const equal = hasFollowedWholly(before) && !isOlderCopy(before);
    const open = runtime.gate.close();
    const resume = runtime.haltWork();
    try {
      if (before.role === 'primary') {
        await runtime.settleVolumes();
        await runtime.markUnsent();
      } else {
        // An auxiliary stores nothing: its journal goes on where it stands from the moment it is primary.
        runtime.storing.continueFrom(before.restored);
      }
      // What is given up the old primary has, and may have purged: only this side still knows what it changed over there.
      if (before.journalDamaged) await runtime.markUnsent();
      await commitGroup(runtime, commit, change);
      const after = runtime.state();
      if (equal) await clearDifferences(runtime, after);
      runtime.beginEpoch(after.role === 'primary' ? after.purged : after.read);
      // What a fence was to keep still is settled; a new primary must not answer to the lease of the old one.
      runtime.gate.fence(0);
    } finally {
      open();
      resume();
    }
    for (const pair of before.pairs) core.accessChanged(localLun(runtime.state(), pair));
  });
}

/** A primary that gave way and has met nobody since then holds what no other side may have. */
function hasFollowedWholly(group: GroupState): boolean {
  return group.role === 'auxiliary' && isConsistent(group) && !group.journalDamaged && group.peerSeenWallMs > 0;
}

async function clearDifferences(runtime: GroupRuntime, group: GroupState): Promise<void> {
  for (const pair of group.pairs) await runtime.differences(pair.slot).clearAll();
}
