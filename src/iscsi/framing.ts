import { crc32c } from '../base/crc32c.ts';
import { AT, DIGEST_LENGTH, paddingOf, setDataSegmentLength } from './header.ts';

/** Which digests protect the PDUs of one direction (HeaderDigest, DataDigest). */
export interface Digests {
  readonly header: boolean;
  readonly data: boolean;
}

export const NO_DIGESTS: Digests = { header: false, data: false };

const PADDING = [0, 1, 2, 3].map((length) => new Uint8Array(length));

/**
 * Appends one PDU to a batch of chunks: header with its lengths filled in, additional header, digests, data, padding
 * (RFC 7143 section 11.2.1). `data` is not copied and must not change until it has gone out.
 */
export function appendPdu(
  batch: Uint8Array[],
  header: Uint8Array,
  data: Uint8Array | undefined,
  digests: Digests,
  additionalHeader?: Uint8Array,
): void {
  if (data) setDataSegmentLength(header, data.length);
  if (additionalHeader) header[AT.additionalHeaderWords] = additionalHeader.length / 4;
  batch.push(header);
  if (additionalHeader) batch.push(additionalHeader);
  if (digests.header) {
    const checksum = crc32c(header);
    batch.push(encodeDigest(additionalHeader ? crc32c(additionalHeader, checksum) : checksum));
  }
  if (data && data.length > 0) appendData(batch, data, digests.data);
}

function appendData(batch: Uint8Array[], data: Uint8Array, digest: boolean): void {
  batch.push(data);
  const padding = PADDING[paddingOf(data.length)]!;
  if (padding.length > 0) batch.push(padding);
  if (digest) batch.push(encodeDigest(crc32c(padding, crc32c(data))));
}

/** Digests go out with the least significant byte first (RFC 7143 section 13.1). */
function encodeDigest(checksum: number): Uint8Array {
  const digest = new Uint8Array(DIGEST_LENGTH);
  for (let at = 0; at < DIGEST_LENGTH; at += 1) digest[at] = checksum >>> (8 * at);
  return digest;
}

export function decodeDigest(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}
