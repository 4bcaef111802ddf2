import { writeAscii } from '../../scsi/inquiry.ts';
import {
  ASSOCIATION,
  DESIGNATOR_TYPE,
  encodeBlockDeviceCharacteristics,
  encodeBlockLimits,
  encodeDeviceIdentification,
  encodeLogicalBlockProvisioning,
  encodeSupportedPages,
  encodeUnitSerial,
  narrowBlockLimits,
  VPD_PAGE,
  type Designator,
} from '../../scsi/vpd.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import type { Channel } from './command-context.ts';
import { blockLimits } from './limits.ts';
import { isThin } from './unit-support.ts';

type PageBuilder = (channel: Channel, unit: LogicalUnit) => Uint8Array;

const PAGES: ReadonlyMap<number, PageBuilder> = new Map<number, PageBuilder>([
  [VPD_PAGE.supportedPages, () => encodeSupportedPages([...PAGES.keys()])],
  [VPD_PAGE.unitSerialNumber, (_channel, unit) => encodeUnitSerial(unit.serial)],
  [VPD_PAGE.deviceIdentification, (channel, unit) => encodeDeviceIdentification(designators(channel, unit))],
  [VPD_PAGE.blockLimits, (_channel, unit) => encodeBlockLimits(blockLimits(unit))],
  [VPD_PAGE.blockDeviceCharacteristics, (_channel, unit) => encodeBlockDeviceCharacteristics(erasures(unit))],
  [VPD_PAGE.logicalBlockProvisioning, (_channel, unit) => encodeLogicalBlockProvisioning(isThin(unit))],
]);

/** The page whole, or undefined where the device has no such page. */
export function vitalProductData(channel: Channel, unit: LogicalUnit, page: number): Uint8Array | undefined {
  return farPage(unit, page) ?? PAGES.get(page)?.(channel, unit);
}

/** Of a virtual volume the far unit's own page, where it has it: what it says is what is passed on to it. */
function farPage(unit: LogicalUnit, page: number): Uint8Array | undefined {
  const facts = unit.far?.facts();
  const found = facts?.pages.get(page);
  if (!found || page !== VPD_PAGE.blockLimits) return found;
  const { maximumTransfer, maximumWriteSame } = blockLimits(unit);
  const writesSame = !facts?.commands || facts.commands.has('writeSame16') || facts.commands.has('writeSame10');
  return narrowBlockLimits(found, { maximumTransfer, ...(writesSame ? {} : { maximumWriteSame }) });
}

function erasures(unit: LogicalUnit): ('blockErase' | 'cryptoErase')[] {
  if (!unit.sanitize) return [];
  return unit.encrypted ? ['blockErase', 'cryptoErase'] : ['blockErase'];
}

const BINARY = 1;
const ASCII = 2;
const UTF8 = 3;

/** The unit by its NAA name and by vendor and serial; the port by its number and, over iSCSI, by its SCSI name. */
export function designators(channel: Channel, unit: LogicalUnit): Designator[] {
  const { logicalUnit, targetPort, targetDevice } = ASSOCIATION;
  const list: Designator[] = [
    { codeSet: BINARY, association: logicalUnit, type: DESIGNATOR_TYPE.naa, value: unit.worldWideName },
    {
      codeSet: ASCII,
      association: logicalUnit,
      type: DESIGNATOR_TYPE.t10Vendor,
      value: vendorDesignator(channel, unit),
    },
    {
      codeSet: BINARY,
      association: targetPort,
      type: DESIGNATOR_TYPE.relativeTargetPort,
      value: Uint8Array.of(0, 0, 0, 1),
    },
  ];
  if (channel.targetName !== undefined) {
    const scsiName = (association: number, name: string): Designator => {
      return { codeSet: UTF8, association, type: DESIGNATOR_TYPE.scsiName, value: paddedName(name) };
    };
    list.push(scsiName(targetPort, `${channel.targetName},t,0x0001`), scsiName(targetDevice, channel.targetName));
  }
  return list;
}

/** Vendor padded to 8 characters, then the serial (SPC-4 7.8.6.4). */
function vendorDesignator(channel: Channel, unit: LogicalUnit): Uint8Array {
  const value = new Uint8Array(8 + unit.serial.length);
  writeAscii(value, 0, 8, channel.vendor);
  writeAscii(value, 8, unit.serial.length, unit.serial);
  return value;
}

/** Ends with at least one zero, in whole words (SPC-4 7.8.6.11). */
function paddedName(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const value = new Uint8Array(Math.ceil((text.length + 1) / 4) * 4);
  value.set(text);
  return value;
}
