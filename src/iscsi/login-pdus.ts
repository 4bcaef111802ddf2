import { readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { AT, copyOf, flag, newHeader, OPCODE, writeBytes } from './header.ts';
import { countersOf, writeCounters, type TargetCounters } from './target-counters.ts';

/** Login Request and Response (RFC 7143 sections 11.12 and 11.13). */
const TRANSIT = 0x80;
const CONTINUE = 0x40;
export const ISID_LENGTH = 6;

/** Login stages (11.12.3). */
export const STAGE = { securityNegotiation: 0, operationalNegotiation: 1, fullFeaturePhase: 3 } as const;

/** Login status: class in the high byte, detail in the low (11.13.5). */
export const LOGIN_STATUS = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  targetNotFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;

interface LoginFields {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly isid: Uint8Array;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
}

function writeLoginFields(header: Uint8Array, pdu: LoginFields): void {
  header[AT.flags] =
    flag(pdu.transit, TRANSIT) | flag(pdu.continues, CONTINUE) | ((pdu.currentStage & 3) << 2) | (pdu.nextStage & 3);
  writeBytes(header, AT.isid, pdu.isid, ISID_LENGTH);
  writeU16(header, AT.tsih, pdu.tsih);
  writeU32(header, AT.initiatorTaskTag, pdu.initiatorTaskTag);
}

function loginFieldsOf(header: Uint8Array): LoginFields {
  const flags = header[AT.flags]!;
  return {
    transit: (flags & TRANSIT) !== 0,
    continues: (flags & CONTINUE) !== 0,
    currentStage: (flags >> 2) & 3,
    nextStage: flags & 3,
    isid: copyOf(header, AT.isid, ISID_LENGTH),
    tsih: readU16(header, AT.tsih),
    initiatorTaskTag: readU32(header, AT.initiatorTaskTag),
  };
}

export interface LoginRequest extends LoginFields {
  readonly versionMax: number;
  readonly versionMin: number;
  readonly connectionId: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export function encodeLoginRequest(pdu: LoginRequest): Uint8Array {
  const header = newHeader(OPCODE.loginRequest, true);
  header[AT.response] = pdu.versionMax;
  header[AT.status] = pdu.versionMin;
  writeLoginFields(header, pdu);
  writeU16(header, AT.word20, pdu.connectionId);
  writeU32(header, AT.cmdSn, pdu.cmdSn);
  writeU32(header, AT.expStatSn, pdu.expStatSn);
  return header;
}

export function decodeLoginRequest(header: Uint8Array): LoginRequest {
  return {
    ...loginFieldsOf(header),
    versionMax: header[AT.response]!,
    versionMin: header[AT.status]!,
    connectionId: readU16(header, AT.word20),
    cmdSn: readU32(header, AT.cmdSn),
    expStatSn: readU32(header, AT.expStatSn),
  };
}

export interface LoginResponse extends LoginFields, TargetCounters {
  readonly versionMax: number;
  readonly versionActive: number;
  /** One of `LOGIN_STATUS`. */
  readonly status: number;
}

export function encodeLoginResponse(pdu: LoginResponse): Uint8Array {
  const header = newHeader(OPCODE.loginResponse);
  header[AT.response] = pdu.versionMax;
  header[AT.status] = pdu.versionActive;
  writeLoginFields(header, pdu);
  writeCounters(header, pdu);
  writeU16(header, AT.word36, pdu.status);
  return header;
}

export function decodeLoginResponse(header: Uint8Array): LoginResponse {
  return {
    ...loginFieldsOf(header),
    versionMax: header[AT.response]!,
    versionActive: header[AT.status]!,
    ...countersOf(header),
    status: readU16(header, AT.word36),
  };
}
