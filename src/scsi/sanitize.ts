import { readU16, writeU16 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { OPCODE } from './opcode.ts';

/** SANITIZE (SBC-3 5.25): its CDB and the parameter list of OVERWRITE. */

export interface SanitizeFields {
  /** IMMED: answered as soon as it has begun. */
  readonly immediate: boolean;
  /** AUSE: should it fail, EXIT FAILURE MODE may end that. */
  readonly allowExit: boolean;
  readonly parameterListLength: number;
}

const FLAG = { immediate: 0x80, reserved: 0x40, allowExit: 0x20 } as const;

export function sanitizeCdb(serviceAction: number, parameterListLength = 0, immediate = false): Uint8Array {
  const cdb = new Uint8Array(10);
  cdb.set([OPCODE.sanitize, serviceAction | (immediate ? FLAG.immediate : 0)]);
  writeU16(cdb, 7, parameterListLength);
  return cdb;
}

/** What is reserved must be 0: of a command that destroys everything nothing is overlooked. */
export function decodeSanitizeCdb(cdb: Uint8Array): Decoded<SanitizeFields> {
  if (cdb.length < 10) return violated('SANITIZE.cdb', `${cdb.length} bytes`, '10 bytes');
  const flags = cdb[1]!;
  if ((flags & FLAG.reserved) !== 0) return violated('SANITIZE.byte1', flags, 'bit 6 to be 0');
  if (cdb.subarray(2, 7).some((byte) => byte !== 0)) return violated('SANITIZE.reserved', 'other bytes', 'zeros');
  return decoded({
    immediate: (flags & FLAG.immediate) !== 0,
    allowExit: (flags & FLAG.allowExit) !== 0,
    parameterListLength: readU16(cdb, 7),
  });
}

export interface OverwriteParameters {
  /** OVERWRITE COUNT, 1 to 31. */
  readonly passes: number;
  /** INVERT: each pass writes the complement of the one before. */
  readonly invert: boolean;
  /** Fills each logical block, repeated and cut where it does not fit. */
  readonly pattern: Uint8Array;
}

export const OVERWRITE_HEADER_LENGTH = 4;

export function decodeOverwriteList(list: Uint8Array, blockSize: number): Decoded<OverwriteParameters> {
  if (list.length <= OVERWRITE_HEADER_LENGTH) return violated('OVERWRITE list', `${list.length} bytes`, 'a pattern');
  const flags = list[0]!;
  const passes = flags & 0x1f;
  const patternLength = readU16(list, 2);
  if (passes === 0) return violated('OVERWRITE COUNT', 0, '1 to 31');
  if ((flags & 0x60) !== 0) return violated('OVERWRITE TEST', (flags >>> 5) & 3, '0');
  const room = Math.min(blockSize, list.length - OVERWRITE_HEADER_LENGTH);
  if (patternLength === 0 || patternLength > room) {
    return violated('INITIALIZATION PATTERN LENGTH', patternLength, `1 to ${room}`);
  }
  const pattern = list.slice(OVERWRITE_HEADER_LENGTH, OVERWRITE_HEADER_LENGTH + patternLength);
  return decoded({ passes, invert: (flags & 0x80) !== 0, pattern });
}
