import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { extendedCdbOf } from './additional-header.ts';
import { AT, copyOf, flag, isImmediate, lunOf, newHeader, OPCODE, writeBytes } from './header.ts';

/**
 * The headers of the PDUs that an initiator sends (RFC 7143 sections 11.3 to 11.19). Each has a record, an encoder and
 * a decoder in wire order. Decoders accept any 48 bytes and ignore reserved bits; whether the values make sense is for
 * the engine to judge. Lengths of the segments are set by `appendPdu`.
 */
const FINAL = 0x80;
const CONTINUE = 0x40;
const READ = 0x40;
const WRITE = 0x20;
export const CDB_LENGTH = 16;

/** ATTR (11.3.1). */
export const TASK_ATTRIBUTE = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;

/** SCSI Command (11.3). */
export interface ScsiCommand {
  readonly immediate: boolean;
  /** No unsolicited Data-Out PDU follows. */
  readonly final: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** One of `TASK_ATTRIBUTE`, or reserved. */
  readonly attribute: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  /** Bytes. */
  readonly expectedDataTransferLength: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  /** 16 bytes, or more where an extended CDB came in an additional header. Shorter CDBs are padded when encoded. */
  readonly cdb: Uint8Array;
}

export function encodeScsiCommand(pdu: ScsiCommand): Uint8Array {
  if (pdu.cdb.length > CDB_LENGTH) throw new RangeError(`a CDB of ${pdu.cdb.length} bytes needs an additional header`);
  const header = newHeader(OPCODE.scsiCommand, pdu.immediate);
  header[AT.flags] = flag(pdu.final, FINAL) | flag(pdu.read, READ) | flag(pdu.write, WRITE) | (pdu.attribute & 7);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.expectedDataTransferLength);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  writeBytes(header, AT.cdb, pdu.cdb, pdu.cdb.length);
  return header;
}

export function decodeScsiCommand(header: Uint8Array, additionalHeader?: Uint8Array): ScsiCommand {
  const flags = header[AT.flags]!;
  return {
    immediate: isImmediate(header),
    final: (flags & FINAL) !== 0,
    read: (flags & READ) !== 0,
    write: (flags & WRITE) !== 0,
    attribute: flags & 7,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    expectedDataTransferLength: readU32(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
    cdb: cdbOf(header, additionalHeader),
  };
}

function cdbOf(header: Uint8Array, additionalHeader: Uint8Array | undefined): Uint8Array {
  const basic = copyOf(header, AT.cdb, CDB_LENGTH);
  const rest = additionalHeader && extendedCdbOf(additionalHeader);
  if (!rest) return basic;
  const whole = new Uint8Array(CDB_LENGTH + rest.length);
  whole.set(basic);
  whole.set(rest, CDB_LENGTH);
  return whole;
}

/** Task management functions (11.5.1). */
export const TASK_MANAGEMENT = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;

/** Task Management Function Request (11.5). */
export interface TaskManagementRequest {
  readonly immediate: boolean;
  readonly function: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly referencedTaskTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly refCmdSn: number;
  readonly expDataSn: number;
}

export function encodeTaskManagementRequest(pdu: TaskManagementRequest): Uint8Array {
  const header = newHeader(OPCODE.taskManagementRequest, pdu.immediate);
  header[AT.flags] = FINAL | (pdu.function & 0x7f);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.referencedTaskTag);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  writeU32(header, AT.word32, pdu.refCmdSn);
  writeU32(header, AT.word36, pdu.expDataSn);
  return header;
}

export function decodeTaskManagementRequest(header: Uint8Array): TaskManagementRequest {
  return {
    immediate: isImmediate(header),
    function: header[AT.flags]! & 0x7f,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    referencedTaskTag: readU32(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
    refCmdSn: readU32(header, AT.word32),
    expDataSn: readU32(header, AT.word36),
  };
}

/** SCSI Data-Out (11.7). */
export interface DataOut {
  /** The last PDU of this burst. */
  readonly final: boolean;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  /** Of the R2T that asked for it; `NO_TAG` for unsolicited data. */
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  /** Counts the PDUs of one burst from 0. */
  readonly dataSn: number;
  readonly bufferOffset: number;
}

export function encodeDataOut(pdu: DataOut): Uint8Array {
  const header = newHeader(OPCODE.dataOut);
  header[AT.flags] = flag(pdu.final, FINAL);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  writeU32(header, AT.word36, pdu.dataSn);
  writeU32(header, AT.word40, pdu.bufferOffset);
  return header;
}

export function decodeDataOut(header: Uint8Array): DataOut {
  return {
    final: (header[AT.flags]! & FINAL) !== 0,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    expStatSn: readU32(header, AT.expStatSn),
    dataSn: readU32(header, AT.word36),
    bufferOffset: readU32(header, AT.word40),
  };
}

/** NOP-Out (11.18). */
export interface NopOut {
  readonly immediate: boolean;
  readonly lun: Uint8Array;
  /** `NO_TAG`: no answer wanted. */
  readonly initiatorTaskTag: number;
  /** Of the NOP-In that is answered, or `NO_TAG`. */
  readonly targetTransferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export function encodeNopOut(pdu: NopOut): Uint8Array {
  const header = newHeader(OPCODE.nopOut, pdu.immediate);
  header[AT.flags] = FINAL;
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  return header;
}

export function decodeNopOut(header: Uint8Array): NopOut {
  return {
    immediate: isImmediate(header),
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
  };
}

/** Text Request (11.10). */
export interface TextRequest {
  readonly immediate: boolean;
  readonly final: boolean;
  readonly continues: boolean;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export function encodeTextRequest(pdu: TextRequest): Uint8Array {
  const header = newHeader(OPCODE.textRequest, pdu.immediate);
  header[AT.flags] = flag(pdu.final, FINAL) | flag(pdu.continues, CONTINUE);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  return header;
}

export function decodeTextRequest(header: Uint8Array): TextRequest {
  const flags = header[AT.flags]!;
  return {
    immediate: isImmediate(header),
    final: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
  };
}

/** Logout reasons (11.14.1). */
export const LOGOUT_REASON = { closeSession: 0, closeConnection: 1, removeConnectionForRecovery: 2 } as const;

/** Logout Request (11.14). */
export interface LogoutRequest {
  readonly immediate: boolean;
  readonly reason: number;
  readonly initiatorTaskTag: number;
  readonly connectionId: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export function encodeLogoutRequest(pdu: LogoutRequest): Uint8Array {
  const header = newHeader(OPCODE.logoutRequest, pdu.immediate);
  header[AT.flags] = FINAL | (pdu.reason & 0x7f);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU16(header, AT.word20, pdu.connectionId);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  return header;
}

export function decodeLogoutRequest(header: Uint8Array): LogoutRequest {
  return {
    immediate: isImmediate(header),
    reason: header[AT.flags]! & 0x7f,
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    connectionId: readU16(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
  };
}

/** SNACK Request (11.16); meaningful at error recovery levels above 0 only. */
export interface SnackRequest {
  readonly type: number;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly expStatSn: number;
  readonly begRun: number;
  readonly runLength: number;
}

export function encodeSnackRequest(pdu: SnackRequest): Uint8Array {
  const header = newHeader(OPCODE.snackRequest);
  header[AT.flags] = FINAL | (pdu.type & 0x0f);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  writeU32(header, AT.word40, pdu.begRun);
  writeU32(header, AT.word44, pdu.runLength);
  return header;
}

export function decodeSnackRequest(header: Uint8Array): SnackRequest {
  return {
    type: header[AT.flags]! & 0x0f,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    expStatSn: readU32(header, AT.expStatSn),
    begRun: readU32(header, AT.word40),
    runLength: readU32(header, AT.word44),
  };
}
