import { readU16, readU24, readU32, readU64, writeU16, writeU24, writeU32, writeU64 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { cdbLength, OPCODE, SERVICE_ACTION } from './opcode.ts';

/**
 * Command descriptor blocks, built and decoded. Builders throw on a value that does not fit its field; decoders are
 * total. LBAs and lengths are in blocks, allocation and parameter list lengths in bytes.
 */

/** The fields that READ, WRITE, VERIFY, WRITE SAME, PRE-FETCH, SYNCHRONIZE CACHE and COMPARE AND WRITE share. */
export interface BlockFields {
  /** Exact; `Infinity` stands for any LBA above 2^53 - 1, so that a comparison with a capacity comes out right. */
  readonly lba: number;
  /** As the command means it: 256 for a 0 in a 6-byte CDB. */
  readonly blockCount: number;
  /** RDPROTECT, WRPROTECT or VRPROTECT: 0 without protection information. */
  readonly protect: number;
  /** Byte 1 whole (0 in a 6-byte CDB): its lower bits mean something else in each command. */
  readonly options: number;
}

export const BLOCK_OPTION = {
  /** READ, WRITE: the block need not stay in the cache. */
  disablePageOut: 0x10,
  /** READ, WRITE: to and from the medium itself. */
  forceUnitAccess: 0x08,
  /** WRITE SAME. */
  anchor: 0x10,
  unmap: 0x08,
  /** WRITE SAME of SBC-2: each block begins with its own address. */
  physicalBlockData: 0x04,
  logicalBlockData: 0x02,
  /** WRITE SAME(16): no Data-Out buffer. */
  noDataOut: 0x01,
  /** SYNCHRONIZE CACHE, PRE-FETCH. */
  immediate: 0x02,
} as const;

/** BYTCHK of VERIFY and WRITE AND VERIFY: 0 medium only, 1 compared with the Data-Out buffer, 3 each block with one. */
export function byteCheck(fields: BlockFields): number {
  return (fields.options >>> 1) & 0x03;
}

/** Commands with 16 bytes whose length has fewer than 32 bits. */
const LENGTH_LIMIT: Readonly<Record<number, number>> = {
  [OPCODE.compareAndWrite]: 0xff,
  [OPCODE.writeAtomic16]: 0xffff,
};

/** Any command with an LBA and a length; the operation code decides the form (6, 10, 12 or 16 bytes). */
export function blockCdb(opcode: number, lba: number, blockCount: number, options = 0): Uint8Array {
  const cdb = emptyCdb(opcode);
  switch (cdb.length) {
    case 6:
      fit('lba', lba, 0x1f_ffff);
      fit('blockCount', blockCount, 256, 1);
      writeU24(cdb, 1, lba);
      cdb[4] = blockCount % 256;
      return cdb;
    case 10:
      writeU32(cdb, 2, fit('lba', lba, 0xffff_ffff));
      writeU16(cdb, 7, fit('blockCount', blockCount, 0xffff));
      break;
    case 12:
      writeU32(cdb, 2, fit('lba', lba, 0xffff_ffff));
      writeU32(cdb, 6, fit('blockCount', blockCount, 0xffff_ffff));
      break;
    default:
      writeU64(cdb, 2, fit('lba', lba, Number.MAX_SAFE_INTEGER));
      writeU32(cdb, 10, fit('blockCount', blockCount, LENGTH_LIMIT[opcode] ?? 0xffff_ffff));
  }
  cdb[1] = fit('options', options, 0xff);
  return cdb;
}

export function decodeBlockCdb(cdb: Uint8Array): Decoded<BlockFields> {
  const length = cdbLength(cdb[0] ?? 0xff);
  if (length === undefined || cdb.length < length) return tooShort('block command', cdb, length);
  if (length === 6) {
    const blockCount = cdb[4] === 0 ? 256 : cdb[4]!;
    return decoded({ lba: readU24(cdb, 1) & 0x1f_ffff, blockCount, protect: 0, options: 0 });
  }
  const options = cdb[1]!;
  const lba = length === 16 ? readLba64(cdb, 2) : readU32(cdb, 2);
  return decoded({ lba, blockCount: readBlockCount(cdb, length), protect: options >>> 5, options });
}

function readBlockCount(cdb: Uint8Array, length: number): number {
  if (length === 10) return readU16(cdb, 7);
  if (length === 12) return readU32(cdb, 6);
  // COMPARE AND WRITE has a single byte where the others have four, and WRITE ATOMIC two after an atomic boundary.
  if (cdb[0] === OPCODE.compareAndWrite) return cdb[13]!;
  return cdb[0] === OPCODE.writeAtomic16 ? readU16(cdb, 12) : readU32(cdb, 10);
}

/** A 64-bit LBA; `Infinity` where a Number could not hold it exactly: no logical unit has such a block. */
export function readLba64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) >= 2 ** 21 ? Number.POSITIVE_INFINITY : readU64(bytes, offset);
}

/** READ(10) where its fields suffice, READ(16) otherwise. */
export function readCdb(lba: number, blockCount: number): Uint8Array {
  return blockCdb(fitsTen(lba, blockCount) ? OPCODE.read10 : OPCODE.read16, lba, blockCount);
}

/** WRITE(10) where its fields suffice, WRITE(16) otherwise. */
export function writeCdb(lba: number, blockCount: number, forceUnitAccess = false): Uint8Array {
  const opcode = fitsTen(lba, blockCount) ? OPCODE.write10 : OPCODE.write16;
  return blockCdb(opcode, lba, blockCount, forceUnitAccess ? BLOCK_OPTION.forceUnitAccess : 0);
}

function fitsTen(lba: number, blockCount: number): boolean {
  return lba + blockCount <= 2 ** 32 && blockCount <= 0xffff;
}

/** SYNCHRONIZE CACHE(10) of the whole unit. */
export function synchronizeCacheCdb(): Uint8Array {
  return emptyCdb(OPCODE.synchronizeCache10);
}

export function testUnitReadyCdb(): Uint8Array {
  return emptyCdb(OPCODE.testUnitReady);
}

/** RELEASE(6) of the whole unit. */
export function releaseCdb(): Uint8Array {
  return emptyCdb(OPCODE.release6);
}

/** The medium may be taken out again, as far as this nexus is asked. */
export function allowRemovalCdb(): Uint8Array {
  return emptyCdb(OPCODE.preventAllowMediumRemoval);
}

export interface InquiryFields {
  /** The vital product data page asked for; undefined for standard INQUIRY data. */
  readonly page: number | undefined;
  readonly allocationLength: number;
}

export function inquiryCdb(allocationLength: number, page?: number): Uint8Array {
  const cdb = emptyCdb(OPCODE.inquiry);
  cdb[1] = page === undefined ? 0 : 1;
  cdb[2] = fit('page', page ?? 0, 0xff);
  writeU16(cdb, 3, fit('allocationLength', allocationLength, 0xffff));
  return cdb;
}

export function decodeInquiryCdb(cdb: Uint8Array): Decoded<InquiryFields> {
  if (cdb.length < 6) return tooShort('INQUIRY', cdb, 6);
  const vital = (cdb[1]! & 1) === 1;
  if (!vital && cdb[2] !== 0) return violated('INQUIRY.page', cdb[2]!, '0 where EVPD is 0');
  return decoded({ page: vital ? cdb[2] : undefined, allocationLength: readU16(cdb, 3) });
}

export interface RequestSenseFields {
  readonly descriptorFormat: boolean;
  readonly allocationLength: number;
}

export function requestSenseCdb(allocationLength: number, descriptorFormat = false): Uint8Array {
  const cdb = emptyCdb(OPCODE.requestSense);
  cdb[1] = descriptorFormat ? 1 : 0;
  cdb[4] = fit('allocationLength', allocationLength, 0xff);
  return cdb;
}

export function decodeRequestSenseCdb(cdb: Uint8Array): Decoded<RequestSenseFields> {
  if (cdb.length < 6) return tooShort('REQUEST SENSE', cdb, 6);
  return decoded({ descriptorFormat: (cdb[1]! & 1) === 1, allocationLength: cdb[4]! });
}

export interface ReportLunsFields {
  /** SELECT REPORT: 0 addressable units, 1 well known units, 2 both. */
  readonly selectReport: number;
  readonly allocationLength: number;
}

export function reportLunsCdb(allocationLength: number, selectReport = 0): Uint8Array {
  const cdb = emptyCdb(OPCODE.reportLuns);
  cdb[2] = fit('selectReport', selectReport, 0xff);
  writeU32(cdb, 6, fit('allocationLength', allocationLength, 0xffff_ffff));
  return cdb;
}

export function decodeReportLunsCdb(cdb: Uint8Array): Decoded<ReportLunsFields> {
  if (cdb.length < 12) return tooShort('REPORT LUNS', cdb, 12);
  return decoded({ selectReport: cdb[2]!, allocationLength: readU32(cdb, 6) });
}

export function readCapacity10Cdb(): Uint8Array {
  return emptyCdb(OPCODE.readCapacity10);
}

export function readCapacity16Cdb(allocationLength = 32): Uint8Array {
  const cdb = emptyCdb(OPCODE.serviceActionIn16);
  cdb[1] = SERVICE_ACTION.readCapacity16;
  writeU32(cdb, 10, fit('allocationLength', allocationLength, 0xffff_ffff));
  return cdb;
}

export function decodeReadCapacity16Cdb(cdb: Uint8Array): Decoded<{ readonly allocationLength: number }> {
  if (cdb.length < 16) return tooShort('READ CAPACITY(16)', cdb, 16);
  return decoded({ allocationLength: readU32(cdb, 10) });
}

export interface ModeSenseFields {
  /** PC: 0 current, 1 changeable, 2 default, 3 saved. */
  readonly pageControl: number;
  readonly page: number;
  readonly subpage: number;
  readonly disableBlockDescriptors: boolean;
  /** LLBAA: the initiator understands block descriptors with 64-bit LBAs. */
  readonly longLba: boolean;
  readonly allocationLength: number;
}

export function modeSense6Cdb(page: number, allocationLength: number, pageControl = 0): Uint8Array {
  const cdb = emptyCdb(OPCODE.modeSense6);
  cdb[2] = (fit('pageControl', pageControl, 3) << 6) | fit('page', page, 0x3f);
  cdb[4] = fit('allocationLength', allocationLength, 0xff);
  return cdb;
}

export function modeSense10Cdb(page: number, allocationLength: number, pageControl = 0): Uint8Array {
  const cdb = emptyCdb(OPCODE.modeSense10);
  cdb[2] = (fit('pageControl', pageControl, 3) << 6) | fit('page', page, 0x3f);
  writeU16(cdb, 7, fit('allocationLength', allocationLength, 0xffff));
  return cdb;
}

/** MODE SENSE(6) and (10). */
export function decodeModeSenseCdb(cdb: Uint8Array): Decoded<ModeSenseFields> {
  const length = cdb[0] === OPCODE.modeSense6 ? 6 : 10;
  if (cdb.length < length) return tooShort('MODE SENSE', cdb, length);
  return decoded({
    pageControl: cdb[2]! >>> 6,
    page: cdb[2]! & 0x3f,
    subpage: cdb[3]!,
    disableBlockDescriptors: (cdb[1]! & 0x08) !== 0,
    longLba: length === 10 && (cdb[1]! & 0x10) !== 0,
    allocationLength: length === 6 ? cdb[4]! : readU16(cdb, 7),
  });
}

export interface ModeSelectFields {
  readonly pageFormat: boolean;
  readonly savePages: boolean;
  readonly parameterListLength: number;
}

/** MODE SELECT(6) and (10). */
export function decodeModeSelectCdb(cdb: Uint8Array): Decoded<ModeSelectFields> {
  const length = cdb[0] === OPCODE.modeSelect6 ? 6 : 10;
  if (cdb.length < length) return tooShort('MODE SELECT', cdb, length);
  return decoded({
    pageFormat: (cdb[1]! & 0x10) !== 0,
    savePages: (cdb[1]! & 0x01) !== 0,
    parameterListLength: length === 6 ? cdb[4]! : readU16(cdb, 7),
  });
}

export interface StartStopFields {
  readonly start: boolean;
  readonly loadEject: boolean;
  /** What is in the cache need not reach the medium first. */
  readonly noFlush: boolean;
  readonly powerCondition: number;
}

export function decodeStartStopCdb(cdb: Uint8Array): Decoded<StartStopFields> {
  if (cdb.length < 6) return tooShort('START STOP UNIT', cdb, 6);
  return decoded({
    start: (cdb[4]! & 0x01) !== 0,
    loadEject: (cdb[4]! & 0x02) !== 0,
    noFlush: (cdb[4]! & 0x04) !== 0,
    powerCondition: cdb[4]! >>> 4,
  });
}

export interface ReportOpcodesFields {
  /** REPORTING OPTIONS: 0 all, 1 one without service actions, 2 one with, 3 one however it is. */
  readonly options: number;
  readonly opcode: number;
  readonly serviceAction: number;
  /** RCTD: with command timeouts descriptors. */
  readonly withTimeouts: boolean;
  readonly allocationLength: number;
}

export function reportOpcodesCdb(allocationLength: number, options = 0, opcode = 0, serviceAction = 0): Uint8Array {
  const cdb = emptyCdb(OPCODE.maintenanceIn);
  cdb[1] = SERVICE_ACTION.reportSupportedOperationCodes;
  cdb[2] = fit('options', options, 0xff);
  cdb[3] = fit('opcode', opcode, 0xff);
  writeU16(cdb, 4, fit('serviceAction', serviceAction, 0xffff));
  writeU32(cdb, 6, fit('allocationLength', allocationLength, 0xffff_ffff));
  return cdb;
}

export function decodeReportOpcodesCdb(cdb: Uint8Array): Decoded<ReportOpcodesFields> {
  if (cdb.length < 12) return tooShort('REPORT SUPPORTED OPERATION CODES', cdb, 12);
  return decoded({
    options: cdb[2]! & 0x07,
    opcode: cdb[3]!,
    serviceAction: readU16(cdb, 4),
    withTimeouts: (cdb[2]! & 0x80) !== 0,
    allocationLength: readU32(cdb, 6),
  });
}

function emptyCdb(opcode: number): Uint8Array {
  const length = cdbLength(opcode);
  if (length === undefined) throw new RangeError(`operation code ${opcode} has no fixed CDB length`);
  const cdb = new Uint8Array(length);
  cdb[0] = opcode;
  return cdb;
}

function fit(field: string, value: number, limit: number, least = 0): number {
  if (!Number.isInteger(value) || value < least || value > limit) {
    throw new RangeError(`${field}: ${value} is not an integer from ${least} to ${limit}`);
  }
  return value;
}

function tooShort(what: string, cdb: Uint8Array, needed: number | undefined): Decoded<never> {
  return violated(`${what}.cdb`, `${cdb.length} bytes`, `${needed ?? 'a known number of'} bytes`);
}
