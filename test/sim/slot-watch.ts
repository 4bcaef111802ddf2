import { readU16, readU32, toHex } from '../../src/base/bytes.ts';
import { initiatorOf } from '../../src/array/access/visibility.ts';
import { BLOCK_STATES } from '../../src/interface-block/control-parameter.ts';
import { FIRST_SLOT_OFFSET, SLOT_SIZE } from '../../src/interface-block/geometry.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import type { DeviceServer, ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import { SimFailure } from './verdict.ts';

const WRITE_CODES = new Set([0x2a, 0x8a]);
const READ_CODES = new Set([0x28, 0x88]);
const COMMAND_LUN = 0;
const BLOCK_SIZE = 512;
const REQUEST_ID = [16, 32] as const;
const STATE_OFFSET = 13;
/** An answer that nobody has read for so long is nobody's. */
const LEFT_ALONE_MS = 60_000;

/** Who has a slot of a command device, as far as the array's answers tell. */
interface Holder {
  readonly requestId: string;
  readonly writer: string;
  readonly sinceMs: number;
}

/**
 * I5: a slot belongs to the host whose block the array took, until a READ has given the answer away or it was left alone for
 * long. Who writes there meanwhile is told so. One for each life of an array: a restart frees all slots.
 */
export function watchSlots(
  server: DeviceServer,
  parts: {
    readonly nowMs: () => number;
    readonly fail: (error: SimFailure) => void;
    readonly array: string;
    readonly heard?: (block: Uint8Array) => void;
  },
): DeviceServer {
  const holders = new Map<number, Holder>();
  /** READs under way: which of them has given an answer away is not known before they end. */
  const reading = new Set<{ readonly from: number; readonly to: number }>();

  function taken(slot: number, by: Holder): void {
    const holder = holders.get(slot);
    // Over another path, too: who comes again, joins.
    const isSame = holder?.requestId === by.requestId;
    const at = FIRST_SLOT_OFFSET + slot * SLOT_SIZE;
    const isJudged = ![...reading].some(({ from, to }) => from < at + SLOT_SIZE && to > at);
    if (holder && !isSame && isJudged && by.sinceMs - holder.sinceMs < LEFT_ALONE_MS) {
      const whose = `request ${holder.requestId} of ${holder.writer}, whose answer nobody has read`;
      parts.fail(new SimFailure('I5-own-answer', `slot ${slot} of ${parts.array} was taken from ${whose}`));
    }
    if (!isSame) holders.set(slot, by);
  }

  /** What was shown of each slot that lies in the range as a whole; without data it may have been anything. */
  function shown(from: number, to: number, data: Uint8Array | undefined): void {
    for (const slot of holders.keys()) {
      const at = FIRST_SLOT_OFFSET + slot * SLOT_SIZE;
      if (at < from || at + SLOT_SIZE > to) continue;
      if (!data || data[at - from + STATE_OFFSET] === BLOCK_STATES.complete) holders.delete(slot);
    }
  }

  /** What is to be done with the answer. */
  function watch(task: ScsiTask): ((reply: ScsiReply | undefined) => void) | undefined {
    const from = startOf(task);
    // It is GOOD and does nothing.
    if (countOf(task) === 0) return undefined;
    if (WRITE_CODES.has(task.cdb[0]!)) {
      const slot = (from - FIRST_SLOT_OFFSET) / SLOT_SIZE;
      const requestId = toHex(task.dataOut.subarray(...REQUEST_ID));
      const writer = initiatorOf(task.nexus);
      parts.heard?.(task.dataOut);
      return (reply) => {
        if (reply?.status === 0) taken(slot, { requestId, writer, sinceMs: parts.nowMs() });
      };
    }
    if (!READ_CODES.has(task.cdb[0]!)) return undefined;
    const range = { from, to: from + countOf(task) * BLOCK_SIZE };
    reading.add(range);
    return (reply) => {
      reading.delete(range);
      shown(range.from, range.to, reply?.status === 0 ? reply.dataIn : undefined);
    };
  }

  return {
    ...server,
    execute(task) {
      const lun = decodeLunField(task.lun);
      const saw = lun.ok && lun.value === COMMAND_LUN ? watch(task) : undefined;
      const reply = server.execute(task);
      // Beside whoever waits for it, so that nothing comes later for being watched.
      if (saw) reply.then(saw, () => saw(undefined));
      return reply;
    },
  };
}

/** Byte offset; the low 32 bits of an LBA are enough here. */
function startOf(task: ScsiTask): number {
  return readU32(task.cdb, task.cdb[0]! & 0x80 ? 6 : 2) * BLOCK_SIZE;
}

function countOf(task: ScsiTask): number {
  return task.cdb[0]! & 0x80 ? readU32(task.cdb, 10) : readU16(task.cdb, 7);
}
