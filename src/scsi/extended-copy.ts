import { readU16, readU24, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { readLba64 } from './cdb.ts';
import type { Designator } from './vpd.ts';

/** EXTENDED COPY(LID1) parameter lists and RECEIVE COPY RESULTS data (SPC-4 5.17, 6.3, 6.19, 6.24). */

export const COPY_LIMIT = { cscdDescriptors: 16, segmentDescriptors: 64 } as const;

const HEADER_LENGTH = 16;
const CSCD_LENGTH = 32;
const BLOCK_TO_BLOCK_LENGTH = 28;
const DESCRIPTOR_LIST_LIMIT =
  COPY_LIMIT.cscdDescriptors * CSCD_LENGTH + COPY_LIMIT.segmentDescriptors * BLOCK_TO_BLOCK_LENGTH;
const CSCD_TYPE = { identification: 0xe4 } as const;
const SEGMENT_TYPE = { blockToBlock: 0x02 } as const;

/** LIST ID USAGE: 0 results kept until the nexus ends or the identifier is used again, 2 may be discarded, 3 no list identifier. */
export const LIST_ID_USAGE = { keep: 0, reserved: 1, discard: 2, none: 3 } as const;

/** A copy source or copy destination: a unit by one of its designators. */
export interface CopyUnit {
  readonly designator: Designator;
  readonly deviceType: number;
  /** DISK BLOCK LENGTH in bytes; 0 where the initiator did not say. */
  readonly blockSize: number;
}

/** One block device to block device segment. */
export interface CopySegment {
  /** Indices into the list of units. */
  readonly source: number;
  readonly destination: number;
  /** In blocks of the destination where `countsDestination` (DC), else of the source. */
  readonly blockCount: number;
  readonly countsDestination: boolean;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

export interface CopyRequest {
  readonly listId: number;
  readonly listIdUsage: number;
  readonly units: readonly CopyUnit[];
  readonly segments: readonly CopySegment[];
}

/** What is wrong with a parameter list; the device server knows the sense for each. */
export type CopyListFault =
  | 'list-length'
  | 'inline-data'
  | 'too-many-units'
  | 'unit-type'
  | 'too-many-segments'
  | 'segment-type';

type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: CopyListFault };

const fault = (reason: CopyListFault): Step<never> => ({ ok: false, fault: reason });

/** A list of any length but 0. The length of the descriptors is held against the limits before what they are. */
export function decodeCopyList(list: Uint8Array): Step<CopyRequest> {
  if (list.length < HEADER_LENGTH) return fault('list-length');
  const unitsLength = readU16(list, 2);
  const segmentsLength = readU32(list, 8);
  if (unitsLength + segmentsLength > DESCRIPTOR_LIST_LIMIT) return fault('list-length');
  const segmentsAt = HEADER_LENGTH + unitsLength;
  if (segmentsAt + segmentsLength > list.length) return fault('list-length');
  if (readU32(list, 12) !== 0) return fault('inline-data');
  const units = decodeUnits(list.subarray(HEADER_LENGTH, segmentsAt));
  if (!units.ok) return units;
  const segments = decodeSegments(list.subarray(segmentsAt, segmentsAt + segmentsLength));
  if (!segments.ok) return segments;
  const listIdUsage = (list[1]! >>> 3) & 0x03;
  return { ok: true, value: { listId: list[0]!, listIdUsage, units: units.value, segments: segments.value } };
}

function decodeUnits(bytes: Uint8Array): Step<CopyUnit[]> {
  if (bytes.length > COPY_LIMIT.cscdDescriptors * CSCD_LENGTH) return fault('too-many-units');
  if (bytes.length % CSCD_LENGTH !== 0) return fault('list-length');
  const units: CopyUnit[] = [];
  for (let at = 0; at < bytes.length; at += CSCD_LENGTH) {
    if (bytes[at] !== CSCD_TYPE.identification) return fault('unit-type');
    units.push(decodeUnit(bytes.subarray(at, at + CSCD_LENGTH)));
  }
  return { ok: true, value: units };
}

/** LU ID TYPE and NUL mean nothing since SPC-4; the designator has room for 20 bytes. */
function decodeUnit(bytes: Uint8Array): CopyUnit {
  const value = bytes.slice(8, Math.min(8 + bytes[7]!, 28));
  return {
    designator: {
      codeSet: bytes[4]! & 0x0f,
      association: (bytes[5]! >>> 4) & 0x03,
      type: bytes[5]! & 0x0f,
      value,
    },
    deviceType: bytes[1]! & 0x1f,
    blockSize: readU24(bytes, 29),
  };
}

function decodeSegments(bytes: Uint8Array): Step<CopySegment[]> {
  const segments: CopySegment[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_TO_BLOCK_LENGTH) {
    if (bytes[at] !== SEGMENT_TYPE.blockToBlock) return fault('segment-type');
    const segment = bytes.subarray(at, at + BLOCK_TO_BLOCK_LENGTH);
    if (segment.length < BLOCK_TO_BLOCK_LENGTH || readU16(segment, 2) !== BLOCK_TO_BLOCK_LENGTH - 4) {
      return fault('list-length');
    }
    if (segments.length === COPY_LIMIT.segmentDescriptors) return fault('too-many-segments');
    segments.push({
      source: readU16(segment, 4),
      destination: readU16(segment, 6),
      blockCount: readU16(segment, 10),
      countsDestination: (segment[1]! & 0x02) !== 0,
      sourceLba: readLba64(segment, 12),
      destinationLba: readLba64(segment, 20),
    });
  }
  return { ok: true, value: segments };
}

export interface CopyStatus {
  readonly state: 'in-progress' | 'completed' | 'failed';
  readonly segmentsProcessed: number;
  readonly bytesCopied: number;
}

const COPY_STATE = { 'in-progress': 0, completed: 1, failed: 2 } as const;
const KIBIBYTES = 1;

/** RECEIVE COPY STATUS(LID1): 12 bytes; the transfer count in bytes, or in KiB where bytes need more than 32 bits. */
export function encodeCopyStatus(status: CopyStatus): Uint8Array {
  const bytes = new Uint8Array(12);
  writeU32(bytes, 0, 8);
  bytes[4] = COPY_STATE[status.state];
  writeU16(bytes, 5, status.segmentsProcessed);
  const fits = status.bytesCopied <= 0xffff_ffff;
  bytes[7] = fits ? 0 : KIBIBYTES;
  writeU32(bytes, 8, fits ? status.bytesCopied : Math.floor(status.bytesCopied / 1024));
  return bytes;
}

/** 65535 blocks of 4096 bytes: what a segment descriptor can name. */
const MAXIMUM_SEGMENT_BYTES = 0xffff * 4096;
/** 512 bytes, as a power of two. */
const SEGMENT_GRANULARITY = 9;
const CONCURRENT_COPIES = 255;

/** RECEIVE COPY OPERATING PARAMETERS; SNLID: copies without a list identifier are taken. */
export function encodeCopyOperatingParameters(): Uint8Array {
  const implemented = [SEGMENT_TYPE.blockToBlock, CSCD_TYPE.identification];
  const bytes = new Uint8Array(44 + implemented.length);
  writeU32(bytes, 0, bytes.length - 4);
  bytes[4] = 0x01;
  writeU16(bytes, 8, COPY_LIMIT.cscdDescriptors);
  writeU16(bytes, 10, COPY_LIMIT.segmentDescriptors);
  writeU32(bytes, 12, DESCRIPTOR_LIST_LIMIT);
  writeU32(bytes, 16, MAXIMUM_SEGMENT_BYTES);
  writeU16(bytes, 34, CONCURRENT_COPIES);
  bytes[36] = CONCURRENT_COPIES;
  bytes[37] = SEGMENT_GRANULARITY;
  bytes[43] = implemented.length;
  bytes.set(implemented, 44);
  return bytes;
}
