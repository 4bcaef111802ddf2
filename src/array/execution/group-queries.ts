import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import { NO_LIFE } from '../../interface-block/lives.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { currentLife } from '../group/lives.ts';
import { isConsistent, positionOf } from '../group/transitions.ts';
import { lbaOf } from '../journal/geometry.ts';
import { recordIfReadable } from '../journal/journal-reader.ts';
import { CommandRefusal } from '../refusal.ts';
import { currentGeneration, localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { groupStateOf, reasonOf, stateOf } from './group-change.ts';
import { shorten } from './shorten.ts';

export function needRuntime(core: ArrayCore, group: string): GroupRuntime {
  const runtime = core.runtime(group);
  const waits = runtime ? undefined : core.waits(group);
  if (waits !== undefined) throw new CommandRefusal('wrong-state', waits);
  if (!runtime) throw new CommandRefusal('not-found', `array ${core.name} has no group ${group}`);
  return runtime;
}

export function needVolume(core: ArrayCore, lun: number): Volume {
  const volume = core.volume(lun);
  if (!volume) throw new CommandRefusal('not-found', `array ${core.name} has no volume at LUN ${lun}`);
  return volume;
}

/** The group named, or all of them where the name is empty. */
function selected(core: ArrayCore, name: string): GroupRuntime[] {
  if (name !== '') return [needRuntime(core, name)];
  const working = core.store.state().groups.filter((group) => core.waits(group.name) === undefined);
  return working.map((group) => needRuntime(core, group.name));
}

export async function showPairs(core: ArrayCore, request: RequestOf<'pair.show'>): Promise<ReplyOf<'pair.show'>> {
  const rows = selected(core, request.header.group).flatMap((runtime) => {
    const group = runtime.state();
    return group.pairs.map((pair) => pairRow(core, runtime, group, pair));
  });
  return { header: {}, rows };
}

function pairRow(
  core: ArrayCore,
  runtime: GroupRuntime,
  group: GroupState,
  pair: PairState,
): ReplyOf<'pair.show'>['rows'][number] {
  const lun = localLun(group, pair);
  const differences = runtime.differences(pair.slot);
  const marked = differences.markedCount();
  const copying = group.role === 'auxiliary' && pair.progress === 'copy' && pair.copyBegun;
  return {
    group: group.name,
    pair: pair.name,
    role: group.role,
    state: stateOf(group, pair),
    suspendReason: reasonOf(group),
    consistent: group.role === 'primary' || pair.progress === 'pair',
    slot: pair.slot,
    access: runtime.access(pair),
    primaryLun: pair.primaryLun,
    auxiliaryLun: pair.auxiliaryLun,
    primaryJournalLun: group.role === 'primary' ? group.localJournalLun : group.peerJournalLun,
    auxiliaryJournalLun: group.role === 'primary' ? group.peerJournalLun : group.localJournalLun,
    primarySerial: group.role === 'primary' ? core.serial : group.peerSerial,
    auxiliarySerial: group.role === 'primary' ? group.peerSerial : core.serial,
    chunkBytes: differences.chunkBytes,
    copyChunks: pair.copyChunks,
    copiedChunks: copying ? Math.max(0, pair.copyChunks - marked) : pair.copyChunks,
    differentChunks: marked,
    consistentFrom: pair.consistentFrom,
    blockCount: core.volume(lun)?.description.blockCount ?? 0,
  };
}

/** S1601 to S1603, S1605 to S1607. What a primary reports as stored is durable. */
export async function showJournal(
  core: ArrayCore,
  request: RequestOf<'journal.show'>,
): Promise<ReplyOf<'journal.show'>> {
  const runtime = needRuntime(core, request.header.group);
  const auxiliary = runtime.state().role === 'auxiliary';
  const known = !auxiliary || runtime.hasMet();
  if (auxiliary && known) await runtime.showLife();
  const { group, tail } = await runtime.settled();
  const header = {
    group: group.name,
    role: group.role,
    state: groupStateOf(group),
    suspendReason: reasonOf(group),
    consistent: isConsistent(group),
    fenced: runtime.gate.isFenced(),
    damaged: group.journalDamaged === true,
    localJournalLun: group.localJournalLun,
    peerJournalLun: group.peerJournalLun,
    peerSerial: group.peerSerial,
    generation: currentGeneration(group),
    ...pointers(runtime, group, tail),
    ...stamps(runtime, group, tail),
    peerSeenSequence: group.peerSeenSequence,
    peerSeenWallMs: group.peerSeenWallMs,
    readProof: group.readProof,
    lastGeneration: positionOf(group, tail).generation,
    errorText: shorten(runtime.lastError(), 64),
    life: known ? currentLife(group) : NO_LIFE,
    changes: known ? (group.changes ?? 0) : 0,
    peerLife: group.peerLife?.life ?? NO_LIFE,
  };
  return { header, rows: group.lineage };
}

/** Fig. 15. On the side that has no such pointer it stands where nothing is left to do. */
function pointers(runtime: GroupRuntime, group: GroupState, tail: Position) {
  const { geometry } = runtime.journal;
  const primary = group.role === 'primary';
  const kept = primary ? group.purged : group.restored;
  const restored = primary ? group.purged : group.restored;
  const read = primary ? group.purged : group.read;
  const toBeRestored = primary ? group.purged.sequence : group.toBeRestored;
  const toBeRead = primary ? group.purged.sequence : group.toBeRead;
  const lba = (position: Position): number => lbaOf(geometry, position.offset);
  return {
    headLba: geometry.headLba,
    endLba: geometry.endLba,
    journalOutSequence: kept.sequence + 1,
    journalOutLba: lba(kept),
    journalInSequence: tail.sequence + 1,
    journalInLba: lba(tail),
    restoredSequence: restored.sequence,
    restoredLba: lba(restored),
    toBeRestoredSequence: toBeRestored,
    toBeRestoredLba: toBeRestored === restored.sequence ? lba(restored) : endLbaOf(runtime, toBeRestored),
    readSequence: read.sequence,
    readLba: lba(read),
    toBeReadSequence: toBeRead,
    // Where reading will end is known when the metadata has been read.
    toBeReadLba: toBeRead === read.sequence ? lba(read) : 0,
    usedBlocks: tail.offset - kept.offset,
    usedRecords: tail.sequence - kept.sequence,
    recordLimit: geometry.recordLimit,
  };
}

function endLbaOf(runtime: GroupRuntime, sequence: number): number {
  const stored = recordIfReadable(runtime.journal, sequence);
  return stored ? lbaOf(runtime.journal.geometry, stored.end.offset) : 0;
}

/**
 * The newest record of an auxiliary side counts after its restore, too: it tells how far the copy reaches. It still stands
 * where it was stored, unless the position came from elsewhere (copy formation).
 */
function stamps(
  runtime: GroupRuntime,
  group: GroupState,
  tail: Position,
): { oldestWallMs: number; newestWallMs: number } {
  const kept = group.role === 'primary' ? group.purged : group.restored;
  const { generation } = positionOf(group, tail);
  const wallMs = (sequence: number): number => recordIfReadable(runtime.journal, sequence)?.record.wallMs ?? 0;
  const newest = tail.sequence > 0 ? recordIfReadable(runtime.journal, tail.sequence)?.record : undefined;
  const isOurs = newest?.generation === generation;
  const isEmpty = tail.sequence <= kept.sequence;
  return {
    oldestWallMs: isEmpty ? 0 : wallMs(kept.sequence + 1),
    newestWallMs: isOurs && !(isEmpty && group.role === 'primary') ? newest.wallMs : 0,
  };
}
