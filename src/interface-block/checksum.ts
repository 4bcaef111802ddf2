import { crc32 } from 'node:zlib';
import { hexNumber, readU32, writeU32 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** zlib's CRC-32, the one that `gzip` writes into its trailer. The CRC of no bytes is 0. */
export function checksum(bytes: Uint8Array): number {
  return crc32(bytes);
}

/** Writes the checksum of everything before `offset` at `offset`. */
export function sealAt(bytes: Uint8Array, offset: number): void {
  writeU32(bytes, offset, checksum(bytes.subarray(0, offset)));
}

/** Compares a checksum with what it should be; `field` names it in the violation. */
export function checkChecksum(field: string, bytes: Uint8Array, recorded: number): Decoded<true> {
  const computed = checksum(bytes);
  if (computed === recorded) return decoded(true);
  return violated(field, hexNumber(recorded), `${hexNumber(computed)}, the CRC-32 of ${bytes.length} bytes`);
}

/** Compares the big-endian checksum at `offset` with the bytes before it. */
export function checkSeal(field: string, bytes: Uint8Array, offset: number): Decoded<true> {
  return checkChecksum(field, bytes.subarray(0, offset), readU32(bytes, offset));
}
