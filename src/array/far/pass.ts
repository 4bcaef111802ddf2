import { LunError, type Lun, type PassedAnswer } from '../../lun/lun.ts';
import { SCSI_STATUS, ScsiFault, taskAborted } from '../../scsi/fault.ts';
import type { Command } from '../../scsi/opcode-table.ts';
import { OPCODE } from '../../scsi/opcode.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { ScsiReply } from '../../scsi/task.ts';
import { senseOf } from './attentions.ts';
import type { FarLine } from './far-line.ts';
import type { PassedCommand } from './far-unit.ts';

/** What is to be done where a command got no answer: `write` is everything that must not be done twice unseen. */
export type FarOperation = 'read' | 'write' | 'flush';

export interface Flushed<T> {
  readonly value: T;
  /** Which of the acknowledged writes are durable now. */
  readonly covers: 'all' | 'part' | 'nothing';
}

/** What a passed command needs of its virtual unit. */
export interface PassWays {
  readonly timeoutMs: number;
  through<T>(operation: FarOperation, call: (lun: Lun) => Promise<T>): Promise<T>;
  flush<T>(flush: (lun: Lun) => Promise<Flushed<T>>): Promise<T>;
  /** A write was acknowledged that is durable only after a flush. */
  wrote(lun: Lun): void;
  /** The far unit has said that what it is has changed. */
  learnAnew(lun: Lun): Promise<void>;
}

export function mayRepeat(operation: FarOperation, error: LunError): boolean {
  return operation !== 'write' || error.outcome === 'not-done';
}

/** Sends the command as it is and gives back the answer as it came. Rejects with `ScsiFault` where there was none. */
export async function sendPassed(passed: PassedCommand, line: FarLine, ways: PassWays): Promise<ScsiReply> {
  const { command } = passed;
  const operation = operationOf(command);
  if (operation === 'flush') {
    return ways.flush(async (lun) => {
      const answer = await send(passed, line, lun, ways);
      const covers = !isGood(answer) ? 'nothing' : passed.wholeFlush ? 'all' : 'part';
      return { value: replyOf(passed, answer), covers };
    });
  }
  return ways.through(operation, async (lun) => {
    const answer = await send(passed, line, lun, ways);
    if (isGood(answer)) {
      noteKept(command, line);
      if (command.effect === 'write' && !passed.forceUnitAccess) ways.wrote(lun);
    }
    return replyOf(passed, answer);
  });
}

async function send(passed: PassedCommand, line: FarLine, lun: Lun, ways: PassWays): Promise<PassedAnswer> {
  const { command, task, dataInRoom } = passed;
  const attention = line.takeAttention();
  if (attention) throw new ScsiFault(SCSI_STATUS.checkCondition, 'unit attention', attention);
  // Reaching the far array, or the try before this one, may have taken longer than the host waited.
  if (passed.isAborted()) throw taskAborted();
  if (!lun.passThrough) throw new Error(`${lun.path} passes no commands on`);
  const sent = lun.passThrough.execute({
    what: command.title,
    cdb: task.cdb,
    dataInLength: dataInRoom,
    timeoutMs: timeoutOf(command, ways.timeoutMs),
    ...(task.dataOut.length > 0 && { dataOut: task.dataOut }),
    ...(task.onceAborted && { onceAborted: (listener) => task.onceAborted?.(listener) }),
  });
  const answer = await sent.catch((error: unknown) => {
    // It may have been carried out: then the host must hear of what is lost, and what it has there must be given back.
    if (!(error instanceof LunError) || error.outcome !== 'not-done') noteKept(command, line);
    throw error;
  });
  const sense = senseOf(answer);
  // The host asks for it next, and is then answered from what this array has learned.
  if (sense?.key === SENSE_KEY.unitAttention && SOMETHING_CHANGED.has(sense.asc)) await ways.learnAnew(lun);
  return answer;
}

/** Power on or reset; parameters or capacity changed; INQUIRY data or operation codes changed. */
const SOMETHING_CHANGED: ReadonlySet<number> = new Set([0x29, 0x2a, 0x3f]);

const {
  modeSelect6,
  modeSelect10,
  persistentReserveOut,
  preventAllowMediumRemoval,
  release6,
  reserve6,
  startStopUnit,
} = OPCODE;

/** They change something, though not the medium. */
const CHANGING: ReadonlySet<number> = new Set([
  modeSelect6,
  modeSelect10,
  persistentReserveOut,
  preventAllowMediumRemoval,
  release6,
  reserve6,
  startStopUnit,
]);

/** After these the far array keeps something that the loss of the nexus ends. */
const HELD_FOR_THE_NEXUS: ReadonlySet<number> = new Set([preventAllowMediumRemoval, reserve6]);

function noteKept({ opcode }: Command, line: FarLine): void {
  if (HELD_FOR_THE_NEXUS.has(opcode)) line.holdsState = true;
  if (opcode === persistentReserveOut) line.registers = true;
}

function operationOf({ opcode, effect }: Command): FarOperation {
  if (opcode === OPCODE.synchronizeCache10 || opcode === OPCODE.synchronizeCache16) return 'flush';
  return effect === 'write' || CHANGING.has(opcode) ? 'write' : 'read';
}

/** Six times as long for what is no plain I/O; without IMMED a SANITIZE is answered when it is done. */
const LONGER = 6;
const SANITIZE_MS = 24 * 3_600_000;

function timeoutOf({ opcode, lengthLimit, effect }: Command, timeoutMs: number): number {
  if (opcode === OPCODE.sanitize) return SANITIZE_MS;
  const plain = lengthLimit === 'transfer' || effect === 'neutral';
  return plain ? timeoutMs : LONGER * timeoutMs;
}

function isGood({ status }: PassedAnswer): boolean {
  return status === SCSI_STATUS.good || status === SCSI_STATUS.conditionMet;
}

/** With the far unit's own status, sense and residual. */
function replyOf({ task, dataInRoom }: PassedCommand, answer: PassedAnswer): ScsiReply {
  const out = task.dataOut.length;
  return {
    status: answer.status,
    ...(answer.sense && { sense: answer.sense }),
    ...(answer.dataIn.length > 0 && { dataIn: answer.dataIn }),
    ...(out > 0 ? { wantedDataOut: out + answer.residual } : { producedDataIn: dataInRoom + answer.residual }),
  };
}
