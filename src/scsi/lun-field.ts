import { toHex } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/**
 * The 8-byte LUN field (SAM-5 4.7): single-level, peripheral device addressing below 256 as every initiator writes it,
 * flat space addressing from 256 to 16383.
 */
export const LUN_LIMIT = 16383;

export function encodeLunField(lun: number): Uint8Array {
  if (!Number.isInteger(lun) || lun < 0 || lun > LUN_LIMIT) {
    throw new RangeError(`lun: ${lun} is not an integer from 0 to ${LUN_LIMIT}`);
  }
  const field = new Uint8Array(8);
  field[0] = lun < 256 ? 0 : 0x40 | (lun >>> 8);
  field[1] = lun;
  return field;
}

/** Accepts flat space addressing below 256 too, as some initiators send it. */
export function decodeLunField(field: Uint8Array): Decoded<number> {
  if (field.length !== 8) return violated('lun', `${field.length} bytes`, '8 bytes');
  const method = field[0]! >>> 6;
  const upper = field[0]! & 0x3f;
  const otherLevels = field[2]! | field[3]! | field[4]! | field[5]! | field[6]! | field[7]!;
  if (otherLevels !== 0 || method > 1 || (method === 0 && upper !== 0)) {
    return violated('lun', `0x${toHex(field)}`, 'single-level peripheral or flat space addressing');
  }
  return decoded(upper * 256 + field[1]!);
}
