import { BLOCK_OPTION, decodeBlockCdb } from '../../scsi/cdb.ts';
import { SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import { lookUpCommand, type Command, type CommandName } from '../../scsi/opcode-table.ts';
import { decodeSense, SENSE_KEY } from '../../scsi/sense.ts';
import type { ScsiReply, ScsiTask } from '../../scsi/task.ts';
import type { FarUnit, PassedCommand } from '../far/far-unit.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { checkedFields, checkLength } from './checks.ts';
import { isAborted, throwIfAborted, type Channel } from './command-context.ts';
import { incompleteData } from './faults.ts';
import { answerRequestSense } from './identity-commands.ts';
import { blockLimits } from './limits.ts';
import { carriedOutHere } from './unit-support.ts';

/**
 * Commands to a virtual volume go to the far LUN as they are, which makes all the checks of `device-server.ts` itself and answers.
 * What says who and where this unit is, is answered here, and so is the copy manager, whose units are those of this array.
 */
const ANSWERED_HERE: ReadonlySet<CommandName> = new Set<CommandName>([
  'inquiry',
  'reportLuns',
  'reportSupportedOperationCodes',
  'extendedCopy',
  'receiveCopyStatus',
  'receiveCopyOperatingParameters',
]);

/** The far LUN's answer; undefined where the command is this array's to carry out. */
export async function passOn(
  channel: Channel,
  task: ScsiTask,
  unit: LogicalUnit,
  far: FarUnit,
): Promise<ScsiReply | undefined> {
  const command = lookUpCommand(task.cdb);
  if (typeof command === 'string' || ANSWERED_HERE.has(command.name)) return undefined;
  const attention = channel.attentions.take(task.nexus, unit.lun);
  if (attention) {
    const told = new ScsiFault(SCSI_STATUS.checkCondition, 'unit attention', attention);
    if (command.name === 'requestSense') return senseReply(task, told);
    throw told;
  }
  try {
    const reply = await far.pass(passedCommand(channel, task, unit, command));
    return isUnknownCommand(reply) && carriedOutHere(command) ? undefined : reply;
  } catch (error) {
    return withoutAnswer(task, unit, command, error);
  }
}

/** The far LUN cannot be reached, or has told the host something first. */
function withoutAnswer(task: ScsiTask, unit: LogicalUnit, command: Command, error: unknown): ScsiReply | undefined {
  if (command.name === 'requestSense') return senseReply(task, error);
  const away = error instanceof ScsiFault && error.sense?.key === SENSE_KEY.notReady;
  if (away && command.onNotReady && unit.blockCount > 0) return undefined;
  throw error;
}

/** REQUEST SENSE gives as data what any other command would end with. */
function senseReply(task: ScsiTask, error: unknown): ScsiReply {
  if (!(error instanceof ScsiFault) || !error.sense) throw error;
  const { dataIn } = answerRequestSense(task, error.sense);
  return { status: SCSI_STATUS.good, wantedDataOut: 0, ...(dataIn && { dataIn }) };
}

function passedCommand(channel: Channel, task: ScsiTask, unit: LogicalUnit, command: Command): PassedCommand {
  checkLength(task, command);
  if (task.dataOut.length < task.expectedDataOut) throw incompleteData(task.dataOut.length, task.expectedDataOut);
  throwIfAborted(channel, task);
  return {
    command,
    task,
    isAborted: () => isAborted(channel, task),
    ...shapeOf(task, unit, command),
  };
}

/** Room for what has no LBA, such as a list of allocated blocks. */
const PLAIN_ROOM = 1 << 20;

function shapeOf(
  task: ScsiTask,
  unit: LogicalUnit,
  command: Command,
): Pick<PassedCommand, 'dataInRoom' | 'forceUnitAccess' | 'wholeFlush'> {
  const plain = { dataInRoom: Math.min(task.expectedDataIn, PLAIN_ROOM), forceUnitAccess: false, wholeFlush: false };
  if (!command.checksLba) return plain;
  const fields = decodeBlockCdb(task.cdb);
  if (!fields.ok) return plain;
  const { blockCount, lba, options } = fields.value;
  // What is too long for this array, though it may not be for the far one.
  const tooLong = command.lengthLimit === 'transfer' && blockCount > blockLimits(unit).maximumTransfer;
  if (tooLong) checkedFields(task, unit, command);
  const asked = Math.max(PLAIN_ROOM, command.lengthLimit === 'transfer' ? blockCount * unit.blockSize : 0);
  return {
    dataInRoom: Math.min(task.expectedDataIn, asked),
    forceUnitAccess: hasForceUnitAccess(command) && (options & BLOCK_OPTION.forceUnitAccess) !== 0,
    wholeFlush: lba === 0 && blockCount === 0 && (options & BLOCK_OPTION.immediate) === 0,
  };
}

/** The bit means UNMAP in WRITE SAME, and something else again in WRITE AND VERIFY. */
function hasForceUnitAccess({ usage, lengthLimit, name }: Command): boolean {
  const length = usage.length / 2;
  const verifies = name.startsWith('writeAndVerify');
  return length > 6 && lengthLimit !== 'write-same' && !verifies;
}

/** INVALID COMMAND OPERATION CODE. */
function isUnknownCommand({ status, sense }: ScsiReply): boolean {
  if (status !== SCSI_STATUS.checkCondition || !sense) return false;
  const decoded = decodeSense(sense);
  return decoded.ok && decoded.value.key === SENSE_KEY.illegalRequest && decoded.value.asc === 0x20;
}
