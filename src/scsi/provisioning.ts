import { readU16, readU32, writeU32, writeU64 } from '../base/bytes.ts';
import { readLba64 } from './cdb.ts';
import { OPCODE, SERVICE_ACTION } from './opcode.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** UNMAP parameter lists and GET LBA STATUS data (SBC-3 5.28, 5.8). */

export interface BlockRange {
  /** Exact, or `Infinity` (see `BlockFields`). */
  readonly lba: number;
  readonly blockCount: number;
}

const UNMAP_HEADER_LENGTH = 8;
const DESCRIPTOR_LENGTH = 16;

/** The ranges of an UNMAP parameter list; a descriptor that is cut off at the end does not count (SBC-3 5.28.2). */
export function decodeUnmapList(list: Uint8Array): Decoded<readonly BlockRange[]> {
  if (list.length < UNMAP_HEADER_LENGTH) return violated('UNMAP list', `${list.length} bytes`, 'at least 8 bytes');
  const end = Math.min(list.length, UNMAP_HEADER_LENGTH + readU16(list, 2));
  const ranges: BlockRange[] = [];
  for (let at = UNMAP_HEADER_LENGTH; at + DESCRIPTOR_LENGTH <= end; at += DESCRIPTOR_LENGTH) {
    ranges.push({ lba: readLba64(list, at), blockCount: readU32(list, at + 8) });
  }
  return decoded(ranges);
}

/** Neighbouring blocks of one provisioning status. */
export interface ProvisioningRun extends BlockRange {
  readonly mapped: boolean;
}

const PROVISIONING_STATUS = { mapped: 0, deallocated: 1 } as const;

export function getLbaStatusCdb(lba: number, allocationLength: number): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb.set([OPCODE.serviceActionIn16, SERVICE_ACTION.getLbaStatus]);
  writeU64(cdb, 2, lba);
  writeU32(cdb, 10, allocationLength);
  return cdb;
}

/** Whole descriptors only. An anchored block counts as unmapped: it reads as one. */
export function decodeLbaStatus(bytes: Uint8Array): Decoded<readonly ProvisioningRun[]> {
  if (bytes.length < 8) return violated('GET LBA STATUS', `${bytes.length} bytes`, 'at least 8 bytes');
  const runs: ProvisioningRun[] = [];
  for (let at = 8; at + DESCRIPTOR_LENGTH <= Math.min(bytes.length, 4 + readU32(bytes, 0)); at += DESCRIPTOR_LENGTH) {
    const mapped = (bytes[at + 12]! & 0x0f) === PROVISIONING_STATUS.mapped;
    runs.push({ lba: readLba64(bytes, at), blockCount: readU32(bytes, at + 8), mapped });
  }
  return decoded(runs);
}

/** GET LBA STATUS data; runs one after the other without gaps. */
export function encodeLbaStatus(runs: readonly ProvisioningRun[]): Uint8Array {
  const bytes = new Uint8Array(8 + runs.length * DESCRIPTOR_LENGTH);
  writeU32(bytes, 0, bytes.length - 4);
  runs.forEach((run, index) => {
    const at = 8 + index * DESCRIPTOR_LENGTH;
    writeU64(bytes, at, run.lba);
    writeU32(bytes, at + 8, run.blockCount);
    bytes[at + 12] = run.mapped ? PROVISIONING_STATUS.mapped : PROVISIONING_STATUS.deallocated;
  });
  return bytes;
}
