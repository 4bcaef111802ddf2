import { readU16, readU32, readU64, toHex, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { readAscii, writeAscii } from './inquiry.ts';

/** Vital product data pages (SPC-4 7.8, SBC-3 6.5). */
export const VPD_PAGE = {
  supportedPages: 0x00,
  unitSerialNumber: 0x80,
  deviceIdentification: 0x83,
  blockLimits: 0xb0,
  blockDeviceCharacteristics: 0xb1,
  logicalBlockProvisioning: 0xb2,
} as const;

export interface VpdPage {
  readonly page: number;
  readonly deviceType: number;
  /** What the page carries; the whole of it only where the allocation length sufficed. */
  readonly content: Uint8Array;
  /** PAGE LENGTH as the device claims it. */
  readonly contentLength: number;
}

export function encodeVpd(page: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + content.length);
  bytes[1] = page;
  writeU16(bytes, 2, content.length);
  bytes.set(content, 4);
  return bytes;
}

/** The frame of any page; `page` is the one asked for. */
export function decodeVpd(bytes: Uint8Array, page: number): Decoded<VpdPage> {
  const name = `VPD page ${page.toString(16).padStart(2, '0')}h`;
  if (bytes.length < 4) return violated(name, `${bytes.length} bytes`, 'at least 4 bytes');
  if (bytes[1] !== page) return violated(`${name}.pageCode`, bytes[1]!, String(page));
  const contentLength = readU16(bytes, 2);
  return decoded({ page, deviceType: bytes[0]! & 0x1f, contentLength, content: bytes.slice(4, 4 + contentLength) });
}

/** Page 00h: ascending page codes, itself included. */
export function encodeSupportedPages(pages: readonly number[]): Uint8Array {
  return encodeVpd(VPD_PAGE.supportedPages, Uint8Array.from(pages.toSorted((left, right) => left - right)));
}

/** Page 80h. */
export function encodeUnitSerial(serial: string): Uint8Array {
  const content = new Uint8Array(serial.length);
  writeAscii(content, 0, serial.length, serial);
  return encodeVpd(VPD_PAGE.unitSerialNumber, content);
}

export function decodeUnitSerial(bytes: Uint8Array): Decoded<string> {
  const page = decodeVpd(bytes, VPD_PAGE.unitSerialNumber);
  return page.ok ? decoded(readAscii(page.value.content, 0, page.value.content.length)) : page;
}

export const DESIGNATOR_TYPE = {
  t10Vendor: 1,
  eui64: 2,
  naa: 3,
  relativeTargetPort: 4,
  targetPortGroup: 5,
  scsiName: 8,
} as const;
export const ASSOCIATION = { logicalUnit: 0, targetPort: 1, targetDevice: 2 } as const;

export interface Designator {
  /** 1 binary, 2 ASCII, 3 UTF-8. */
  readonly codeSet: number;
  readonly association: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/** Page 83h. Designators of ports and devices name iSCSI as their protocol (PIV, SPC-4 7.8.6.1). */
export function encodeDeviceIdentification(designators: readonly Designator[]): Uint8Array {
  const parts = designators.map(({ codeSet, association, type, value }) => {
    if (value.length > 0xff) throw new RangeError(`designator of ${value.length} bytes`);
    const ofPort = association !== ASSOCIATION.logicalUnit;
    const head = [(ofPort ? 0x50 : 0) | codeSet, (ofPort ? 0x80 : 0) | (association << 4) | type, 0, value.length];
    return Buffer.concat([Uint8Array.from(head), value]);
  });
  return encodeVpd(VPD_PAGE.deviceIdentification, new Uint8Array(Buffer.concat(parts)));
}

/** Stops at a designator that the bytes cut off. */
export function decodeDeviceIdentification(bytes: Uint8Array): Decoded<readonly Designator[]> {
  const page = decodeVpd(bytes, VPD_PAGE.deviceIdentification);
  if (!page.ok) return page;
  const { content } = page.value;
  const designators: Designator[] = [];
  for (let at = 0; at + 4 <= content.length; at += 4 + content[at + 3]!) {
    const value = content.slice(at + 4, at + 4 + content[at + 3]!);
    if (value.length < content[at + 3]!) break;
    const association = (content[at + 1]! >>> 4) & 0x03;
    designators.push({ codeSet: content[at]! & 0x0f, association, type: content[at + 1]! & 0x0f, value });
  }
  return decoded(designators);
}

/** Which designator names the unit best: NAA, then EUI-64, then a SCSI name; as lower-case hex, '' where there is none. */
export function worldWideNameOf(designators: readonly Designator[]): string {
  const ofUnit = designators.filter((designator) => designator.association === ASSOCIATION.logicalUnit);
  for (const type of [DESIGNATOR_TYPE.naa, DESIGNATOR_TYPE.eui64, DESIGNATOR_TYPE.scsiName]) {
    const found = ofUnit.find((designator) => designator.type === type);
    if (found) return toHex(found.value);
  }
  return '';
}

/** Page B0h. Lengths in blocks; 0 where the device reports no limit or does not support it. */
export interface BlockLimits {
  readonly maximumCompareAndWrite: number;
  readonly optimalGranularity: number;
  readonly maximumTransfer: number;
  readonly optimalTransfer: number;
  readonly maximumPrefetch: number;
  readonly maximumWriteSame: number;
  /** In one UNMAP command; 0 of both without UNMAP. */
  readonly maximumUnmap: number;
  readonly maximumUnmapDescriptors: number;
  /** OPTIMAL UNMAP GRANULARITY, with an alignment of 0. */
  readonly unmapGranularity: number;
  /** MAXIMUM ATOMIC TRANSFER LENGTH; 0 without WRITE ATOMIC. */
  readonly maximumAtomic: number;
  /** ATOMIC ALIGNMENT and ATOMIC TRANSFER LENGTH GRANULARITY; 0 without any such limit. */
  readonly atomicGranularity: number;
}

/** SBC-3 claims the long form of the page. */
const BLOCK_LIMITS_LENGTH = 0x3c;

export function encodeBlockLimits(limits: BlockLimits): Uint8Array {
  const content = new Uint8Array(BLOCK_LIMITS_LENGTH);
  // WSNZ (bit 0 of byte 4) stays 0: a WRITE SAME of 0 blocks reaches to the end of the unit.
  content[1] = limits.maximumCompareAndWrite;
  writeU16(content, 2, limits.optimalGranularity);
  writeU32(content, 4, limits.maximumTransfer);
  writeU32(content, 8, limits.optimalTransfer);
  writeU32(content, 12, limits.maximumPrefetch);
  writeU32(content, 16, limits.maximumUnmap);
  writeU32(content, 20, limits.maximumUnmapDescriptors);
  writeU32(content, 24, limits.unmapGranularity);
  // UGAVALID: the alignment of 0 that follows it counts.
  if (limits.unmapGranularity > 0) content[28] = 0x80;
  writeU64(content, 32, limits.maximumWriteSame);
  writeU32(content, 40, limits.maximumAtomic);
  writeU32(content, 44, limits.atomicGranularity);
  writeU32(content, 48, limits.atomicGranularity);
  return encodeVpd(VPD_PAGE.blockLimits, content);
}

/** Where the limits stand in the page. */
const MAXIMUM_TRANSFER_AT = 8;
const OPTIMAL_TRANSFER_AT = 12;
const MAXIMUM_WRITE_SAME_AT = 36;
const MAXIMUM_ATOMIC_AT = 44;

/**
 * Page B0h as another device gave it, with what lies in front of that device also in it: transfers of at most so many blocks, and
 * WRITE SAME where something else carries it out.
 */
export function narrowBlockLimits(
  page: Uint8Array,
  { maximumTransfer, maximumWriteSame }: { readonly maximumTransfer: number; readonly maximumWriteSame?: number },
): Uint8Array {
  const narrowed = page.slice();
  const own = readU32(page, MAXIMUM_TRANSFER_AT);
  const transfer = own === 0 ? maximumTransfer : Math.min(own, maximumTransfer);
  writeU32(narrowed, MAXIMUM_TRANSFER_AT, transfer);
  writeU32(narrowed, OPTIMAL_TRANSFER_AT, Math.min(readU32(page, OPTIMAL_TRANSFER_AT), transfer));
  if (page.length >= MAXIMUM_ATOMIC_AT + 4) {
    if (maximumWriteSame !== undefined) writeU64(narrowed, MAXIMUM_WRITE_SAME_AT, maximumWriteSame);
    writeU32(narrowed, MAXIMUM_ATOMIC_AT, Math.min(readU32(page, MAXIMUM_ATOMIC_AT), transfer));
  }
  return narrowed;
}

/** What the short form of the page (SBC-2) has no room for reads as 0. */
export function decodeBlockLimits(bytes: Uint8Array): Decoded<BlockLimits> {
  const page = decodeVpd(bytes, VPD_PAGE.blockLimits);
  if (!page.ok) return page;
  const { content } = page.value;
  if (content.length < 12) return violated('VPD page b0h', `${content.length} bytes`, 'at least 12 bytes');
  const number = (at: number) => (content.length >= at + 4 ? readU32(content, at) : 0);
  return decoded({
    maximumCompareAndWrite: content[1]!,
    optimalGranularity: readU16(content, 2),
    maximumTransfer: readU32(content, 4),
    optimalTransfer: readU32(content, 8),
    maximumPrefetch: number(12),
    maximumWriteSame: content.length >= 40 ? readU64(content, 32) : 0,
    maximumUnmap: number(16),
    maximumUnmapDescriptors: number(20),
    unmapGranularity: number(24),
    maximumAtomic: number(40),
    atomicGranularity: Math.max(number(44), number(48)),
  });
}

/** WABEREQ and WACEREQ 01b: after a SANITIZE by BLOCK ERASE, or by CRYPTO ERASE, reads are answered, with zeros. */
const READS_AFTER = { blockErase: 0x40, cryptoErase: 0x10 } as const;

/** Page B1h: not rotating, form factor not reported; with the services of SANITIZE that the unit has. */
export function encodeBlockDeviceCharacteristics(services: readonly (keyof typeof READS_AFTER)[] = []): Uint8Array {
  const content = new Uint8Array(BLOCK_LIMITS_LENGTH);
  writeU16(content, 0, 1);
  for (const service of services) content[3]! |= READS_AFTER[service];
  return encodeVpd(VPD_PAGE.blockDeviceCharacteristics, content);
}

/** LBPU, LBPWS, LBPWS10: UNMAP, WRITE SAME(16) and (10) with UNMAP; LBPRZ: what is given back reads as zeros. */
const THIN_COMMANDS = 0xe4;
const THIN_PROVISIONED = 2;

/** Page B2h; of a fully provisioned unit it says that nothing can be given back. */
export function encodeLogicalBlockProvisioning(thin: boolean): Uint8Array {
  const content = thin ? Uint8Array.of(0, THIN_COMMANDS, THIN_PROVISIONED, 0) : new Uint8Array(4);
  return encodeVpd(VPD_PAGE.logicalBlockProvisioning, content);
}
