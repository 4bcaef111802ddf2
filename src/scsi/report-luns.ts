import { readU32, toHex, writeU32 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { decodeLunField, encodeLunField } from './lun-field.ts';

/** REPORT LUNS parameter data (SPC-4 6.33): 8-byte header, 8 bytes for each LUN. */
export function encodeReportLuns(luns: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 + luns.length * 8);
  writeU32(bytes, 0, luns.length * 8);
  luns.forEach((lun, index) => bytes.set(encodeLunField(lun), 8 + index * 8));
  return bytes;
}

export interface ReportedLuns {
  readonly luns: readonly number[];
  /** LUN fields of a form that this project does not address, as hex. */
  readonly others: readonly string[];
  /** Bytes that the whole list has; more than were received where the allocation length was too small. */
  readonly wholeLength: number;
}

export function decodeReportLuns(bytes: Uint8Array): Decoded<ReportedLuns> {
  if (bytes.length < 8) return violated('REPORT LUNS', `${bytes.length} bytes`, 'at least 8 bytes');
  const wholeLength = 8 + readU32(bytes, 0);
  const luns: number[] = [];
  const others: string[] = [];
  for (let at = 8; at + 8 <= Math.min(bytes.length, wholeLength); at += 8) {
    const field = bytes.subarray(at, at + 8);
    const lun = decodeLunField(field);
    if (lun.ok) luns.push(lun.value);
    else others.push(toHex(field));
  }
  return decoded({ luns, others, wholeLength });
}
