import { equalBytes } from '../../base/bytes.ts';
import { describeViolation } from '../../base/violation.ts';
import { decodeModeSelectCdb, decodeModeSenseCdb, type ModeSenseFields } from '../../scsi/cdb.ts';
import { checkCondition } from '../../scsi/fault.ts';
import {
  decodeModeData,
  DEVICE_SPECIFIC,
  encodeCachingPage,
  encodeControlPage,
  encodeModeData,
  MODE_PAGE,
  nothingChangeable,
  type DecodedModeData,
  type DecodedModePage,
} from '../../scsi/mode-page.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { allocated, receivedData, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, invalidParameter, parameterListLengthError } from './faults.ts';

/** MODE SENSE and MODE SELECT, in both lengths. */

const PAGE_CONTROL = { current: 0, changeable: 1, default: 2, saved: 3 } as const;
const ALL_SUBPAGES = 0xff;

/** Ascending; what was written may be volatile until SYNCHRONIZE CACHE. */
const PAGES: readonly Uint8Array[] = [encodeCachingPage(true), encodeControlPage()];

export function modeSense(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeModeSenseCdb(context.task.cdb), 2);
  if (fields.pageControl === PAGE_CONTROL.saved) {
    throw checkCondition(SENSE_KEY.illegalRequest, 0x39, 0x00, 'saving parameters not supported');
  }
  const { blockCount, blockSize } = context.unit;
  const data = {
    deviceSpecific: deviceSpecific(context.unit),
    pages: selectPages(fields),
    ...(fields.disableBlockDescriptors ? {} : { blockDescriptor: { blockCount, blockSize } }),
  };
  return allocated(encodeModeData(data, headerLength(context), fields.longLba), fields.allocationLength);
}

function headerLength(context: CommandContext): 4 | 8 {
  return context.command.name === 'modeSense6' || context.command.name === 'modeSelect6' ? 4 : 8;
}

function deviceSpecific(unit: LogicalUnit): number {
  return DEVICE_SPECIFIC.dpoFua | (unit.access() === 'read-only' ? DEVICE_SPECIFIC.writeProtected : 0);
}

function selectPages(fields: ModeSenseFields): readonly Uint8Array[] {
  if (fields.subpage !== 0 && fields.subpage !== ALL_SUBPAGES) {
    throw invalidFieldInCdb(3, undefined, `no subpage ${fields.subpage.toString(16)}h`);
  }
  const chosen = PAGES.filter((page) => fields.page === MODE_PAGE.all || page[0] === fields.page);
  if (chosen.length === 0) throw invalidFieldInCdb(2, 5, `no mode page ${fields.page.toString(16)}h`);
  return fields.pageControl === PAGE_CONTROL.changeable ? chosen.map(nothingChangeable) : chosen;
}

/** Accepts a parameter list that says what already is; no parameter of these units can be changed. */
export function modeSelect(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeModeSelectCdb(context.task.cdb), 1);
  if (!fields.pageFormat) throw invalidFieldInCdb(1, 4, 'PF is 0');
  if (fields.savePages) throw invalidFieldInCdb(1, 0, 'parameters cannot be saved');
  const list = receivedData(context.task, fields.parameterListLength);
  if (list.length < fields.parameterListLength) throw parameterListLengthError(`${list.length} bytes came`);
  if (list.length > 0) checkChangesNothing(context.unit, decodeList(list, headerLength(context)));
  return { wantedDataOut: fields.parameterListLength };
}

function decodeList(list: Uint8Array, header: 4 | 8): DecodedModeData {
  const data = decodeModeData(list, header);
  if (!data.ok) throw parameterListLengthError(describeViolation(data.violation));
  return data.value;
}

function checkChangesNothing(unit: LogicalUnit, data: DecodedModeData): void {
  const descriptor = data.blockDescriptor;
  // A block count of 0 asks for no change (SBC-3 6.4.2.2), all ones for the largest that there is.
  const counts = [0, 0xffff_ffff, unit.blockCount];
  if (descriptor && (descriptor.blockSize !== unit.blockSize || !counts.includes(descriptor.blockCount))) {
    throw invalidParameter('the block descriptor would change the format');
  }
  data.pages.forEach(checkPage);
}

function checkPage(page: DecodedModePage): void {
  const current = PAGES.find((known) => known[0] === page.page);
  const name = `mode page ${page.page.toString(16)}h`;
  if (!current || page.subpage !== 0) throw invalidParameter(`no ${name}`);
  const sent = page.bytes.slice();
  // PS is reserved in MODE SELECT; MODE SENSE data sent back may carry it.
  sent[0]! &= 0x3f;
  if (!equalBytes(sent, current)) throw invalidParameter(`${name} cannot be changed`);
}
