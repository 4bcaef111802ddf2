import { isAllZero } from '../base/bytes.ts';
import { defineLayout } from '../base/layout.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { checkSeal, sealAt } from './checksum.ts';
import { CHALLENGE_SIZE, FORMAT_VERSION, LABEL_CHECKED_SIZE } from './geometry.ts';

const CRC_OFFSET = LABEL_CHECKED_SIZE - 4;

/**
 * What whoever signs blocks answers: it stands behind the label, where hosts that sign nothing never look. An array of an
 * earlier version has zeros there.
 */
export const CHALLENGE = defineLayout('challenge', LABEL_CHECKED_SIZE, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLCHL', doc: 'marks a challenge' },
  { name: 'version', offset: 8, size: 2, kind: 'u16', doc: 'format version: 1' },
  { name: 'unused', offset: 10, size: 6, kind: 'reserved', doc: 'reserved, zeros' },
  {
    name: 'challenge',
    offset: 16,
    size: 16,
    kind: 'hex',
    doc: 'random, another after each start of the array, and every few minutes',
  },
  { name: 'reserved', offset: 32, size: 476, kind: 'reserved', doc: 'reserved, zeros' },
  { name: 'crc', offset: CRC_OFFSET, size: 4, kind: 'u32', doc: 'CRC-32 of the 508 bytes before' },
]);

/** 4096 bytes, zeros behind the checked part; `challenge` is 16 bytes as hex. */
export function encodeChallenge(challenge: string): Uint8Array {
  const bytes = new Uint8Array(CHALLENGE_SIZE);
  CHALLENGE.encodeInto(bytes, 0, { version: FORMAT_VERSION, challenge, crc: 0 });
  sealAt(bytes, CRC_OFFSET);
  return bytes;
}

/** Total. Undefined where there is none, as on an array of an earlier version. */
export function decodeChallenge(bytes: Uint8Array): Decoded<string | undefined> {
  if (bytes.length >= LABEL_CHECKED_SIZE && isAllZero(bytes)) return decoded(undefined);
  const fields = CHALLENGE.decode(bytes);
  if (!fields.ok) return fields;
  const seal = checkSeal('challenge.crc', bytes, CRC_OFFSET);
  if (!seal.ok) return seal;
  const { version, challenge } = fields.value;
  if (version !== FORMAT_VERSION) return violated('challenge.version', version, String(FORMAT_VERSION));
  return decoded(challenge);
}
