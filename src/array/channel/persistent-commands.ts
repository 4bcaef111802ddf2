import { describeViolation } from '../../base/violation.ts';
import { checkCondition } from '../../scsi/fault.ts';
import {
  BASIC_LIST_LENGTH,
  decodePersistentInCdb,
  decodePersistentOutCdb,
  decodePersistentOutList,
  decodeRegisterAndMoveList,
  encodeFullStatus,
  encodeReadKeys,
  encodeReadReservation,
  encodeReservationCapabilities,
  isReservationType,
  type PersistentOutList,
  type ReservationType,
} from '../../scsi/persistent-reservation.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import { allocated, receivedData, type CommandContext, type CommandResult } from './command-context.ts';
import {
  cdbValue,
  insufficientRegistrationResources,
  invalidFieldInCdb,
  invalidParameter,
  parameterListLengthError,
  reservationConflict,
} from './faults.ts';
import type { ReservationOutcome } from './persistent-reservations.ts';

/** PERSISTENT RESERVE IN and OUT (SPC-4 6.15, 6.16). */

export function readKeys(context: CommandContext): CommandResult {
  const { persistent } = context.channel;
  const keys = persistent.registrants(context.lun).map((registrant) => registrant.key);
  return answer(context, encodeReadKeys(persistent.generation(context.lun), keys));
}

export function readReservation(context: CommandContext): CommandResult {
  const { persistent } = context.channel;
  return answer(context, encodeReadReservation(persistent.generation(context.lun), persistent.held(context.lun)));
}

export function reportCapabilities(context: CommandContext): CommandResult {
  return answer(context, encodeReservationCapabilities());
}

export function readFullStatus(context: CommandContext): CommandResult {
  const { persistent } = context.channel;
  const entries = persistent.registrants(context.lun).map(({ nexus, key, holds }) => ({ port: nexus, key, holds }));
  return answer(context, encodeFullStatus(persistent.generation(context.lun), entries));
}

function answer(context: CommandContext, data: Uint8Array): CommandResult {
  return allocated(data, cdbValue(decodePersistentInCdb(context.task.cdb), 7).allocationLength);
}

export function persistentRegister(context: CommandContext): CommandResult {
  return register(context, false);
}

export function persistentRegisterAndIgnore(context: CommandContext): CommandResult {
  return register(context, true);
}

function register(context: CommandContext, ignoreExisting: boolean): CommandResult {
  const { channel, lun, task } = context;
  const list = basicList(context);
  // What REPORT CAPABILITIES denies: SIP_C, ATP_C, PTPL_C.
  if (list.specifyInitiatorPorts) throw invalidParameter('SPEC_I_PT is not supported');
  if (list.allTargetPorts) throw invalidParameter('ALL_TG_PT is not supported');
  if (list.throughPowerLoss) throw invalidParameter('APTPL: registrations do not outlive a power loss');
  return ended(
    channel.persistent.register(lun, task.nexus, list.key, list.serviceActionKey, ignoreExisting),
    BASIC_LIST_LENGTH,
  );
}

export function persistentReserve(context: CommandContext): CommandResult {
  const { channel, lun, task } = context;
  const type = checkedType(context);
  return ended(channel.persistent.reserve(lun, task.nexus, basicList(context).key, type), BASIC_LIST_LENGTH);
}

export function persistentRelease(context: CommandContext): CommandResult {
  const { channel, lun, task } = context;
  const { type, scope } = cdbValue(decodePersistentOutCdb(task.cdb), 2);
  // Another scope than the only one there is cannot match the reservation (SPC-4 5.13.11.1.2).
  const outcome = channel.persistent.release(lun, task.nexus, basicList(context).key, scope === 0 ? type : -1);
  return ended(outcome, BASIC_LIST_LENGTH);
}

export function persistentClear(context: CommandContext): CommandResult {
  const { channel, lun, task } = context;
  return ended(channel.persistent.clear(lun, task.nexus, basicList(context).key), BASIC_LIST_LENGTH);
}

export function persistentPreempt(context: CommandContext): CommandResult {
  preempt(context);
  return { wantedDataOut: BASIC_LIST_LENGTH };
}

/** Ends when the tasks of the preempted have ended: none of their writes comes after it. */
export async function persistentPreemptAndAbort(context: CommandContext): Promise<CommandResult> {
  const victims = preempt(context);
  await context.channel.abortTasks(context.lun, (nexus) => victims.includes(nexus) && nexus !== context.task.nexus);
  return { wantedDataOut: BASIC_LIST_LENGTH };
}

function preempt(context: CommandContext): readonly string[] {
  const { channel, lun, task } = context;
  const { scope, type } = cdbValue(decodePersistentOutCdb(task.cdb), 2);
  const list = basicList(context);
  // SCOPE and TYPE are ignored where no reservation is taken over.
  const wanted = scope === 0 && isReservationType(type) ? type : undefined;
  const victims = channel.persistent.preempt(lun, task.nexus, list.key, list.serviceActionKey, wanted);
  if (victims === 'invalid-type') throw invalidFieldInCdb(2, undefined, 'no such scope and type of reservation');
  if (typeof victims === 'string') throw refusal(victims);
  return victims;
}

export function persistentRegisterAndMove(context: CommandContext): CommandResult {
  const { channel, lun, task } = context;
  const bytes = parameterList(context);
  const list = decodeRegisterAndMoveList(bytes);
  if (!list.ok) throw invalidParameter(describeViolation(list.violation));
  const { key, serviceActionKey, transportId, unregister } = list.value;
  if (list.value.throughPowerLoss) throw invalidParameter('APTPL: registrations do not outlive a power loss');
  if (list.value.relativeTargetPort !== 1) throw invalidParameter('there is only target port 1');
  const move = { key, newKey: serviceActionKey, to: transportId, unregister };
  return ended(channel.persistent.registerAndMove(lun, task.nexus, move), bytes.length);
}

function checkedType(context: CommandContext): ReservationType {
  const { scope, type } = cdbValue(decodePersistentOutCdb(context.task.cdb), 2);
  if (scope !== 0) throw invalidFieldInCdb(2, 7, `scope ${scope} is not supported`);
  if (!isReservationType(type)) throw invalidFieldInCdb(2, 3, `no reservation type ${type}`);
  return type;
}

function basicList(context: CommandContext): PersistentOutList {
  const list = parameterList(context);
  const decoded = decodePersistentOutList(list);
  if (!decoded.ok) throw parameterListLengthError(describeViolation(decoded.violation));
  // With TransportIDs the list is longer, and then the refusal is about SPEC_I_PT.
  if (list.length !== BASIC_LIST_LENGTH && !decoded.value.specifyInitiatorPorts) {
    throw parameterListLengthError(`${list.length} bytes, not ${BASIC_LIST_LENGTH}`);
  }
  return decoded.value;
}

function parameterList(context: CommandContext): Uint8Array {
  const { parameterListLength } = cdbValue(decodePersistentOutCdb(context.task.cdb), 5);
  if (parameterListLength < BASIC_LIST_LENGTH) throw parameterListLengthError(`${parameterListLength} bytes`);
  const list = receivedData(context.task, parameterListLength);
  if (list.length < parameterListLength) throw parameterListLengthError(`${list.length} bytes came`);
  return list;
}

function ended(outcome: ReservationOutcome, wantedDataOut: number): CommandResult {
  if (outcome !== 'done') throw refusal(outcome);
  return { wantedDataOut };
}

function refusal(outcome: Exclude<ReservationOutcome, 'done'>): Error {
  switch (outcome) {
    case 'conflict':
      return reservationConflict();
    case 'invalid-key':
      return invalidParameter('SERVICE ACTION RESERVATION KEY');
    case 'no-room':
      return insufficientRegistrationResources();
    case 'invalid-release':
      return checkCondition(
        SENSE_KEY.illegalRequest,
        0x26,
        0x04,
        'invalid release of persistent reservation: scope or type differ',
      );
  }
}
