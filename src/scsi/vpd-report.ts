import { readU16, readU32, toHex } from '../base/bytes.ts';
import { decodeFields, type DecodedField } from './field-table.ts';
import { nameDesignator } from './designator-words.ts';
import { decodeDeviceIdentification, decodeUnitSerial, decodeVpd, VPD_PAGE } from './vpd.ts';
import { VPD_TABLE } from './vpd-table.ts';

/** One vital product data page, decoded as far as it is known. */
export interface VpdReport {
  /** "b0". */
  readonly page: string;
  readonly title: string;
  readonly fields: readonly DecodedField[];
  /** The page as the device sent it, with its header. */
  readonly bytes: Uint8Array;
  /** Why the bytes could not be read as this page. */
  readonly problem?: string;
}

/** Total: what cannot be decoded is there as bytes. */
export function reportVpd(page: number, bytes: Uint8Array): VpdReport {
  const code = page.toString(16).padStart(2, '0');
  const { title, fields = [] } = VPD_TABLE.get(page) ?? { title: page >= 0xc0 ? 'vendor specific' : 'not known here' };
  const frame = decodeVpd(bytes, page);
  if (!frame.ok) {
    const problem = `${frame.violation.field} is ${frame.violation.got}, not ${frame.violation.limit}`;
    return { page: code, title, fields: [], bytes, problem };
  }
  const whole = bytes.subarray(0, 4 + frame.value.contentLength);
  const own = OWN_FORMS[page]?.(whole);
  return { page: code, title, fields: own ?? decodeFields(whole, fields), bytes: whole };
}

const OWN_FORMS: Readonly<Record<number, (page: Uint8Array) => readonly DecodedField[]>> = {
  [VPD_PAGE.supportedPages]: (page) => [
    { name: 'pages', value: Array.from(page.subarray(4), (code) => code.toString(16).padStart(2, '0')).join(' ') },
  ],
  [VPD_PAGE.unitSerialNumber]: (page) => {
    const serial = decodeUnitSerial(page);
    return serial.ok ? [{ name: 'serial', value: serial.value }] : [];
  },
  [VPD_PAGE.deviceIdentification]: (page) => {
    const list = decodeDeviceIdentification(page);
    if (!list.ok) return [];
    return list.value.map(nameDesignator).map(({ of, type, value }) => ({ name: `${of}, ${type}`, value }));
  },
  0x87: modePagePolicies,
  0x88: scsiPorts,
  0x8f: thirdPartyCopy,
};

const POLICIES: readonly string[] = ['shared', 'per target port', 'obsolete', 'per nexus'];

function modePagePolicies(page: Uint8Array): DecodedField[] {
  const fields: DecodedField[] = [];
  for (let at = 4; at + 4 <= page.length; at += 4) {
    const [code, subpage] = [page[at]! & 0x3f, page[at + 1]!];
    const name = `mode page ${hexByte(code)}${subpage === 0 ? '' : `/${hexByte(subpage)}`}`;
    fields.push({ name, value: POLICIES[page[at + 2]! & 0x03]! });
  }
  return fields;
}

/** Relative port numbers, with the names of each port (SPC-4 7.8.14). */
function scsiPorts(page: Uint8Array): DecodedField[] {
  const fields: DecodedField[] = [];
  let at = 4;
  while (at + 12 <= page.length) {
    const port = readU16(page, at + 2);
    const namesAt = at + 8 + readU16(page, at + 6);
    if (namesAt + 4 > page.length) break;
    const end = namesAt + 4 + readU16(page, namesAt + 2);
    const descriptors = page.subarray(namesAt + 4, end);
    const framed = new Uint8Array(4 + descriptors.length);
    framed.set([0, VPD_PAGE.deviceIdentification, descriptors.length >>> 8, descriptors.length & 0xff]);
    framed.set(descriptors, 4);
    const names = decodeDeviceIdentification(framed);
    const value = names.ok ? names.value.map((name) => nameDesignator(name).value).join(', ') : '';
    fields.push({ name: `port ${port}`, value: value === '' ? 'no name' : value });
    at = end;
  }
  return fields;
}

const COPY_DESCRIPTORS: Readonly<Record<number, string>> = {
  0x0000: 'block device ROD token limits',
  0x0001: 'supported commands',
  0x0004: 'parameter data',
  0x0008: 'supported descriptors',
  0x000c: 'supported copy descriptor identifiers',
  0x0106: 'ROD token features',
  0x0108: 'supported ROD token and ROD types',
  0x8001: 'general copy operations',
  0x9101: 'stream copy operations',
  0xc001: 'held data',
};

/** Third-party copy descriptors (SPC-4 7.8.17): which there are, and the numbers that a copy is planned with. */
function thirdPartyCopy(page: Uint8Array): DecodedField[] {
  const fields: DecodedField[] = [];
  for (let at = 4; at + 4 <= page.length; at += 4 + readU16(page, at + 2)) {
    const type = readU16(page, at);
    const body = page.subarray(at + 4, at + 4 + readU16(page, at + 2));
    const name = COPY_DESCRIPTORS[type] ?? `descriptor ${type.toString(16).padStart(4, '0')}`;
    if (type === 0x0004 && body.length >= 16) {
      fields.push({ name: 'maximumCscdDescriptors', value: readU16(body, 4) });
      fields.push({ name: 'maximumSegmentDescriptors', value: readU16(body, 6) });
      fields.push({ name: 'maximumDescriptorListLength', value: readU32(body, 8), unit: 'bytes' });
      fields.push({ name: 'maximumInlineDataLength', value: readU32(body, 12), unit: 'bytes' });
    } else if (type === 0x0008 && body.length > 0) {
      const codes = body.subarray(1, 1 + body[0]!);
      fields.push({ name, value: Array.from(codes, hexByte).join(' ') });
    } else fields.push({ name, value: body.length === 0 ? 'present' : toHex(body) });
  }
  return fields;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
