import { decodeReportOpcodesCdb, type ReportOpcodesFields } from '../../scsi/cdb.ts';
import { decodeDefectDataCdb, encodeNoDefects } from '../../scsi/defect-data.ts';
import { COMMAND_LIST, commandsOf, type Command } from '../../scsi/opcode-table.ts';
import { encodeAllOpcodes, encodeOneOpcode } from '../../scsi/report-opcodes.ts';
import { allocated, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, invalidOpcode, reservationConflict } from './faults.ts';
import { unitSupports } from './unit-support.ts';

/** TEST UNIT READY, SPC-2 reservations, READ DEFECT DATA, REPORT SUPPORTED OPERATION CODES. */

/** The device server has checked by now that the unit is ready. */
export function testUnitReady(): CommandResult {
  return {};
}

/** The array hides the defects of its disks, so that both lists of a unit are empty. */
export function readDefectData(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeDefectDataCdb(context.task.cdb), 0);
  return allocated(
    encodeNoDefects(fields.wanted, context.command.name === 'readDefectData12'),
    fields.allocationLength,
  );
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

export async function reportSupportedOperationCodes(context: CommandContext): Promise<CommandResult> {
  const { far } = context.unit;
  await far?.learn();
  // A far unit that does not tell leaves nothing that could be told of it.
  if (far?.facts() && !far.facts()?.commands) throw invalidOpcode(context.command.opcode);
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
