import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { AT, flag, lunOf, newHeader, OPCODE, writeBytes } from './header.ts';
import { countersOf, writeCounters, type TargetCounters } from './target-counters.ts';

export * from './target-counters.ts';
export * from './target-notices.ts';

/**
 * The headers of the PDUs that a target sends in answer (RFC 7143 sections 11.4 to 11.19); Login is in
 * `login-pdus.ts`. Each has a record, an encoder and a decoder in wire order. Decoders accept any 48 bytes and ignore
 * reserved bits.
 */
const FINAL = 0x80;
const CONTINUE = 0x40;
const ACKNOWLEDGE = 0x40;
const BIDI_OVERFLOW = 0x10;
const BIDI_UNDERFLOW = 0x08;
const OVERFLOW = 0x04;
const UNDERFLOW = 0x02;
const STATUS = 0x01;

/** What was announced but not moved (underflow) or wanted but not announced (overflow); bytes. */
export interface Residual {
  readonly kind: 'none' | 'underflow' | 'overflow';
  readonly count: number;
}

export const NO_RESIDUAL: Residual = { kind: 'none', count: 0 };

function residualFlags(residual: Residual): number {
  return flag(residual.kind === 'overflow', OVERFLOW) | flag(residual.kind === 'underflow', UNDERFLOW);
}

function residualOf(flags: number, count: number): Residual {
  if (flags & OVERFLOW) return { kind: 'overflow', count };
  if (flags & UNDERFLOW) return { kind: 'underflow', count };
  return NO_RESIDUAL;
}

/** SCSI Response (11.4). The data segment holds the sense length (u16) and the sense data: `encodeSense`. */
export interface ScsiResponse extends TargetCounters {
  /** 0 command completed at target, 1 target failure. */
  readonly response: number;
  readonly status: number;
  readonly residual: Residual;
  /** Of the Data-In part of a command that moves data both ways. */
  readonly bidirectionalResidual: Residual;
  readonly initiatorTaskTag: number;
  readonly snackTag: number;
  /** Data-In and R2T PDUs sent for the command. */
  readonly expDataSn: number;
}

export function encodeScsiResponse(pdu: ScsiResponse): Uint8Array {
  const header = newHeader(OPCODE.scsiResponse);
  const both = pdu.bidirectionalResidual;
  header[AT.flags] =
    FINAL |
    flag(both.kind === 'overflow', BIDI_OVERFLOW) |
    flag(both.kind === 'underflow', BIDI_UNDERFLOW) |
    residualFlags(pdu.residual);
  header[AT.response] = pdu.response;
  header[AT.status] = pdu.status;
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.snackTag);
  writeCounters(header, pdu);
  writeU32(header, AT.word36, pdu.expDataSn);
  writeU32(header, AT.word40, both.count);
  writeU32(header, AT.word44, pdu.residual.count);
  return header;
}

export function decodeScsiResponse(header: Uint8Array): ScsiResponse {
  const flags = header[AT.flags]!;
  return {
    response: header[AT.response]!,
    status: header[AT.status]!,
    residual: residualOf(flags, readU32(header, AT.word44)),
    bidirectionalResidual: residualOf(flags >> 2, readU32(header, AT.word40)),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    snackTag: readU32(header, AT.word20),
    ...countersOf(header),
    expDataSn: readU32(header, AT.word36),
  };
}

/** The data segment of a SCSI Response with sense data (11.4.7). */
export function encodeSense(sense: Uint8Array): Uint8Array {
  const segment = new Uint8Array(2 + sense.length);
  writeU16(segment, 0, sense.length);
  segment.set(sense, 2);
  return segment;
}

/** Sense data of a SCSI Response's data segment; undefined where there is none or its length is false. */
export function senseOf(dataSegment: Uint8Array): Uint8Array | undefined {
  if (dataSegment.length < 2) return undefined;
  const end = 2 + readU16(dataSegment, 0);
  return end > 2 && end <= dataSegment.length ? dataSegment.subarray(2, end) : undefined;
}

/** Task management responses (11.6.1). */
export const TASK_MANAGEMENT_RESPONSE = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  reassignmentNotSupported: 4,
  functionNotSupported: 5,
  authorizationFailed: 6,
  functionRejected: 255,
} as const;

/** Task Management Function Response (11.6). */
export interface TaskManagementResponse extends TargetCounters {
  readonly response: number;
  readonly initiatorTaskTag: number;
}

export function encodeTaskManagementResponse(pdu: TaskManagementResponse): Uint8Array {
  const header = newHeader(OPCODE.taskManagementResponse);
  header[AT.flags] = FINAL;
  header[AT.response] = pdu.response;
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeCounters(header, pdu);
  return header;
}

export function decodeTaskManagementResponse(header: Uint8Array): TaskManagementResponse {
  return {
    response: header[AT.response]!,
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    ...countersOf(header),
  };
}

/** SCSI Data-In (11.7). */
export interface DataIn extends TargetCounters {
  /** The last PDU of a burst. */
  readonly final: boolean;
  readonly acknowledge: boolean;
  /** Set where the PDU also ends the command ("phase collapse"); `statSn`, status and residual count only then. */
  readonly hasStatus: boolean;
  readonly status: number;
  readonly residual: Residual;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
}

export function encodeDataIn(pdu: DataIn): Uint8Array {
  const header = newHeader(OPCODE.dataIn);
  header[AT.flags] =
    flag(pdu.final, FINAL) |
    flag(pdu.acknowledge, ACKNOWLEDGE) |
    flag(pdu.hasStatus, STATUS) |
    residualFlags(pdu.residual);
  header[AT.status] = pdu.status;
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeCounters(header, pdu);
  writeU32(header, AT.word36, pdu.dataSn);
  writeU32(header, AT.word40, pdu.bufferOffset);
  writeU32(header, AT.word44, pdu.residual.count);
  return header;
}

export function decodeDataIn(header: Uint8Array): DataIn {
  const flags = header[AT.flags]!;
  return {
    final: (flags & FINAL) !== 0,
    acknowledge: (flags & ACKNOWLEDGE) !== 0,
    hasStatus: (flags & STATUS) !== 0,
    status: header[AT.status]!,
    residual: residualOf(flags, readU32(header, AT.word44)),
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    ...countersOf(header),
    dataSn: readU32(header, AT.word36),
    bufferOffset: readU32(header, AT.word40),
  };
}

/** Ready To Transfer (11.8). Its `statSn` is the next one to come; it uses none up. */
export interface ReadyToTransfer extends TargetCounters {
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly r2tSn: number;
  readonly bufferOffset: number;
  readonly desiredLength: number;
}

export function encodeReadyToTransfer(pdu: ReadyToTransfer): Uint8Array {
  const header = newHeader(OPCODE.readyToTransfer);
  header[AT.flags] = FINAL;
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeCounters(header, pdu);
  writeU32(header, AT.word36, pdu.r2tSn);
  writeU32(header, AT.word40, pdu.bufferOffset);
  writeU32(header, AT.word44, pdu.desiredLength);
  return header;
}

export function decodeReadyToTransfer(header: Uint8Array): ReadyToTransfer {
  return {
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    ...countersOf(header),
    r2tSn: readU32(header, AT.word36),
    bufferOffset: readU32(header, AT.word40),
    desiredLength: readU32(header, AT.word44),
  };
}

/** Text Response (11.11). */
export interface TextResponse extends TargetCounters {
  readonly final: boolean;
  readonly continues: boolean;
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
}

export function encodeTextResponse(pdu: TextResponse): Uint8Array {
  const header = newHeader(OPCODE.textResponse);
  header[AT.flags] = flag(pdu.final, FINAL) | flag(pdu.continues, CONTINUE);
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeCounters(header, pdu);
  return header;
}

export function decodeTextResponse(header: Uint8Array): TextResponse {
  const flags = header[AT.flags]!;
  return {
    final: (flags & FINAL) !== 0,
    continues: (flags & CONTINUE) !== 0,
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    ...countersOf(header),
  };
}

/** Logout Response (11.15). */
export interface LogoutResponse extends TargetCounters {
  /** 0 closed, 1 no such connection, 2 recovery not supported, 3 clean-up failed. */
  readonly response: number;
  readonly initiatorTaskTag: number;
  /** Seconds. */
  readonly timeToWait: number;
  readonly timeToRetain: number;
}

export function encodeLogoutResponse(pdu: LogoutResponse): Uint8Array {
  const header = newHeader(OPCODE.logoutResponse);
  header[AT.flags] = FINAL;
  header[AT.response] = pdu.response;
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeCounters(header, pdu);
  writeU16(header, AT.word40, pdu.timeToWait);
  writeU16(header, AT.word40 + 2, pdu.timeToRetain);
  return header;
}

export function decodeLogoutResponse(header: Uint8Array): LogoutResponse {
  return {
    response: header[AT.response]!,
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    ...countersOf(header),
    timeToWait: readU16(header, AT.word40),
    timeToRetain: readU16(header, AT.word40 + 2),
  };
}

/** NOP-In (11.19). */
export interface NopIn extends TargetCounters {
  readonly lun: Uint8Array;
  /** `NO_TAG`: not an answer; `statSn` is then the next one to come. */
  readonly initiatorTaskTag: number;
  /** Other than `NO_TAG`: a NOP-Out with this tag is wanted. */
  readonly targetTransferTag: number;
}

export function encodeNopIn(pdu: NopIn): Uint8Array {
  const header = newHeader(OPCODE.nopIn);
  header[AT.flags] = FINAL;
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
  writeU32(header, AT.word20, pdu.targetTransferTag);
  writeCounters(header, pdu);
  return header;
}

export function decodeNopIn(header: Uint8Array): NopIn {
  return {
    lun: lunOf(header),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
    targetTransferTag: readU32(header, AT.word20),
    ...countersOf(header),
  };
}
