import { describeViolation } from '../../base/violation.ts';
import { decodeModeSelectCdb, decodeModeSenseCdb, type ModeSenseFields } from '../../scsi/cdb.ts';
import { checkCondition } from '../../scsi/fault.ts';
import {
  decodeModeData,
  DEVICE_SPECIFIC,
  encodeCachingPage,
  encodeControlPage,
  encodeModeData,
  isWriteProtectSet,
  MODE_PAGE,
  nothingChangeable,
  writeProtectChangeable,
  type DecodedModeData,
  type DecodedModePage,
} from '../../scsi/mode-page.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { allocated, receivedData, type Channel, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, invalidParameter, parameterListLengthError } from './faults.ts';

/** MODE SENSE and MODE SELECT, in both lengths. */

const PAGE_CONTROL = { current: 0, changeable: 1, default: 2, saved: 3 } as const;
const ALL_SUBPAGES = 0xff;

/** Whether hosts may set SWP: of volumes that they write as disks. */
function canBeProtected(unit: LogicalUnit): boolean {
  return unit.kind === 'volume';
}

interface UnitPage {
  readonly current: Uint8Array;
  readonly standard: Uint8Array;
  /** A bit is set where MODE SELECT may change it. */
  readonly changeable: Uint8Array;
}

/** Ascending; what was written may be volatile until SYNCHRONIZE CACHE. */
function pagesOf(channel: Channel, unit: LogicalUnit): readonly UnitPage[] {
  const caching = encodeCachingPage(true);
  const control = encodeControlPage(false);
  return [
    { current: caching, standard: caching, changeable: nothingChangeable(caching) },
    {
      current: encodeControlPage(channel.softwareProtected.has(unit.lun)),
      standard: control,
      changeable: canBeProtected(unit) ? writeProtectChangeable() : nothingChangeable(control),
    },
  ];
}

export function modeSense(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeModeSenseCdb(context.task.cdb), 2);
  if (fields.pageControl === PAGE_CONTROL.saved) {
    throw checkCondition(SENSE_KEY.illegalRequest, 0x39, 0x00, 'saving parameters not supported');
  }
  const { blockCount, blockSize } = context.unit;
  const data = {
    deviceSpecific: deviceSpecific(context),
    pages: selectPages(context, fields),
    ...(fields.disableBlockDescriptors ? {} : { blockDescriptor: { blockCount, blockSize } }),
  };
  return allocated(encodeModeData(data, headerLength(context), fields.longLba), fields.allocationLength);
}

function headerLength(context: CommandContext): 4 | 8 {
  return context.command.name === 'modeSense6' || context.command.name === 'modeSelect6' ? 4 : 8;
}

/** WP: hosts may not write, for whichever reason (SBC-3 6.4.1). */
function deviceSpecific({ channel, unit }: CommandContext): number {
  const isProtected = unit.access() === 'read-only' || channel.softwareProtected.has(unit.lun);
  return DEVICE_SPECIFIC.dpoFua | (isProtected ? DEVICE_SPECIFIC.writeProtected : 0);
}

function selectPages({ channel, unit }: CommandContext, fields: ModeSenseFields): readonly Uint8Array[] {
  if (fields.subpage !== 0 && fields.subpage !== ALL_SUBPAGES) {
    throw invalidFieldInCdb(3, undefined, `no subpage ${fields.subpage.toString(16)}h`);
  }
  const chosen = pagesOf(channel, unit).filter(
    ({ current }) => fields.page === MODE_PAGE.all || current[0] === fields.page,
  );
  if (chosen.length === 0) throw invalidFieldInCdb(2, 5, `no mode page ${fields.page.toString(16)}h`);
  if (fields.pageControl === PAGE_CONTROL.current) return chosen.map(({ current }) => current);
  return chosen.map(({ changeable, standard }) =>
    fields.pageControl === PAGE_CONTROL.changeable ? changeable : standard,
  );
}

/** Changes SWP, which is kept in memory; every other parameter must be sent as it is. */
export function modeSelect(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeModeSelectCdb(context.task.cdb), 1);
  if (!fields.pageFormat) throw invalidFieldInCdb(1, 4, 'PF is 0');
  if (fields.savePages) throw invalidFieldInCdb(1, 0, 'parameters cannot be saved');
  const list = receivedData(context.task, fields.parameterListLength);
  if (list.length < fields.parameterListLength) throw parameterListLengthError(`${list.length} bytes came`);
  if (list.length > 0) {
    const data = decodeList(list, headerLength(context));
    checkParameters(context, data);
    applyControlPage(context, data);
  }
  return { wantedDataOut: fields.parameterListLength };
}

function decodeList(list: Uint8Array, header: 4 | 8): DecodedModeData {
  const data = decodeModeData(list, header);
  if (!data.ok) throw parameterListLengthError(describeViolation(data.violation));
  return data.value;
}

function checkParameters({ channel, unit }: CommandContext, data: DecodedModeData): void {
  const descriptor = data.blockDescriptor;
  // A block count of 0 asks for no change (SBC-3 6.4.2.2), all ones for the largest that there is.
  const counts = [0, 0xffff_ffff, unit.blockCount];
  if (descriptor && (descriptor.blockSize !== unit.blockSize || !counts.includes(descriptor.blockCount))) {
    throw invalidParameter('the block descriptor would change the format');
  }
  const pages = pagesOf(channel, unit);
  for (const page of data.pages) checkPage(page, pages);
}

function checkPage(page: DecodedModePage, pages: readonly UnitPage[]): void {
  const known = pages.find(({ current }) => current[0] === page.page);
  const name = `mode page ${page.page.toString(16)}h`;
  if (!known || page.subpage !== 0 || page.bytes.length !== known.current.length) throw invalidParameter(`no ${name}`);
  const { changeable, current } = known;
  // After the header, whose PS bit is reserved in MODE SELECT; MODE SENSE data sent back may carry it.
  const differs = current.some((byte, at) => at >= 2 && ((byte ^ page.bytes[at]!) & ~changeable[at]!) !== 0);
  if (differs) throw invalidParameter(`${name}: a parameter that cannot be changed`);
}

/** Where a list has the page twice, the later one counts. The other nexuses hear of a change. */
function applyControlPage({ channel, lun, task }: CommandContext, data: DecodedModeData): void {
  const page = data.pages.findLast((candidate) => candidate.page === MODE_PAGE.control);
  if (!page) return;
  const wanted = isWriteProtectSet(page.bytes);
  if (wanted === channel.softwareProtected.has(lun)) return;
  if (wanted) channel.softwareProtected.add(lun);
  else channel.softwareProtected.delete(lun);
  channel.attentions.establish('modeParametersChanged', { lun, except: task.nexus });
}
