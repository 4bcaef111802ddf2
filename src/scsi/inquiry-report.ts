import { bits, decodeFields, flag, type DecodedField, type PageField } from './field-table.ts';
import { decodeStandardInquiry, type StandardInquiry } from './inquiry.ts';
import { decoded, type Decoded } from '../base/violation.ts';

/** Standard INQUIRY data in words (SPC-4 6.6.2). */
export interface InquiryReport extends Pick<
  StandardInquiry,
  'vendor' | 'product' | 'revision' | 'removable' | 'thirdPartyCopy'
> {
  /** "disk". */
  readonly deviceType: string;
  /** "SPC-4". */
  readonly version: string;
  /** The standards that the device claims, "SBC-3"; codes not known here as hex. */
  readonly standards: readonly string[];
  readonly fields: readonly DecodedField[];
  readonly bytes: Uint8Array;
}

const DEVICE_TYPES: Readonly<Record<number, string>> = {
  0x00: 'disk',
  0x01: 'tape',
  0x03: 'processor',
  0x05: 'optical disc',
  0x07: 'optical memory',
  0x08: 'media changer',
  0x0c: 'storage array controller',
  0x0d: 'enclosure services',
  0x0e: 'simplified disk',
  0x14: 'zoned disk',
  0x1e: 'well known logical unit',
  0x1f: 'none',
};

const VERSIONS: Readonly<Record<number, string>> = {
  0: 'none claimed',
  3: 'SPC',
  4: 'SPC-2',
  5: 'SPC-3',
  6: 'SPC-4',
  7: 'SPC-5',
};

/** Families of version descriptors (SPC-4 table 545): a standard's code is the first of its 32. */
const STANDARDS: Readonly<Record<number, string>> = {
  0x0020: 'SAM',
  0x0040: 'SAM-2',
  0x0060: 'SAM-3',
  0x0080: 'SAM-4',
  0x00a0: 'SAM-5',
  0x0120: 'SPC',
  0x0180: 'SBC',
  0x0260: 'SPC-2',
  0x0300: 'SPC-3',
  0x0320: 'SBC-2',
  0x0460: 'SPC-4',
  0x04c0: 'SBC-3',
  0x05c0: 'SPC-5',
  0x0600: 'SBC-4',
  0x0960: 'iSCSI',
};

const FIELDS: readonly PageField[] = [
  bits('peripheralQualifier', 0, 5, 3),
  flag('normalAca', 3, 5),
  flag('hierarchicalSupport', 3, 4),
  bits('responseDataFormat', 3, 0, 4),
  flag('embeddedStorageArray', 5, 7),
  bits('targetPortGroups', 5, 4, 2, { 0: 'no', 1: 'implicit', 2: 'explicit', 3: 'implicit and explicit' }),
  flag('protectionInformation', 5, 0),
  flag('enclosureServices', 6, 6),
  flag('multiPort', 6, 4),
  flag('commandQueueing', 7, 1),
];

export function reportInquiry(bytes: Uint8Array): Decoded<InquiryReport> {
  const standard = decodeStandardInquiry(bytes);
  if (!standard.ok) return standard;
  const { vendor, product, revision, removable, thirdPartyCopy, deviceType, version } = standard.value;
  return decoded({
    vendor,
    product,
    revision,
    removable,
    thirdPartyCopy,
    deviceType: DEVICE_TYPES[deviceType] ?? `type ${hex(deviceType, 2)}`,
    version: VERSIONS[version] ?? `version ${version}`,
    standards: standard.value.versionDescriptors.map((code) => STANDARDS[code & 0xffe0] ?? hex(code, 4)),
    fields: decodeFields(bytes, FIELDS),
    bytes,
  });
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
