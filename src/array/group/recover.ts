import { randomHex, type Random } from '../../base/random.ts';
import { describeViolation } from '../../base/violation.ts';
import type { StoredRecord } from '../journal/journal-volume.ts';
import { scanJournal } from '../journal/recovery.ts';
import { isActive, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import { announceChange, applyChange, changeOf } from './change.ts';
import type { FollowerContext } from './follower.ts';
import type { GroupRuntime } from './group-runtime.ts';
import { flushVolumes, redoRestoration } from './restoration.ts';
import { loseCopy, settle, startTracking, suspend } from './transitions.ts';

export interface RecoveryParts {
  readonly runtime: Pick<GroupRuntime, 'state' | 'journal' | 'storing' | 'differences'>;
  readonly context: FollowerContext;
  readonly random: Random;
  readonly incarnation: number;
  readonly update: (change: (group: GroupState) => GroupState) => Promise<GroupState>;
  readonly log: (text: string) => void;
}

/** What a restart owes before hosts may read: the journal's writes in the volumes, orders to restore carried out. */
export async function recover(parts: RecoveryParts): Promise<void> {
  const group = parts.runtime.state();
  if (group.role === 'auxiliary') return recoverAuxiliary(parts, group);
  if (group.journalLost) return recoverLostJournal(parts, group);
  const tail = isActive(group) ? await redoWrites(parts, group) : group.purged;
  // Whatever the journal holds behind this place was left by a crash: only records stored from now on are to follow it.
  const recovered = { sequence: tail.sequence, incarnation: parts.incarnation };
  await parts.update((current) => ({ ...current, recovered }));
  parts.runtime.storing.continueFrom(tail);
}

/** A damaged journal costs this group its copy, not the array its other volumes. */
async function recoverAuxiliary({ context, update, log }: RecoveryParts, group: GroupState): Promise<void> {
  try {
    const reached = await redoRestoration(context);
    await flushVolumes(context, group);
    await update((state) => settle(state, reached));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log(`group ${group.name}: ${why}; its copy here is lost, a resync makes it anew`);
    context.report(why);
    await update(loseCopy);
  }
}

/**
 * The array ended while it suspended the group because its journal had failed. What the journal still shows reaches the volumes,
 * which may hold more than that: a generation of their own says so. The differences were durable before.
 */
async function recoverLostJournal(parts: RecoveryParts, group: GroupState): Promise<void> {
  const { context, runtime, update, incarnation, log } = parts;
  const tail = scanJournal(runtime.journal, group.purged, group, () => undefined);
  await redoRecords(parts, group, tail);
  await flushVolumes(context, group);
  const recovered = { sequence: tail.sequence, incarnation };
  const generation = randomHex(parts.random, 8);
  await update((current) => ({ ...startTracking(suspend(current, 'error', tail), generation), recovered }));
  runtime.storing.continueFrom(tail);
  log(`group ${group.name} suspended: its journal had failed`);
}

const pairOf = (group: GroupState, { record }: StoredRecord): PairState | undefined =>
  group.pairs.find((pair) => pair.slot === record.slot && record.sequence > pair.startSequence);

/** The journal must be durable before the volumes take what it holds: it may come from the page cache of a killed process. */
async function redoWrites(parts: RecoveryParts, group: GroupState): Promise<Position> {
  const { runtime, context } = parts;
  const tail = scanJournal(runtime.journal, group.purged, group, (stored, data) => {
    const pair = pairOf(group, stored);
    if (pair?.progress !== 'copy') return;
    const { offset, length } = changeOf(stored.record, data, context.volume(pair.primaryLun));
    runtime.differences(pair.slot).note(offset, length);
  });
  await runtime.journal.flush();
  await redoRecords(parts, group, tail);
  return tail;
}

async function redoRecords({ runtime, context }: RecoveryParts, group: GroupState, tail: Position): Promise<void> {
  for (let sequence = group.purged.sequence + 1; sequence <= tail.sequence; sequence += 1) {
    const stored = runtime.journal.readRecord(sequence);
    if (!stored.ok) throw new Error(`record ${sequence}: ${describeViolation(stored.violation)}`);
    const pair = pairOf(group, stored.value);
    if (pair) await redoOne(context, pair, runtime.journal.readData(stored.value.record), stored.value);
  }
}

async function redoOne(
  context: FollowerContext,
  pair: PairState,
  data: ReturnType<GroupRuntime['journal']['readData']>,
  { record }: StoredRecord,
): Promise<void> {
  if (!data.ok) throw new Error(`data of record ${record.sequence}: ${describeViolation(data.violation)}`);
  const volume = context.volume(pair.primaryLun);
  const change = changeOf(record, data.value, volume);
  await announceChange(volume, change);
  applyChange(volume, change);
}
