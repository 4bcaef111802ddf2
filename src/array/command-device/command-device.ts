import type { Clock } from '../../base/clock.ts';
import { describeViolation } from '../../base/violation.ts';
import {
  answered,
  claimedIdentity,
  decodeRequestPart,
  encodeSlot,
  unanswered,
  type RequestBlock,
} from '../../interface-block/block.ts';
import { checksum } from '../../interface-block/checksum.ts';
import { encodeChallenge } from '../../interface-block/challenge.ts';
import { BLOCK_MAGIC } from '../../interface-block/control-parameter.ts';
import {
  CHALLENGE_OFFSET,
  CHALLENGE_SIZE,
  COMMAND_DEVICE_SIZE,
  FIRST_SLOT_OFFSET,
  LABEL_SIZE,
  REMEMBERED_REQUESTS,
  SLOT_COUNT,
  SLOT_SIZE,
  WRITE_UNIT,
} from '../../interface-block/geometry.ts';
import { encodeLabel } from '../../interface-block/label.ts';
import { STATUS } from '../../interface-block/status.ts';
import { checkCondition, SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import type { CommandControl, ConductCommand, RefusedWrite } from '../access/control.ts';
import { askerOf } from '../access/visibility.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { decideOutcome } from './outcome.ts';
import { createPageMemory, type PageMemory } from './page-memory.ts';
import { refusal } from './request-table.ts';
import { copyOverlap, createSlotTable } from './slot-table.ts';
import type { CommandOutcome, ExecuteCommand } from './types.ts';

export interface CommandDeviceParts {
  readonly lun: number;
  readonly name: string;
  /** Unit serial number (VPD 80h). */
  readonly serial: string;
  readonly worldWideName: Uint8Array;
  readonly arraySerial: string;
  readonly arrayName: string;
  readonly blockSize: 512 | 4096;
  /** Default: as many as label and slots need; what lies behind them reads as zeros. */
  readonly blockCount?: number;
  readonly clock: Clock;
  /** Commands made durable so far; quoted in the label. */
  readonly commandNumber: () => number;
  readonly execute: ExecuteCommand;
  /** Decides who may command, and records it; absent: everybody, unrecorded. */
  readonly control?: CommandControl;
  /** Whether hosts are shown each other's answers; absent: never. */
  readonly sharedAnswers?: () => boolean;
  /** What signatures must answer, as hex; absent: none is shown. */
  readonly challenge?: () => string;
  /** Shared by the command devices of an array, so that pages can be asked for on any of them. */
  readonly pages?: PageMemory;
}

/** Blocks of a command device at the least. */
export function commandDeviceBlockCount(blockSize: 512 | 4096): number {
  return COMMAND_DEVICE_SIZE / blockSize;
}

/**
 * A command device (Fig. 6, 7, 9): a LUN whose contents are made when they are read and executed when they are written.
 * Nothing of it is stored; after a restart all slots are free, and hosts submit again what has no answer.
 */
export function createCommandDevice(parts: CommandDeviceParts): LogicalUnit {
  const { blockSize, arraySerial, arrayName } = parts;
  const blockCount = parts.blockCount ?? commandDeviceBlockCount(blockSize);
  if (blockCount < commandDeviceBlockCount(blockSize)) throw new RangeError(`command device ${parts.name}: too small`);
  const slots = createSlotTable(parts.clock);
  const pages = parts.pages ?? createPageMemory();

  let lastLabel: { readonly commandNumber: number; readonly bytes: Uint8Array } | undefined;

  function label(): Uint8Array {
    const commandNumber = parts.commandNumber();
    if (lastLabel?.commandNumber !== commandNumber) {
      const facts = { arraySerial, arrayName, blockSize, commandNumber, memory: REMEMBERED_REQUESTS };
      lastLabel = { commandNumber, bytes: encodeLabel(facts) };
    }
    return lastLabel.bytes;
  }

  /** Label and challenge, where they are among the bytes from `offset`. */
  function showHead(bytes: Uint8Array, offset: number): void {
    if (offset < LABEL_SIZE) copyOverlap(label(), 0, bytes, offset);
    const showsChallenge = offset < CHALLENGE_OFFSET + CHALLENGE_SIZE && offset + bytes.length > CHALLENGE_OFFSET;
    if (parts.challenge && showsChallenge) {
      copyOverlap(encodeChallenge(parts.challenge()), CHALLENGE_OFFSET, bytes, offset);
    }
  }

  /** S901-S906. The WRITE is answered before this ends. */
  async function execute(slot: number, request: RequestBlock, outcome: Promise<CommandOutcome>): Promise<void> {
    const { status, editedData } = await outcome;
    const deleteNow = status === STATUS.ok && !request.editedDataWanted;
    const page = status === STATUS.ok ? request.page : 0;
    slots.complete(slot, deleteNow ? undefined : encodeSlot(answered({ ...request, page }, status, editedData)));
  }

  const conduct: ConductCommand =
    parts.control?.conduct ?? (async (submission, carryOut) => submission.unsound ?? (await carryOut(undefined)));

  function submit(slot: number, block: Uint8Array, nexus: string | undefined): void {
    const checked = decodeRequestPart(block);
    const request = checked.ok ? checked.value : unsoundRequest(block, arraySerial);
    const written = { requestId: request.requestId, block, writer: askerOf(nexus ?? '') };
    const claim = slots.claim(slot, written, {
      toWriter: () => encodeSlot(unanswered(request, 'executing')),
      toOthers: () => encodeSlot(unanswered(withoutContent(request), 'executing')),
    });
    if (claim === 'occupied')
      throw new ScsiFault(SCSI_STATUS.reservationConflict, `slot ${slot} holds another request`);
    if (claim === 'joined') return;
    const unsound = checked.ok ? misdirected(request, arraySerial) : notABlock(describeViolation(checked.violation));
    const submission = { origin: { lun: parts.lun, nexus }, block, request, ...(unsound && { unsound }) };
    const outcome = conduct(submission, (groups) => {
      const execute: ExecuteCommand = (asked) => parts.execute(groups ? { ...asked, groups } : asked);
      return decideOutcome(request, checksum(request.input), execute, pages);
    });
    void execute(slot, { ...request, arraySerial }, outcome);
  }

  return {
    lun: parts.lun,
    kind: 'command-device',
    name: parts.name,
    serial: parts.serial,
    worldWideName: parts.worldWideName,
    blockSize,
    blockCount,
    access: () => 'read-write',
    async read(lba, count, nexus) {
      const bytes = new Uint8Array(count * blockSize);
      const everybody = parts.sharedAnswers?.() === true;
      await slots.read(lba * blockSize, bytes, everybody ? undefined : askerOf(nexus ?? ''));
      showHead(bytes, lba * blockSize);
      return bytes;
    },
    async write(lba, data, { nexus }) {
      const slot = writtenSlot(lba * blockSize, data);
      if (typeof slot === 'number') return submit(slot, new Uint8Array(data), nexus);
      const { sense, why } = slot;
      await parts.control?.refusedWrite({ origin: { lun: parts.lun, nexus }, sense, why });
      throw checkCondition(...sense, why);
    },
    async flush() {
      // The outcome of a command is durable before it can be read.
    },
  };
}

function notABlock(why: string): CommandOutcome {
  return refusal('bad-block', why);
}

function misdirected(request: RequestBlock, arraySerial: string): CommandOutcome | undefined {
  if (request.arraySerial === arraySerial) return undefined;
  return refusal('wrong-array', `this is array ${arraySerial}, not ${request.arraySerial}`);
}

/** The slot that a WRITE addresses, or why it stores nothing: INVALID FIELD IN CDB, INVALID FIELD IN PARAMETER LIST. */
function writtenSlot(offset: number, data: Uint8Array): number | Pick<RefusedWrite, 'sense' | 'why'> {
  const slot = (offset - FIRST_SLOT_OFFSET) / SLOT_SIZE;
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOT_COUNT || data.length !== WRITE_UNIT) {
    return {
      sense: [5, 0x24, 0],
      why: `a command device takes writes of ${WRITE_UNIT} bytes at the start of a slot only`,
    };
  }
  if (Buffer.from(data.buffer, data.byteOffset, BLOCK_MAGIC.length).toString('latin1') !== BLOCK_MAGIC) {
    return { sense: [5, 0x26, 0], why: 'the data written is no interface block' };
  }
  return slot;
}

/** That the slot is taken, by whom and for which process: all that other hosts are shown. */
function withoutContent(request: RequestBlock): RequestBlock {
  return { ...request, requestId: '0'.repeat(32), admissionNumber: 0, page: 0, input: new Uint8Array(0) };
}

/** What an answer to a torn or forged block repeats of it: no more than its writer needs to know it again. */
function unsoundRequest(block: Uint8Array, arraySerial: string): RequestBlock {
  const identity = claimedIdentity(block);
  return {
    ...identity,
    editedDataWanted: true,
    arraySerial,
    admissionNumber: 0,
    page: 0,
    host: '',
    input: new Uint8Array(0),
  };
}
