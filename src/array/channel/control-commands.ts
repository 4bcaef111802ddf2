import { decodeReportOpcodesCdb, decodeStartStopCdb, type ReportOpcodesFields } from '../../scsi/cdb.ts';
import { COMMAND_LIST, commandsOf, type Command } from '../../scsi/opcode-table.ts';
import { encodeAllOpcodes, encodeOneOpcode } from '../../scsi/report-opcodes.ts';
import { allocated, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, reservationConflict } from './faults.ts';
import { unitSupports } from './unit-support.ts';

/** TEST UNIT READY, START STOP UNIT, reservations, REPORT SUPPORTED OPERATION CODES. */

/** The device server has checked by now that the unit is ready. */
export function testUnitReady(): CommandResult {
  return {};
}

/** Nothing to spin and nothing to eject: every request that does not move a medium is already so. */
export function startStopUnit(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeStartStopCdb(context.task.cdb), 4);
  const ejects = fields.loadEject && fields.powerCondition === 0;
  if (ejects) throw invalidFieldInCdb(4, 1, 'the medium cannot be removed');
  return {};
}

/** Third-party and extent reservations are obsolete and refused. */
export function reserve(context: CommandContext): CommandResult {
  refuseThirdParty(context);
  if (!context.channel.reservations.reserve(context.lun, context.task.nexus)) throw reservationConflict();
  return {};
}

export function release(context: CommandContext): CommandResult {
  refuseThirdParty(context);
  context.channel.reservations.release(context.lun, context.task.nexus);
  return {};
}

const THIRD_PARTY_OR_EXTENT = 0x11;

function refuseThirdParty(context: CommandContext): void {
  if ((context.task.cdb[1]! & THIRD_PARTY_OR_EXTENT) !== 0) {
    throw invalidFieldInCdb(1, undefined, 'third-party and extent reservations are not supported');
  }
}

const REPORTING = { all: 0, withoutServiceAction: 1, withServiceAction: 2, either: 3 } as const;

export function reportSupportedOperationCodes(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeReportOpcodesCdb(context.task.cdb), 2);
  const supported = (command: Command) => unitSupports(context.unit, command);
  const data =
    fields.options === REPORTING.all
      ? encodeAllOpcodes(COMMAND_LIST.filter(supported), fields.withTimeouts)
      : encodeOneOpcode(selectOne(fields, commandsOf(fields.opcode).filter(supported)), fields.withTimeouts);
  return allocated(data, fields.allocationLength);
}

/** SPC-4 table 250: an option that does not fit the operation code is an invalid field, an absent command is not. */
function selectOne(fields: ReportOpcodesFields, candidates: readonly Command[]): Command | undefined {
  if (fields.options > REPORTING.either) throw invalidFieldInCdb(2, 2, 'REPORTING OPTIONS is reserved');
  const withActions = candidates.some((command) => command.serviceAction !== undefined);
  if (candidates.length > 0 && fields.options !== REPORTING.either) {
    if (withActions !== (fields.options === REPORTING.withServiceAction)) {
      throw invalidFieldInCdb(2, 2, 'REPORTING OPTIONS does not fit the operation code');
    }
  }
  if (!withActions)
    return fields.options === REPORTING.either && fields.serviceAction !== 0 ? undefined : candidates[0];
  return candidates.find((command) => command.serviceAction === fields.serviceAction);
}
