import { randomHex } from '../../base/random.ts';
import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import { LunError } from '../../lun/lun.ts';
import type { ArrayCore } from '../core.ts';
import { PeerError } from '../group/follower.ts';
import { flushOne } from '../group/restoration.ts';
import { prepareDifferences } from '../group/difference-maps.ts';
import { addPair, newGroup } from '../group/transitions.ts';
import type { HeaderPair, JournalHeader } from '../journal/header.ts';
import { refuse } from '../refusal.ts';
import { localLun, withoutGroup, type ArrayState, type GroupState, type PairState } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { groupWords, type Commit, type MayName } from './handler-types.ts';
import { readPeerHeader, refuseOlderCopy } from './peer-header.ts';
import { groupChange } from './group-change.ts';

/**
 * Pair formation (Fig. 11): S1101 on the copy source, whose journal flows from here on; S1102 on the copy destination,
 * which finds its group and slot in the source's journal and starts to read the volume.
 */
type Create = RequestOf<'pair.create'>['header'];

export function createPair(
  core: ArrayCore,
  request: RequestOf<'pair.create'>,
  commit: Commit<ReplyOf<'pair.create'>>,
  mayName: MayName,
): Promise<void> {
  return core.exclusive.run(() => formPair(core, request.header, commit, mayName));
}

async function formPair(
  core: ArrayCore,
  request: Create,
  commit: Commit<ReplyOf<'pair.create'>>,
  mayName: MayName,
): Promise<void> {
  checkRequest(core, request);
  const existing = core.store.group(request.group);
  const same = existing && findSame(existing, request);
  const waits = existing && core.waits(existing.name);
  if (waits !== undefined) refuse('wrong-state', waits);
  if (existing && same) return answerSame(core, existing, commit);
  const volume = checkVolume(core, existing, request, mayName);
  checkJournal(core, existing, request, mayName);
  const peer = request.role === 'auxiliary' ? await meetPrimary(core, request, volume, mayName) : undefined;
  const release = core.holdVolume(volume.description.lun);
  try {
    await flushOne(volume);
    const slot = peer?.slot ?? existing?.nextSlot ?? 0;
    if (existing) addPair(existing, request, 0, slot);
    const noCopy = request.noCopy && request.role === 'primary';
    await prepareDifferences(core.storage, { group: request.group, slot, noCopy }, volume);
    const generation = request.role === 'primary' ? randomHex(core.random, 8) : '';
    await commit(
      (state) => withPair(core, state, request, { slot, generation }),
      (_before, after) => {
        const group = after.groups.find((candidate) => candidate.name === request.group);
        return groupChange(undefined, group, true, { sequence: core.runtime(request.group)?.tail().sequence ?? 0 });
      },
    );
    await startPair(core, request);
  } finally {
    release();
  }
  core.accessChanged(volume.description.lun);
}

async function answerSame(core: ArrayCore, group: GroupState, commit: Commit<ReplyOf<'pair.create'>>): Promise<void> {
  const runtime = core.runtime(group.name);
  const at = runtime?.tail() ?? { sequence: 0, offset: 0 };
  await commit(
    (state) => state,
    () => groupChange(runtime, group, false, at),
  );
}

function withPair(
  core: ArrayCore,
  state: ArrayState,
  request: Create,
  fresh: { slot: number; generation: string },
): ArrayState {
  const existing = state.groups.find((group) => group.name === request.group);
  const group = existing ?? newGroup(request, fresh.generation);
  const startSequence = core.runtime(request.group)?.tail().sequence ?? 0;
  const next = addPair(group, request, startSequence, fresh.slot);
  return { ...withoutGroup(state, request.group), groups: [...withoutGroup(state, request.group).groups, next] };
}

async function startPair(core: ArrayCore, request: Create): Promise<void> {
  const runtime = core.runtime(request.group);
  if (runtime) runtime.wake();
  else await core.beginGroup(request.group);
}

function checkRequest(core: ArrayCore, request: Create): void {
  if (request.group === '' || request.pair === '') refuse('bad-parameter', 'group and pair need names');
  if (request.role === 'simplex') refuse('bad-parameter', 'role must be primary or auxiliary');
  if (request.primarySerial === request.auxiliarySerial) {
    refuse('bad-parameter', `copy source and destination are both array ${request.primarySerial}`);
  }
  const own = request.role === 'primary' ? request.primarySerial : request.auxiliarySerial;
  if (own !== core.serial) {
    refuse('bad-parameter', `the ${request.role} array of the pair is ${own}, but this is ${core.serial}`);
  }
}

/** The same pair with the same role here: running the command again changes nothing. */
function findSame(group: GroupState, request: Create): PairState | undefined {
  const pair = group.pairs.find((candidate) => candidate.name === request.pair);
  if (!pair) return undefined;
  const same =
    group.role === request.role &&
    group.peerSerial === (request.role === 'primary' ? request.auxiliarySerial : request.primarySerial) &&
    pair.primaryLun === request.primaryLun &&
    pair.auxiliaryLun === request.auxiliaryLun &&
    group.localJournalLun === (request.role === 'primary' ? request.primaryJournalLun : request.auxiliaryJournalLun);
  if (!same)
    refuse('in-use', `pair ${request.pair} of group ${request.group} exists with other volumes or another role`);
  return pair;
}

function checkVolume(core: ArrayCore, existing: GroupState | undefined, request: Create, mayName: MayName): Volume {
  const lun = request.role === 'primary' ? request.primaryLun : request.auxiliaryLun;
  const unit = core.units.unit(lun);
  if (!unit) refuse('not-found', `array ${core.name} has no LUN ${lun}`);
  const volume = core.volume(lun);
  if (!volume) refuse('in-use', `LUN ${lun} of array ${core.name} is a ${unit.kind}, not a volume that can be paired`);
  if (unit.sanitize?.status())
    refuse('in-use', `LUN ${lun} of array ${core.name} is being sanitized, or that has failed`);
  if (volume.description.encrypted) {
    refuse('wrong-state', `LUN ${lun} of array ${core.name} is encrypted: a journal would hold its data in clear`);
  }
  for (const group of core.store.state().groups) {
    const pair = group.pairs.find((candidate) => localLun(group, candidate) === lun);
    const which = mayName(group.name) ? `pair ${pair?.name}` : 'a pair';
    if (pair) refuse('in-use', `LUN ${lun} is in ${which} of ${groupWords(group.name, mayName)} already`);
  }
  if (existing && existing.role !== request.role) {
    refuse('wrong-state', `array ${core.name} is ${existing.role} in group ${existing.name}, not ${request.role}`);
  }
  return volume;
}

function checkJournal(core: ArrayCore, existing: GroupState | undefined, request: Create, mayName: MayName): void {
  const primary = request.role === 'primary';
  const lun = primary ? request.primaryJournalLun : request.auxiliaryJournalLun;
  const peerLun = primary ? request.auxiliaryJournalLun : request.primaryJournalLun;
  const unit = core.units.unit(lun);
  if (!unit) refuse('not-found', `array ${core.name} has no LUN ${lun}`);
  if (unit.kind !== 'journal') refuse('in-use', `LUN ${lun} of array ${core.name} is a ${unit.kind}, not a journal`);
  const owner = core.store
    .state()
    .groups.find((group) => group.localJournalLun === lun && group.name !== request.group);
  if (owner) refuse('in-use', `journal LUN ${lun} of array ${core.name} serves ${groupWords(owner.name, mayName)}`);
  if (existing && (existing.localJournalLun !== lun || existing.peerJournalLun !== peerLun)) {
    refuse(
      'in-use',
      `group ${existing.name} uses journal LUNs ${existing.localJournalLun} and ${existing.peerJournalLun}`,
    );
  }
  const peerSerial = primary ? request.auxiliarySerial : request.primarySerial;
  if (existing && existing.peerSerial !== peerSerial) {
    refuse('in-use', `group ${existing.name} is paired with array ${existing.peerSerial}, not ${peerSerial}`);
  }
}

/** The destination looks at the source before it gives up its volume: same journal geometry, same size of volumes. */
async function meetPrimary(core: ArrayCore, request: Create, volume: Volume, mayName: MayName): Promise<HeaderPair> {
  const header = await readPrimaryHeader(core, request, mayName);
  const runtime = core.runtime(request.group);
  if (runtime) await refuseOlderCopy(runtime, header);
  const own = core.journal(request.auxiliaryJournalLun)?.geometry;
  if (own?.recordLimit !== header.recordLimit || own.headLba !== header.headLba || own.endLba !== header.endLba) {
    refuse('size-mismatch', `the journals differ in size: head and end LBA must be the same on both arrays (Fig. 15)`);
  }
  const row = header.pairs.find(
    (pair) => pair.primaryLun === request.primaryLun && pair.auxiliaryLun === request.auxiliaryLun,
  );
  if (!row) refuse('wrong-state', `array ${request.primarySerial} has not formed pair ${request.pair} as primary yet`);
  checkJoinable(row, request);
  const { blockSize, blockCount } = volume.description;
  if (row.blockSize * row.blockCount !== blockSize * blockCount) {
    refuse(
      'size-mismatch',
      `the primary volume has ${row.blockSize * row.blockCount} bytes, LUN ${request.auxiliaryLun} here has ${volume.byteLength}`,
    );
  }
  return row;
}

/** An auxiliary that joins late, or for the second time, would lack what the primary's difference map no longer names. */
function checkJoinable(row: HeaderPair, request: Create): void {
  const again = `delete pair ${request.pair} on array ${request.primarySerial}, then form it anew on both`;
  if (!row.fresh) refuse('wrong-state', `pair ${request.pair} has had an auxiliary that was copied: ${again}`);
  if (row.noCopy && !request.noCopy)
    refuse('wrong-state', `the primary formed pair ${request.pair} without a copy: ${again}`);
}

async function readPrimaryHeader(core: ArrayCore, request: Create, mayName: MayName): Promise<JournalHeader> {
  const { primarySerial: peerSerial, primaryJournalLun: peerJournalLun } = request;
  try {
    return await readPeerHeader(core, { name: request.group, peerSerial, peerJournalLun }, { mayName });
  } catch (error) {
    if (error instanceof LunError) {
      refuse('peer-unreachable', `array ${peerSerial} does not answer array ${core.name}: ${error.message}`);
    }
    if (error instanceof PeerError) refuse('wrong-state', error.message);
    throw error;
  }
}
