import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { AT, lunOf, newHeader, NO_TAG, OPCODE, writeBytes } from './header.ts';
import { countersOf, writeCounters, type TargetCounters } from './target-counters.ts';

/** What a target says without being asked by that PDU: Asynchronous Message and Reject (RFC 7143 sections 11.9, 11.17). */
const FINAL = 0x80;

/** Asynchronous events (11.9.1). */
export const ASYNC_EVENT = {
  scsiEvent: 0,
  requestLogout: 1,
  connectionDropped: 2,
  sessionDropped: 3,
  renegotiate: 4,
  fastAbort: 5,
  vendor: 255,
} as const;

/** Asynchronous Message (11.9). */
export interface AsyncMessage extends TargetCounters {
  readonly lun: Uint8Array;
  readonly event: number;
  readonly vendorCode: number;
  readonly parameter1: number;
  readonly parameter2: number;
  /** Seconds within which a logout must come, for `requestLogout`. */
  readonly parameter3: number;
}

export function encodeAsyncMessage(pdu: AsyncMessage): Uint8Array {
  const header = newHeader(OPCODE.asyncMessage);
  header[AT.flags] = FINAL;
  writeBytes(header, AT.lun, pdu.lun, 8);
  writeU32(header, AT.initiatorTaskTag, NO_TAG);
  writeCounters(header, pdu);
  header[AT.word36] = pdu.event;
  header[AT.word36 + 1] = pdu.vendorCode;
  writeU16(header, AT.word36 + 2, pdu.parameter1);
  writeU16(header, AT.word40, pdu.parameter2);
  writeU16(header, AT.word40 + 2, pdu.parameter3);
  return header;
}

export function decodeAsyncMessage(header: Uint8Array): AsyncMessage {
  return {
    lun: lunOf(header),
    ...countersOf(header),
    event: header[AT.word36]!,
    vendorCode: header[AT.word36 + 1]!,
    parameter1: readU16(header, AT.word36 + 2),
    parameter2: readU16(header, AT.word40),
    parameter3: readU16(header, AT.word40 + 2),
  };
}

/** Reject reasons (11.17.1). */
export const REJECT_REASON = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  waitingForLogout: 0x0c,
} as const;

/** Reject (11.17). The data segment holds the 48-byte header of the PDU that was refused. */
export interface Reject extends TargetCounters {
  readonly reason: number;
  readonly dataSn: number;
}

export function encodeReject(pdu: Reject): Uint8Array {
  const header = newHeader(OPCODE.reject);
  header[AT.flags] = FINAL;
  header[AT.response] = pdu.reason;
  writeU32(header, AT.initiatorTaskTag, NO_TAG);
  writeCounters(header, pdu);
  writeU32(header, AT.word36, pdu.dataSn);
  return header;
}

export function decodeReject(header: Uint8Array): Reject {
  return { reason: header[AT.response]!, ...countersOf(header), dataSn: readU32(header, AT.word36) };
}
