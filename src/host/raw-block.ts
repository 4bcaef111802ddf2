import { delay, type Clock } from '../base/clock.ts';
import { claimedIdentity, decodeSlot } from '../interface-block/block.ts';
import { SLOT_COUNT, SLOT_SIZE, slotOffset, WRITE_UNIT } from '../interface-block/geometry.ts';
import type { Label } from '../interface-block/label.ts';
import { LunError, type Lun } from '../lun/lun.ts';
import { CommandError } from './command-error.ts';
import { escapeText } from './escape-text.ts';
import { proveCommandDevice, type ProvenDevice } from './label-check.ts';
import { pathFailure } from './path-list.ts';
import { mayBeConflict, UNNAMED_CONFLICT_LIMIT } from './unnamed-conflict.ts';

export interface RawBlockParts {
  /** Configuration name, for messages. */
  readonly array: string;
  /** Serial that the label must bear. */
  readonly serial: string;
  readonly lun: Lun;
  /** 4096 bytes, sent as they are, sound or not. */
  readonly block: Uint8Array;
  /** Slot tried first. */
  readonly slot: number;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export interface RawAnswer {
  readonly label: Label;
  readonly slot: number;
  /** The slot's 16,384 bytes, complete; undefined where the block was gone: done without edited data, or its answer lost. */
  readonly answer: Uint8Array | undefined;
}

const POLL_MS = 20;

/**
 * Writes a block that the caller made to a proven command device, once, and reads what becomes of it: for looking at an
 * array, not for operating it. Nothing is retried, but where a path has no name for an occupied slot other slots are tried:
 * the array executes a request id once, whichever slots it stands in. Rejects with `CommandError` only.
 */
export async function sendRawBlock(parts: RawBlockParts): Promise<RawAnswer> {
  const { array, lun, block } = parts;
  if (block.length !== WRITE_UNIT) throw new RangeError(`a block has ${WRITE_UNIT} bytes, not ${block.length}`);
  const deadlineMs = parts.clock.monotonicMs() + parts.timeoutMs;
  const { blockSize, label } = await prove(parts);
  const delivery = { possible: false };
  try {
    const slot = await writeToFreeSlot(parts, blockSize, deadlineMs, delivery);
    return { label, slot, answer: await pollSlot(parts, blockSize, slot, deadlineMs) };
  } catch (error) {
    if (!(error instanceof LunError)) throw error;
    if (!delivery.possible && error.outcome === 'not-done') throw unsent(array, lun.path, error);
    throw new CommandError(
      'outcome-unknown',
      array,
      `the block was sent, its answer was lost: ${escapeText(error.message)}`,
      {
        path: lun.path,
        cause: error,
      },
    );
  }
}

async function prove(parts: RawBlockParts): Promise<ProvenDevice> {
  try {
    return await proveCommandDevice(parts.lun, parts, { timeoutMs: parts.timeoutMs });
  } catch (error) {
    throw error instanceof LunError ? pathFailure(parts.array, parts.lun.path, error) : error;
  }
}

/** A proven command device that answers CHECK CONDITION has looked at the block and stored nothing. */
function unsent(array: string, path: string, error: LunError): CommandError {
  if (error.kind !== 'check-condition') return pathFailure(array, path, error);
  return new CommandError('refused', array, escapeText(error.message), { path, cause: error });
}

/** The slot that took the block; `delivery` tells, also after a failure, whether one may have. */
async function writeToFreeSlot(
  parts: RawBlockParts,
  blockSize: number,
  deadlineMs: number,
  delivery: { possible: boolean },
): Promise<number> {
  const { array, lun, block, clock } = parts;
  let unnamed = 0;
  for (let step = 0; step < SLOT_COUNT; step++) {
    const slot = (parts.slot + step) % SLOT_COUNT;
    const timeoutMs = Math.max(1, deadlineMs - clock.monotonicMs());
    try {
      await lun.write(slotOffset(slot) / blockSize, block, { timeoutMs, onlyAsLastRead: true });
      delivery.possible = true;
      return slot;
    } catch (error) {
      if (error instanceof LunError && error.kind === 'reservation-conflict') continue;
      unnamed += 1;
      delivery.possible ||= error instanceof LunError && error.outcome === 'unknown';
      if (!mayBeConflict(error) || unnamed > UNNAMED_CONFLICT_LIMIT) throw error;
      await proveCommandDevice(lun, parts, { timeoutMs });
    }
  }
  const kind = delivery.possible ? 'outcome-unknown' : 'busy';
  throw new CommandError(kind, array, `all ${SLOT_COUNT} slots of ${lun.path} are occupied`, { path: lun.path });
}

async function pollSlot(
  parts: RawBlockParts,
  blockSize: number,
  slot: number,
  deadlineMs: number,
): Promise<Uint8Array | undefined> {
  const { array, lun, clock, block } = parts;
  for (;;) {
    const timeoutMs = deadlineMs - clock.monotonicMs();
    if (timeoutMs <= 0) {
      const message = `slot ${slot} of ${lun.path} has no answer after ${parts.timeoutMs} ms`;
      throw new CommandError('outcome-unknown', array, message, { path: lun.path });
    }
    const bytes = await lun.read(slotOffset(slot) / blockSize, SLOT_SIZE / blockSize, { timeoutMs });
    const read = decodeSlot(bytes);
    if (read.ok && (read.value.state === 'free' || read.value.requestId !== claimedIdentity(block).requestId))
      return undefined;
    if (!read.ok || read.value.state === 'complete') return bytes;
    await delay(clock, POLL_MS);
  }
}
