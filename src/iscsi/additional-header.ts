import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { paddingOf } from './header.ts';

/** Additional header segments (RFC 7143 section 11.2.2): length u16, type u8, then `length` bytes, padded to words. */
const EXTENDED_CDB = 1;
const BIDIRECTIONAL_READ_LENGTH = 2;
const PREFIX = 3;

/** The specific part of the first segment of `type`, its reserved first byte left out; undefined where there is none. */
function segmentOf(additionalHeader: Uint8Array, type: number): Uint8Array | undefined {
  let at = 0;
  while (at + PREFIX < additionalHeader.length) {
    const end = at + PREFIX + readU16(additionalHeader, at);
    if (end > additionalHeader.length) return undefined;
    if (additionalHeader[at + 2] === type) return additionalHeader.subarray(at + PREFIX + 1, end);
    at = end + paddingOf(end);
  }
  return undefined;
}

/** The bytes of a CDB beyond the sixteenth (11.2.2.3). */
export function extendedCdbOf(additionalHeader: Uint8Array): Uint8Array | undefined {
  return segmentOf(additionalHeader, EXTENDED_CDB);
}

/** Expected bytes of Data-In of a command that moves data both ways (11.2.2.4). */
export function bidirectionalReadLengthOf(additionalHeader: Uint8Array): number | undefined {
  const segment = segmentOf(additionalHeader, BIDIRECTIONAL_READ_LENGTH);
  return segment && segment.length >= 4 ? readU32(segment, 0) : undefined;
}

export function encodeExtendedCdb(rest: Uint8Array): Uint8Array {
  return encodeSegment(EXTENDED_CDB, rest);
}

export function encodeBidirectionalReadLength(byteLength: number): Uint8Array {
  const value = new Uint8Array(4);
  writeU32(value, 0, byteLength);
  return encodeSegment(BIDIRECTIONAL_READ_LENGTH, value);
}

function encodeSegment(type: number, value: Uint8Array): Uint8Array {
  const used = PREFIX + 1 + value.length;
  const segment = new Uint8Array(used + paddingOf(used));
  writeU16(segment, 0, 1 + value.length);
  segment[2] = type;
  segment.set(value, PREFIX + 1);
  return segment;
}
