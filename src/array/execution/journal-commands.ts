import { NO_LIFE, type Standing } from '../../interface-block/lives.ts';
import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import { fromHex } from '../../base/bytes.ts';
import { describeViolation } from '../../base/violation.ts';
import type { ArrayCore } from '../core.ts';
import type { StoredRecord } from '../journal/journal-reader.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import { flushVolumes } from '../group/restoration.ts';
import { acceptAcquisition, acceptRestore, purge } from '../group/transitions.ts';
import { hasFollowed } from '../group/follow-rules.ts';
import { CommandRefusal } from '../refusal.ts';
import { isActive, type GroupState, type Position } from '../store/array-state.ts';
import { withGroup } from '../store/state-store.ts';
import type { Commit } from './handler-types.ts';
import { groupChange } from './group-change.ts';
import { needRuntime, needVolume } from './group-queries.ts';

/** S1604: the to-be-read pointer moves when the command is accepted, the read-completed pointer follows the work. */
export async function acquireJournal(
  core: ArrayCore,
  request: RequestOf<'journal.acquire'>,
  commit: Commit<ReplyOf<'journal.acquire'>>,
): Promise<void> {
  const runtime = needRuntime(core, request.header.group);
  runtime.orderContact();
  await order(
    runtime,
    commit,
    (group) => acceptAcquisition(group, request.header.toSequence),
    (group) => group.toBeRead,
  );
}

/** S1609: likewise for the restoration pointers. */
export async function restoreJournal(
  core: ArrayCore,
  request: RequestOf<'journal.restore'>,
  commit: Commit<ReplyOf<'journal.restore'>>,
): Promise<void> {
  const runtime = needRuntime(core, request.header.group);
  await order(
    runtime,
    commit,
    (group) => acceptRestore(group, request.header.toSequence),
    (group) => group.toBeRestored,
  );
}

async function order(
  runtime: GroupRuntime,
  commit: Commit<ReplyOf<'journal.acquire'>>,
  change: (group: GroupState) => GroupState,
  pointer: (group: GroupState) => number,
): Promise<void> {
  await commit(
    (state) => withGroup(state, runtime.name, change),
    (before, after) => {
      const group = after.groups.find((candidate) => candidate.name === runtime.name);
      return groupChange(runtime, group, before !== after, { sequence: group ? pointer(group) : 0 });
    },
  );
  runtime.wake();
}

/**
 * S1610: frees what the far array has acquired. The host shows the far array's proof of the last record, so that a
 * number mistaken or of another generation frees nothing; and the volumes here must be durable up to it, because the
 * journal is their log.
 */
export async function purgeJournal(
  core: ArrayCore,
  request: RequestOf<'journal.purge'>,
  commit: Commit<ReplyOf<'journal.purge'>>,
): Promise<void> {
  const runtime = needRuntime(core, request.header.group);
  await runtime.exclusive.run(async () => {
    const group = runtime.state();
    const through = checkPurge(runtime, group, request.header);
    const copied = copiedSlots(group, request.header);
    if (through.sequence > group.purged.sequence) {
      await runtime.storing.drain();
      await flushVolumes({ volume: (lun) => needVolume(core, lun) }, group);
      await flushNotes(runtime, group);
    }
    await commit(
      (state) =>
        withGroup(state, runtime.name, (current) => purge(current, through, copied, farStanding(request.header))),
      (before, after) => {
        const now = after.groups.find((candidate) => candidate.name === runtime.name);
        return groupChange(runtime, now, before !== after, now?.purged ?? through);
      },
    );
    for (const pair of group.pairs) {
      if (copied.has(pair.slot) && pair.progress === 'copy') await runtime.differences(pair.slot).clearAll();
    }
  });
}

function checkPurge(runtime: GroupRuntime, group: GroupState, request: RequestOf<'journal.purge'>['header']): Position {
  if (group.role !== 'primary') {
    throw new CommandRefusal(
      'wrong-state',
      `this array is ${group.role} in group ${group.name}: only a primary purges`,
    );
  }
  if (!isActive(group)) {
    throw new CommandRefusal(
      'wrong-state',
      `group ${group.name} is suspended (${group.suspendReason}): its journal is empty`,
    );
  }
  if (request.life === NO_LIFE && group.peerLife) {
    throw new CommandRefusal(
      'unsafe',
      `array ${group.peerSerial} has not yet met this one since it started: what it holds is not known`,
    );
  }
  if (!group.lineage.some((entry) => entry.generation === request.generation)) {
    throw new CommandRefusal('unsafe', `generation ${request.generation} is not in the lineage of group ${group.name}`);
  }
  if (request.toSequence <= group.purged.sequence) return group.purged;
  if (request.toSequence > runtime.tail().sequence) {
    throw new CommandRefusal(
      'unsafe',
      `record ${request.toSequence} does not exist; the last is ${runtime.tail().sequence}`,
    );
  }
  const stored = readOwnRecord(runtime, request.toSequence);
  if (stored.proof !== request.proof) {
    throw new CommandRefusal(
      'unsafe',
      `the proof for record ${request.toSequence} is not that of the record stored here`,
    );
  }
  return stored.end;
}

/** Without the record nothing says what the far array's proof is worth; every chunk becomes a difference by a resync. */
function readOwnRecord({ journal, name }: GroupRuntime, sequence: number): StoredRecord {
  const why = (what: string): CommandRefusal =>
    new CommandRefusal(
      'unsafe',
      `record ${sequence} in the journal of group ${name} here cannot be read (${what}): split the group, resync it`,
    );
  let stored;
  try {
    stored = journal.readRecord(sequence);
  } catch (error) {
    throw why(String(error));
  }
  if (!stored.ok) throw why(describeViolation(stored.violation));
  return stored.value;
}

function farStanding({ life, changes, toSequence }: RequestOf<'journal.purge'>['header']): Standing | undefined {
  return life === NO_LIFE ? undefined : { life, changes, sequence: toSequence };
}

/** The pairs whose copy has ended, where that is said of the copy that runs now. */
function copiedSlots(group: GroupState, request: RequestOf<'journal.purge'>['header']): ReadonlySet<number> {
  const { generation, toSequence: sequence, copiedPairs } = request;
  return hasFollowed(group, { generation, sequence }) ? slotsOf(copiedPairs) : new Set();
}

/** What the journal forgets of pairs that are being copied, their difference maps have to know. */
async function flushNotes(runtime: GroupRuntime, group: GroupState): Promise<void> {
  for (const pair of group.pairs) if (pair.progress === 'copy') await runtime.differences(pair.slot).flush();
}

/** Bit n of the mask stands for the pair in slot n. */
function slotsOf(mask: string): ReadonlySet<number> {
  const bytes = fromHex(mask);
  const slots = new Set<number>();
  for (let slot = 0; slot < bytes.length * 8; slot += 1) {
    const byte = bytes[bytes.length - 1 - (slot >>> 3)] ?? 0;
    if (byte & (1 << (slot & 7))) slots.add(slot);
  }
  return slots;
}
