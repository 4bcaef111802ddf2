import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { becomeAuxiliary, holdsNothing, resumePrimary, suspend } from '../group/transitions.ts';
import { CommandRefusal } from '../refusal.ts';
import type { HeaderPair, JournalHeader } from '../journal/header.ts';
import { isActive, localLun, type GroupState, type PairState } from '../store/array-state.ts';
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
      return lookAtSource(core, runtime, request.header.discard).then((source) =>
        runtime.exclusive.run(() => startFollowing({ core, runtime, request, commit, source })),
      );
    case 'simplex':
      throw new CommandRefusal('bad-parameter', 'role must be primary or auxiliary');
  }
}

/** So that whoever asks learns it from the command. A source that does not answer is judged at the first contact. */
const LOOK_MS = 1000;

async function lookAtSource(
  core: ArrayCore,
  runtime: GroupRuntime,
  discard: boolean,
): Promise<JournalHeader | undefined> {
  const group = runtime.state();
  if (discard || holdsNothing(group)) return undefined;
  const header = await readPeerHeader(core, group, { timeoutMs: LOOK_MS }).catch(() => undefined);
  if (header) await refuseOlderCopy(runtime, header);
  return header;
}

/** The order of writes does not tell that the source never had those of a pair that it does not know. */
function refuseUnknownPairs(group: GroupState, source: JournalHeader): void {
  if (group.role !== 'primary' || source.role !== 'primary') return;
  const unknown = group.pairs.filter((pair) => !source.pairs.some((row) => isSamePair(row, pair)));
  if (unknown.length === 0) return;
  const names = unknown.map((pair) => pair.name).join(', ');
  throw new CommandRefusal(
    'wrong-state',
    `array ${group.peerSerial} does not have pair ${names} of group ${group.name}: delete it here first`,
  );
}

/** Of two primaries each calls its own volume the source. */
const isSamePair = (row: HeaderPair, pair: PairState): boolean =>
  row.slot === pair.slot && row.primaryLun === pair.auxiliaryLun && row.auxiliaryLun === pair.primaryLun;

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

interface Following {
  readonly core: ArrayCore;
  readonly runtime: GroupRuntime;
  readonly request: RequestOf<'pair.resync'>;
  readonly commit: Commit<ReplyOf<'pair.resync'>>;
  /** What its journal says; undefined where it does not answer, or nothing here is to be kept. */
  readonly source: JournalHeader | undefined;
}

async function startFollowing({ core, runtime, request, commit, source }: Following): Promise<void> {
  const { generation, discard } = request.header;
  const change = (group: GroupState): GroupState => {
    if (source) refuseUnknownPairs(group, source);
    return becomeAuxiliary(group, { generation, discard, lineage: request.rows }, runtime.tail());
  };
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
