import { readU16, writeU16 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** Standard INQUIRY data (SPC-4 6.6.2). */
export interface StandardInquiry {
  /** 0 where a unit is there, 3 where none can be at this LUN. */
  readonly peripheralQualifier: number;
  /** 00h a disk, 1Fh none. */
  readonly deviceType: number;
  readonly removable: boolean;
  /** 3PC: the unit takes EXTENDED COPY. */
  readonly thirdPartyCopy: boolean;
  /** VERSION: 6 is SPC-4. */
  readonly version: number;
  /** At most 8 characters of printable ASCII. */
  readonly vendor: string;
  /** At most 16 characters of printable ASCII. */
  readonly product: string;
  /** At most 4 characters of printable ASCII. */
  readonly revision: string;
  readonly versionDescriptors: readonly number[];
}

export const DEVICE_TYPE = { disk: 0x00, none: 0x1f } as const;
export const PERIPHERAL_QUALIFIER = { connected: 0, none: 3 } as const;

/** Standards without a claimed version (SPC-4 table 545). */
export const VERSION_DESCRIPTOR = { sam5: 0x00a0, spc4: 0x0460, sbc3: 0x04c0, iscsi: 0x0960 } as const;

const LENGTH = 96;
const LEAST_LENGTH = 36;
const VERSION_DESCRIPTORS_AT = 58;
const VERSION_DESCRIPTOR_LIMIT = 8;

/** 96 bytes. Response data format 2, HISUP, CMDQUE; no TPGS, no protection information, no embedded parts. */
export function encodeStandardInquiry(inquiry: StandardInquiry): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  bytes[0] = (inquiry.peripheralQualifier << 5) | inquiry.deviceType;
  bytes[1] = inquiry.removable ? 0x80 : 0;
  bytes[2] = inquiry.version;
  bytes[3] = 0x12;
  bytes[4] = LENGTH - 5;
  bytes[5] = inquiry.thirdPartyCopy ? 0x08 : 0;
  bytes[7] = 0x02;
  writeAscii(bytes, 8, 8, inquiry.vendor);
  writeAscii(bytes, 16, 16, inquiry.product);
  writeAscii(bytes, 32, 4, inquiry.revision);
  if (inquiry.versionDescriptors.length > VERSION_DESCRIPTOR_LIMIT)
    throw new RangeError('too many version descriptors');
  inquiry.versionDescriptors.forEach((value, index) => writeU16(bytes, VERSION_DESCRIPTORS_AT + index * 2, value));
  return bytes;
}

export function decodeStandardInquiry(bytes: Uint8Array): Decoded<StandardInquiry> {
  if (bytes.length < LEAST_LENGTH)
    return violated('INQUIRY', `${bytes.length} bytes`, `at least ${LEAST_LENGTH} bytes`);
  const versionDescriptors: number[] = [];
  const end = Math.min(bytes.length, 5 + bytes[4]!, VERSION_DESCRIPTORS_AT + VERSION_DESCRIPTOR_LIMIT * 2);
  for (let at = VERSION_DESCRIPTORS_AT; at + 2 <= end; at += 2) {
    if (readU16(bytes, at) !== 0) versionDescriptors.push(readU16(bytes, at));
  }
  return decoded({
    peripheralQualifier: bytes[0]! >>> 5,
    deviceType: bytes[0]! & 0x1f,
    removable: (bytes[1]! & 0x80) !== 0,
    thirdPartyCopy: (bytes[5]! & 0x08) !== 0,
    version: bytes[2]!,
    vendor: readAscii(bytes, 8, 8),
    product: readAscii(bytes, 16, 16),
    revision: readAscii(bytes, 32, 4),
    versionDescriptors,
  });
}

/** Left-aligned, padded with spaces (SPC-4 4.4.1); throws on what is too long or not printable ASCII. */
export function writeAscii(target: Uint8Array, offset: number, size: number, text: string): void {
  if (text.length > size || !/^[\x20-\x7e]*$/.test(text)) {
    throw new RangeError(`${JSON.stringify(text)} is not at most ${size} characters of printable ASCII`);
  }
  for (let index = 0; index < size; index++) {
    target[offset + index] = index < text.length ? text.charCodeAt(index) : 0x20;
  }
}

/** Without the padding; what is not printable ASCII reads as "?", since it comes from a device and may reach a terminal. */
export function readAscii(bytes: Uint8Array, offset: number, size: number): string {
  let text = '';
  for (const byte of bytes.subarray(offset, offset + size)) {
    if (byte === 0) text += ' ';
    else text += byte < 0x20 || byte > 0x7e ? '?' : String.fromCharCode(byte);
  }
  return text.trim();
}
