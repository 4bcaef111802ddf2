import { describeViolation } from '../../base/violation.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { JournalReader, StoredRecord } from '../journal/journal-reader.ts';
import { CommandRefusal } from '../refusal.ts';
import { localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, applyChange, changeOf, redoChange, type VolumeChange } from './change.ts';
import { yieldTurn, type FollowerContext, type StepResult } from './follower.ts';
import { settle } from './transitions.ts';

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
  const reached = await applyRecords(context, epoch, group);
  if (epoch !== context.epoch()) return 'again';
  await flushVolumes(context, group);
  await context.update(epoch, (state) => settle(state, reached));
  context.wake();
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

async function applyRecords(context: FollowerContext, epoch: number, group: GroupState): Promise<Position> {
  let position = group.restored;
  const reader = context.journal.readAhead();
  let bytes = 0;
  let records = 0;
  let turnEndMs = context.clock.monotonicMs() + TURN_MS;
  while (position.sequence < group.toBeRestored && bytes < BYTES_PER_COMMIT) {
    const stored = readOwn(reader, position.sequence + 1);
    const applied = await applyOne(context, epoch, group, { reader, stored });
    if (!applied) return position;
    position = stored.end;
    bytes += stored.record.blockCount * JOURNAL_BLOCK_SIZE;
    records += 1;
    if (records < RECORDS_PER_TURN && context.clock.monotonicMs() < turnEndMs) continue;
    await yieldTurn(context.clock);
    records = 0;
    turnEndMs = context.clock.monotonicMs() + TURN_MS;
  }
  return position;
}

function readOwn(reader: JournalReader, sequence: number): StoredRecord {
  const result = reader.readRecord(sequence);
  if (result.ok) return result.value;
  throw new Error(`record ${sequence} in the journal of this array: ${describeViolation(result.violation)}`);
}

function readOwnData(reader: JournalReader, record: StoredRecord['record']): Uint8Array {
  const result = reader.readData(record);
  if (result.ok) return result.value;
  throw new Error(`record ${record.sequence} in the journal of this array: ${describeViolation(result.violation)}`);
}

/** False where the group has moved to another epoch meanwhile. */
async function applyOne(
  context: FollowerContext,
  epoch: number,
  group: GroupState,
  { reader, stored }: { readonly reader: JournalReader; readonly stored: StoredRecord },
): Promise<boolean> {
  const { record } = stored;
  const pair = group.pairs.find((candidate) => candidate.slot === record.slot);
  if (!pair || pair.primaryLun !== record.lun) return epoch === context.epoch();
  const volume = context.volume(localLun(group, pair));
  const change = changeOf(record, readOwnData(reader, record), volume);
  await makeWay(context, pair, volume, change);
  if (epoch !== context.epoch()) return false;
  applyChange(volume, change);
  return true;
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
 * reached them already, out of order.
 */
export async function redoRestoration(context: FollowerContext): Promise<Position> {
  const group = context.state();
  const reader = context.journal.readAhead();
  let position = group.restored;
  while (position.sequence < group.toBeRestored) {
    const stored = readOwn(reader, position.sequence + 1);
    const pair = group.pairs.find((candidate) => candidate.slot === stored.record.slot);
    const data = readOwnData(reader, stored.record);
    if (pair && pair.primaryLun === stored.record.lun) {
      const volume = context.volume(localLun(group, pair));
      await redoChange(volume, changeOf(stored.record, data, volume));
    }
    position = stored.end;
  }
  return position;
}
