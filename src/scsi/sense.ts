import { readU32, readU64, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import type { Sense } from './fault.ts';

/** Sense data (SPC-4 4.5): fixed format 70h and descriptor format 72h; 71h and 73h are the deferred forms. */
export const SENSE_KEY = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
  completed: 0xf,
} as const;

export interface DecodedSense extends Sense {
  /** About an earlier command, not this one. */
  readonly deferred: boolean;
}

const FIXED_LENGTH = 18;
const INFORMATION_DESCRIPTOR_LENGTH = 12;
const FIELD_DESCRIPTOR_LENGTH = 8;

/** 18 bytes of fixed format. INFORMATION that needs more than 32 bits is left out, its VALID bit 0 (SPC-4 4.5.3). */
export function encodeFixedSense(sense: Sense): Uint8Array {
  const bytes = new Uint8Array(FIXED_LENGTH);
  bytes[0] = 0x70;
  bytes[2] = sense.key;
  if (sense.information !== undefined && sense.information <= 0xffff_ffff) {
    bytes[0] |= 0x80;
    writeU32(bytes, 3, sense.information);
  }
  bytes[7] = FIXED_LENGTH - 8;
  writeU32(bytes, 8, sense.commandSpecific ?? 0);
  bytes[12] = sense.asc;
  bytes[13] = sense.ascq;
  writeSpecific(bytes, 15, sense);
  return bytes;
}

/** Descriptor format with an information, a command specific and a sense key specific descriptor where there is something to put in them. */
export function encodeDescriptorSense(sense: Sense): Uint8Array {
  const descriptors: Uint8Array[] = [];
  if (sense.information !== undefined) {
    const information = new Uint8Array(INFORMATION_DESCRIPTOR_LENGTH);
    information.set([0x00, INFORMATION_DESCRIPTOR_LENGTH - 2, 0x80]);
    writeU64(information, 4, sense.information);
    descriptors.push(information);
  }
  if (sense.commandSpecific !== undefined) {
    const specific = new Uint8Array(INFORMATION_DESCRIPTOR_LENGTH);
    specific.set([0x01, INFORMATION_DESCRIPTOR_LENGTH - 2]);
    writeU64(specific, 4, sense.commandSpecific);
    descriptors.push(specific);
  }
  if (sense.field || sense.progress !== undefined) {
    const specific = new Uint8Array(FIELD_DESCRIPTOR_LENGTH);
    specific.set([0x02, FIELD_DESCRIPTOR_LENGTH - 2]);
    writeSpecific(specific, 4, sense);
    descriptors.push(specific);
  }
  const additional = descriptors.reduce((sum, descriptor) => sum + descriptor.length, 0);
  const head = Uint8Array.of(0x72, sense.key, sense.asc, sense.ascq, 0, 0, 0, additional);
  return new Uint8Array(Buffer.concat([head, ...descriptors]));
}

/** Sense key specific data (SPC-4 4.5.2.4): which of its forms depends on the key. */
function writeSpecific(bytes: Uint8Array, offset: number, { field, progress }: Sense): void {
  if (field) writeFieldPointer(bytes, offset, field);
  if (progress === undefined) return;
  bytes[offset] = 0x80;
  writeU16(bytes, offset + 1, progress);
}

/** Sense key specific data of ILLEGAL REQUEST (SPC-4 4.5.2.4.2). */
function writeFieldPointer(bytes: Uint8Array, offset: number, field: NonNullable<Sense['field']>): void {
  bytes[offset] = 0x80 | (field.inCdb ? 0x40 : 0) | (field.bit === undefined ? 0 : 0x08 | field.bit);
  writeU16(bytes, offset + 1, field.byte);
}

/** Reads either format; fixed format may stop early (8 bytes and a key suffice: what is missing is 0). */
export function decodeSense(bytes: Uint8Array): Decoded<DecodedSense> {
  if (bytes.length < 4) return violated('sense', `${bytes.length} bytes`, 'at least 4 bytes');
  const responseCode = bytes[0]! & 0x7f;
  if (responseCode === 0x70 || responseCode === 0x71) return decoded(decodeFixed(bytes));
  if (responseCode === 0x72 || responseCode === 0x73) return decodeDescriptors(bytes);
  return violated('sense.responseCode', `0x${responseCode.toString(16)}`, '0x70 to 0x73');
}

function decodeFixed(bytes: Uint8Array): DecodedSense {
  // ADDITIONAL SENSE LENGTH bounds what is valid; a target may return more bytes than it claims.
  const end = bytes.length < 8 ? bytes.length : Math.min(bytes.length, 8 + bytes[7]!);
  const sense = {
    deferred: (bytes[0]! & 0x7f) === 0x71,
    key: bytes[2]! & 0x0f,
    asc: end > 12 ? bytes[12]! : 0,
    ascq: end > 13 ? bytes[13]! : 0,
  };
  const informed = (bytes[0]! & 0x80) !== 0 && end >= 7 ? { ...sense, information: readU32(bytes, 3) } : sense;
  return withSpecific(informed, end >= 18 ? bytes.subarray(15, 18) : undefined);
}

function decodeDescriptors(bytes: Uint8Array): Decoded<DecodedSense> {
  if (bytes.length < 8) return violated('sense', `${bytes.length} bytes`, 'at least 8 bytes in descriptor format');
  let sense: DecodedSense = {
    deferred: (bytes[0]! & 0x7f) === 0x73,
    key: bytes[1]! & 0x0f,
    asc: bytes[2]!,
    ascq: bytes[3]!,
  };
  const end = Math.min(bytes.length, 8 + bytes[7]!);
  for (let at = 8; at + 2 <= end; at += 2 + bytes[at + 1]!) {
    const descriptor = bytes.subarray(at, Math.min(end, at + 2 + bytes[at + 1]!));
    sense = withDescriptor(sense, descriptor);
  }
  return decoded(sense);
}

function withDescriptor(sense: DecodedSense, descriptor: Uint8Array): DecodedSense {
  if (descriptor[0] === 0x00 && descriptor.length >= INFORMATION_DESCRIPTOR_LENGTH && (descriptor[2]! & 0x80) !== 0) {
    return readU32(descriptor, 4) < 2 ** 21 ? { ...sense, information: readU64(descriptor, 4) } : sense;
  }
  if (descriptor[0] === 0x02 && descriptor.length >= FIELD_DESCRIPTOR_LENGTH) {
    return withSpecific(sense, descriptor.subarray(4, 7));
  }
  return sense;
}

function withSpecific(sense: DecodedSense, specific: Uint8Array | undefined): DecodedSense {
  if (!specific || (specific[0]! & 0x80) === 0) return sense;
  const byte = specific[1]! * 256 + specific[2]!;
  if (sense.key === SENSE_KEY.notReady || sense.key === SENSE_KEY.noSense) return { ...sense, progress: byte };
  if (sense.key !== SENSE_KEY.illegalRequest) return sense;
  const inCdb = (specific[0]! & 0x40) !== 0;
  const bit = (specific[0]! & 0x08) !== 0 ? { bit: specific[0]! & 0x07 } : {};
  return { ...sense, field: { inCdb, byte, ...bit } };
}
