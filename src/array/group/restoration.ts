import { describeViolation, type Decoded } from '../../base/violation.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalReader, StoredRecord } from '../journal/journal-reader.ts';
import { CommandRefusal } from '../refusal.ts';
import { localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, applyChange, changeOf, redoChange, type VolumeChange } from './change.ts';
import { yieldTurn, type FollowerContext, type StepResult } from './follower.ts';
import { noteDamage, settle, withoutDamage } from './transitions.ts';

/**
 * The restore section (706; Fig. 14): writes records from the auxiliary journal into the auxiliary volumes, in the order
 * in which the primary's hosts wrote them, across all volumes of the group. Each record is applied in one turn, so that
 * a reader of the volumes never sees a part of a write or a later write without the earlier ones.
 */
/** Others wait no longer than this for their turn, each of which costs a timer. */
const TURN_MS = 4;
const RECORDS_PER_TURN = 1024;
const BYTES_PER_COMMIT = 32 * 1024 * 1024;

export async function restorationStep(context: FollowerContext): Promise<StepResult> {
  const epoch = context.epoch();
  const group = context.state();
  if (group.role !== 'auxiliary' || !group.following) return 'idle';
  if (group.toBeRestored <= group.restored.sequence) {
    return (await settlePairs(context, epoch, group.restored)) ? 'again' : 'idle';
  }
  if (group.journalDamaged) return lookAgain(context, epoch, group);
  const { reached, damage } = await applyRecords(context, epoch, group);
  if (epoch !== context.epoch()) return 'again';
  if (damage) context.report(damage.message);
  await flushVolumes(context, group);
  await context.update(epoch, (state) => (damage ? noteDamage(state, reached) : settle(state, reached)));
  context.wake();
  return 'again';
}

/** A record that no read of this journal gives any more. */
export class JournalDamage extends Error {
  override readonly name = 'JournalDamage';
}

/** Ordered anew: the record may be readable after all. That is durable before it is restored. */
async function lookAgain(context: FollowerContext, epoch: number, group: GroupState): Promise<StepResult> {
  try {
    const reader = context.journal.readAhead();
    readOwnData(reader, readOwn(reader, group.restored.sequence + 1).record);
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error;
    context.report(error.message);
    await context.update(epoch, (state) => noteDamage(state, group.restored));
    return 'again';
  }
  await context.update(epoch, withoutDamage);
  return 'again';
}

/** Pairs that became usable without a further record. */
async function settlePairs(context: FollowerContext, epoch: number, restored: Position): Promise<boolean> {
  const before = context.state();
  if (
    !before.pairs.some((pair) => pair.progress === 'copy' && pair.copied && restored.sequence >= pair.consistentFrom)
  ) {
    return false;
  }
  await context.update(epoch, (state) => settle(state, restored));
  return true;
}

interface Restored {
  readonly reached: Position;
  /** Why it is not more. */
  readonly damage?: JournalDamage;
}

async function applyRecords(context: FollowerContext, epoch: number, group: GroupState): Promise<Restored> {
  let position = reachedIn(context, epoch, group);
  const reader = context.journal.readAhead();
  let bytes = 0;
  let records = 0;
  let turnEndMs = context.clock.monotonicMs() + TURN_MS;
  while (position.sequence < group.toBeRestored && bytes < BYTES_PER_COMMIT) {
    const next = await applyNext(context, epoch, group, { reader, position });
    if (next instanceof JournalDamage) return { reached: position, damage: next };
    if (!next) break;
    position = next.end;
    context.applied = { epoch, position };
    bytes += next.record.blockCount * JOURNAL_BLOCK_SIZE;
    records += 1;
    if (records < RECORDS_PER_TURN && context.clock.monotonicMs() < turnEndMs) continue;
    await yieldTurn(context.clock);
    records = 0;
    turnEndMs = context.clock.monotonicMs() + TURN_MS;
  }
  return { reached: position };
}

function reachedIn({ applied }: FollowerContext, epoch: number, { restored }: GroupState): Position {
  return applied?.epoch === epoch && applied.position.sequence > restored.sequence ? applied.position : restored;
}

function readOwn(reader: JournalReader, sequence: number): StoredRecord {
  return undamaged(sequence, () => reader.readRecord(sequence));
}

function readOwnData(reader: JournalReader, record: StoredRecord['record']): Uint8Array {
  return undamaged(record.sequence, () => reader.readData(record));
}

/** A disk that cannot read, and one that reads something else, are the same to who needs the record. */
function undamaged<T>(sequence: number, read: () => Decoded<T>): T {
  const result = attempted(sequence, read);
  if (result.ok) return result.value;
  throw new JournalDamage(`record ${sequence} in the journal of this array: ${describeViolation(result.violation)}`);
}

function attempted<T>(sequence: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new JournalDamage(`record ${sequence} in the journal of this array: ${String(error)}`, { cause: error });
  }
}

/** The record behind `position`; undefined where the group has moved to another epoch meanwhile. */
async function applyNext(
  context: FollowerContext,
  epoch: number,
  group: GroupState,
  { reader, position }: { readonly reader: JournalReader; readonly position: Position },
): Promise<StoredRecord | JournalDamage | undefined> {
  const found = readChange(context, group, reader, position);
  if (found instanceof JournalDamage) return found;
  const { stored, to } = found;
  if (to) await makeWay(context, to.pair, to.volume, to.change);
  if (epoch !== context.epoch()) return undefined;
  if (to) applyChange(to.volume, to.change);
  return stored;
}

interface FoundChange {
  readonly stored: StoredRecord;
  /** Absent where the record is of a pair that is no more. */
  readonly to?: { readonly pair: PairState; readonly volume: Volume; readonly change: VolumeChange };
}

function readChange(
  context: FollowerContext,
  group: GroupState,
  reader: JournalReader,
  position: Position,
): FoundChange | JournalDamage {
  try {
    const stored = readOwn(reader, position.sequence + 1);
    const { record } = stored;
    const pair = group.pairs.find((candidate) => candidate.slot === record.slot);
    if (!pair || pair.primaryLun !== record.lun) return { stored };
    const volume = context.volume(localLun(group, pair));
    const data = readOwnData(reader, record);
    return { stored, to: { pair, volume, change: attempted(record.sequence, () => changeOf(record, data, volume)) } };
  } catch (error) {
    if (error instanceof JournalDamage) return error;
    throw error;
  }
}

/** Waits for chunks that copy formation is writing (the copy is older than the record), and for room in the volume. */
async function makeWay(context: FollowerContext, pair: PairState, volume: Volume, change: VolumeChange): Promise<void> {
  for (;;) {
    const wait = context.copying.conflict(pair.slot, change.offset, change.length) ?? announceChange(volume, change);
    if (!wait) return;
    await wait;
  }
}

/** Rejects with `CommandRefusal` where the backing of a volume is away. */
export async function flushVolumes(context: Pick<FollowerContext, 'volume'>, group: GroupState): Promise<void> {
  await Promise.all(group.pairs.map((pair) => flushOne(context.volume(localLun(group, pair)))));
}

/** Likewise. */
export async function flushOne(volume: Volume): Promise<void> {
  try {
    await volume.flush();
  } catch (error) {
    if (volume.backing?.isUsable() !== false) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandRefusal('wrong-state', `the backing of volume ${volume.description.name} is away: ${why}`);
  }
}

/**
 * After a restart: everything ordered before is restored before the volumes may be read, because some of it may have
 * reached them already, out of order. `damage` says why it is not all.
 */
export async function redoRestoration(context: FollowerContext): Promise<Restored> {
  const group = context.state();
  const reader = context.journal.readAhead();
  let reached = group.restored;
  while (reached.sequence < group.toBeRestored) {
    const found = readChange(context, group, reader, reached);
    if (found instanceof JournalDamage) return { reached, damage: found };
    if (found.to) await redoChange(found.to.volume, found.to.change);
    reached = found.stored.end;
  }
  return { reached };
}
