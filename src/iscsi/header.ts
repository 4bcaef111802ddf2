import { readU24, writeU24 } from '../base/bytes.ts';

/** The basic header segment that begins every PDU (RFC 7143 section 11.2.1): where its common fields stand. */
export const HEADER_LENGTH = 48;
export const DIGEST_LENGTH = 4;
/** The tag that stands for "no tag" (RFC 7143 sections 11.2.1.8 and 11.7.4). */
export const NO_TAG = 0xffff_ffff;
export const DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH = 8192;

/** Offsets of the fields that several PDUs share; a field with two meanings has two names. */
export const AT = {
  opcode: 0,
  flags: 1,
  response: 2,
  status: 3,
  additionalHeaderWords: 4,
  dataSegmentLength: 5,
  lun: 8,
  isid: 8,
  tsih: 14,
  initiatorTaskTag: 16,
  /** Also: expected data transfer length, referenced task tag, CID, SNACK tag. */
  word20: 20,
  cmdSn: 24,
  statSn: 24,
  expStatSn: 28,
  expCmdSn: 28,
  maxCmdSn: 32,
  cdb: 32,
  word32: 32,
  word36: 36,
  word40: 40,
  word44: 44,
} as const;

/** Operation codes (RFC 7143 section 11.2.1.2). */
export const OPCODE = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

const IMMEDIATE = 0x40;
const OPCODE_MASK = 0x3f;

export function opcodeOf(header: Uint8Array): number {
  return header[AT.opcode]! & OPCODE_MASK;
}

export function isImmediate(header: Uint8Array): boolean {
  return (header[AT.opcode]! & IMMEDIATE) !== 0;
}

/** Bytes of the data segment without padding. */
export function dataSegmentLengthOf(header: Uint8Array): number {
  return readU24(header, AT.dataSegmentLength);
}

/** Bytes of all additional header segments. */
export function additionalHeaderLengthOf(header: Uint8Array): number {
  return header[AT.additionalHeaderWords]! * 4;
}

/** Every segment is padded with zeros to whole words of 4 bytes. */
export function paddingOf(byteLength: number): number {
  return -byteLength & 3;
}

export function setDataSegmentLength(header: Uint8Array, byteLength: number): void {
  if (byteLength > 0xff_ffff) throw new RangeError(`a data segment of ${byteLength} bytes does not fit 24 bits`);
  writeU24(header, AT.dataSegmentLength, byteLength);
}

/** A header of zeros with its opcode. From the Buffer pool, which spares a system allocation when it is sent. */
export function newHeader(opcode: number, immediate = false): Uint8Array {
  const header = Buffer.allocUnsafe(HEADER_LENGTH);
  for (let at = 0; at < HEADER_LENGTH; at += 1) header[at] = 0;
  header[AT.opcode] = opcode | (immediate ? IMMEDIATE : 0);
  return header;
}

/** The 8-byte LUN field. */
export function lunOf(header: Uint8Array): Uint8Array {
  return copyOf(header, AT.lun, 8);
}

export function copyOf(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) copy[at] = bytes[offset + at]!;
  return copy;
}

export function writeBytes(header: Uint8Array, offset: number, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`a field of ${length} bytes got ${bytes.length}`);
  for (let at = 0; at < length; at += 1) header[offset + at] = bytes[at]!;
}

/** `bits` where `condition` holds; for flag bytes. */
export function flag(condition: boolean | undefined, bits: number): number {
  return condition ? bits : 0;
}
