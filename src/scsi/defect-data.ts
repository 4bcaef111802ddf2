import { OPCODE } from './opcode.ts';
import { readU16, readU32 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** READ DEFECT DATA (SBC-3 5.17, 5.18). */

export interface DefectDataFields {
  /** REQ_PLIST, REQ_GLIST and DEFECT LIST FORMAT as they stand in the CDB. */
  readonly wanted: number;
  readonly allocationLength: number;
}

/** READ DEFECT DATA(10) and (12). */
export function decodeDefectDataCdb(cdb: Uint8Array): Decoded<DefectDataFields> {
  const long = cdb[0] === OPCODE.readDefectData12;
  const length = long ? 12 : 10;
  if (cdb.length < length) return violated('READ DEFECT DATA.cdb', `${cdb.length} bytes`, `${length} bytes`);
  const wanted = cdb[long ? 1 : 2]! & 0x1f;
  return decoded({ wanted, allocationLength: long ? readU32(cdb, 6) : readU16(cdb, 7) });
}

/** The list of a device without defects: only its header, which repeats what was asked for. */
export function encodeNoDefects(wanted: number, long: boolean): Uint8Array {
  const bytes = new Uint8Array(long ? 8 : 4);
  bytes[1] = wanted;
  return bytes;
}
