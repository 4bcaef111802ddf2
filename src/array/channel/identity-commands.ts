import { decodeInquiryCdb, decodeReportLunsCdb, decodeRequestSenseCdb } from '../../scsi/cdb.ts';
import type { Sense } from '../../scsi/fault.ts';
import { DEVICE_TYPE, encodeStandardInquiry, PERIPHERAL_QUALIFIER, VERSION_DESCRIPTOR } from '../../scsi/inquiry.ts';
import { COMMANDS } from '../../scsi/opcode-table.ts';
import { encodeReportLuns } from '../../scsi/report-luns.ts';
import { encodeDescriptorSense, encodeFixedSense, SENSE_KEY } from '../../scsi/sense.ts';
import type { ScsiTask } from '../../scsi/task.ts';
import { VPD_PAGE } from '../../scsi/vpd.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { sanitizeFault } from '../sanitize/sanitizer.ts';
import { allocated, type Channel, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, mediumNotPresent, noSuchUnit, notReady } from './faults.ts';
import { unitSupports } from './unit-support.ts';
import { vitalProductData } from './vital-product-data.ts';

/** INQUIRY, REPORT LUNS and REQUEST SENSE: what a LUN answers whatever its state, and even where no unit is there. */

const SPC4 = 6;

const PRODUCT = {
  volume: 'VOLUME',
  virtual: 'VIRTUAL VOLUME',
  journal: 'JOURNAL VOLUME',
  'command-device': 'COMMAND DEVICE',
} as const satisfies Record<LogicalUnit['kind'], string>;

export async function inquiry(context: CommandContext): Promise<CommandResult> {
  const fields = cdbValue(decodeInquiryCdb(context.task.cdb), 2);
  if (fields.page !== undefined && fields.page >= VPD_PAGE.blockLimits) await context.unit.far?.learn();
  if (fields.page === undefined)
    return allocated(standardInquiry(context.channel, context.unit), fields.allocationLength);
  const page = vitalProductData(context.channel, context.unit, fields.page);
  if (!page) throw invalidFieldInCdb(2, undefined, `no VPD page ${fields.page.toString(16)}h`);
  return allocated(page, fields.allocationLength);
}

/** Standard INQUIRY data; without a unit, of a LUN at which there could be one but is none. */
function standardInquiry(channel: Channel, unit: LogicalUnit | undefined): Uint8Array {
  const { iscsi, sam5, sbc3, spc4 } = VERSION_DESCRIPTOR;
  return encodeStandardInquiry({
    peripheralQualifier: unit ? PERIPHERAL_QUALIFIER.connected : PERIPHERAL_QUALIFIER.none,
    deviceType: unit ? DEVICE_TYPE.disk : DEVICE_TYPE.none,
    removable: unit?.removable === true,
    thirdPartyCopy: unit !== undefined && unitSupports(unit, COMMANDS.extendedCopy),
    version: SPC4,
    vendor: channel.vendor,
    product: unit ? PRODUCT[unit.kind] : 'NO UNIT',
    revision: channel.revision,
    versionDescriptors: unit ? [sam5, spc4, sbc3, iscsi] : [sam5, spc4, iscsi],
  });
}

export function reportLuns(context: CommandContext): CommandResult {
  return answerReportLuns(context.channel, context.task);
}

const SELECT_REPORT = { addressable: 0, wellKnown: 1, all: 2 } as const;

function answerReportLuns(channel: Channel, task: ScsiTask): CommandResult {
  const fields = cdbValue(decodeReportLunsCdb(task.cdb), 2);
  if (fields.selectReport > SELECT_REPORT.all) throw invalidFieldInCdb(2, undefined, 'SELECT REPORT is not 0, 1 or 2');
  channel.attentions.clearLunListChanged(task.nexus);
  const units = fields.selectReport === SELECT_REPORT.wellKnown ? [] : channel.units.all();
  const luns = units.map((unit) => unit.lun).filter((lun) => channel.visible(task.nexus, lun));
  return allocated(encodeReportLuns(luns), fields.allocationLength);
}

/** Hands over a pending unit attention, or says whether the unit is ready. */
export function requestSense(context: CommandContext): CommandResult {
  const attention = context.channel.attentions.take(context.task.nexus, context.lun);
  return answerRequestSense(context.task, attention ?? pollableSense(context.channel, context.unit));
}

function pollableSense(channel: Channel, unit: LogicalUnit): Sense {
  const none = { key: SENSE_KEY.noSense, asc: 0, ascq: 0 };
  const sanitizing = unit.sanitize?.status();
  if (sanitizing) return sanitizeFault(sanitizing).sense ?? none;
  if (channel.media.isEjected(unit.lun)) return mediumNotPresent().sense ?? none;
  return (unit.access() === 'none' ? notReady('').sense : undefined) ?? none;
}

export function answerRequestSense(task: ScsiTask, sense: Sense): CommandResult {
  const fields = cdbValue(decodeRequestSenseCdb(task.cdb), 1);
  const data = fields.descriptorFormat ? encodeDescriptorSense(sense) : encodeFixedSense(sense);
  return allocated(data, fields.allocationLength);
}

/**
 * A LUN without a unit (SPC-4 6.6.1, SAM-5 4.7.4): INQUIRY says so, LUN 0 can still be asked for the list, so that an
 * initiator finds the units; everything else is refused.
 */
export function answerWithoutUnit(
  channel: Channel,
  task: ScsiTask,
  name: string | undefined,
  isLunZero: boolean,
): CommandResult {
  if (name === 'inquiry') {
    const fields = cdbValue(decodeInquiryCdb(task.cdb), 2);
    if (fields.page === undefined) return allocated(standardInquiry(channel, undefined), fields.allocationLength);
  }
  if (name === 'reportLuns' && isLunZero) return answerReportLuns(channel, task);
  const refusal = noSuchUnit();
  if (name === 'requestSense' && refusal.sense) return answerRequestSense(task, refusal.sense);
  throw refusal;
}
