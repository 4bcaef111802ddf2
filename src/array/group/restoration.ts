import { describeViolation } from '../../base/violation.ts';
import { JOURNAL_BLOCK_SIZE } from '../journal/geometry.ts';
import type { StoredRecord } from '../journal/journal-reader.ts';
import { CommandRefusal } from '../refusal.ts';
import { localLun, type GroupState, type PairState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, applyChange, changeOf, type VolumeChange } from './change.ts';
import { yieldTurn, type FollowerContext, type StepResult } from './follower.ts';
import { settle } from './transitions.ts';

/**
 * The restore section (706; Fig. 14): writes records from the auxiliary journal into the auxiliary volumes, in the order
 * in which the primary's hosts wrote them, across all volumes of the group. Each record is applied in one turn, so that
 * a reader of the volumes never sees a part of a write or a later write without the earlier ones.
 */
const RECORDS_PER_TURN = 64;
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
  let bytes = 0;
  let records = 0;
  while (position.sequence < group.toBeRestored && bytes < BYTES_PER_COMMIT) {
    const stored = readOwn(context, position.sequence + 1);
    const applied = await applyOne(context, epoch, group, stored);
    if (!applied) return position;
    position = stored.end;
    bytes += stored.record.blockCount * JOURNAL_BLOCK_SIZE;
    records += 1;
    if (records % RECORDS_PER_TURN === 0) await yieldTurn(context.clock);
  }
  return position;
}

function readOwn(context: FollowerContext, sequence: number): StoredRecord {
  const result = context.journal.readRecord(sequence);
  if (result.ok) return result.value;
  throw new Error(`record ${sequence} in the journal of this array: ${describeViolation(result.violation)}`);
}

/** False where the group has moved to another epoch meanwhile. */
async function applyOne(
  context: FollowerContext,
  epoch: number,
  group: GroupState,
  stored: StoredRecord,
): Promise<boolean> {
  const { record } = stored;
  const pair = group.pairs.find((candidate) => candidate.slot === record.slot);
  if (!pair || pair.primaryLun !== record.lun) return epoch === context.epoch();
  const data = context.journal.readData(record);
  if (!data.ok) {
    throw new Error(`record ${record.sequence} in the journal of this array: ${describeViolation(data.violation)}`);
  }
  const volume = context.volume(localLun(group, pair));
  const change = changeOf(record, data.value, volume);
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
  let position = group.restored;
  while (position.sequence < group.toBeRestored) {
    const stored = readOwn(context, position.sequence + 1);
    const pair = group.pairs.find((candidate) => candidate.slot === stored.record.slot);
    const data = context.journal.readData(stored.record);
    if (!data.ok) throw new Error(`record ${stored.record.sequence}: ${describeViolation(data.violation)}`);
    if (pair && pair.primaryLun === stored.record.lun) {
      const volume = context.volume(localLun(group, pair));
      const change = changeOf(stored.record, data.value, volume);
      await announceChange(volume, change);
      applyChange(volume, change);
    }
    position = stored.end;
  }
  return position;
}
