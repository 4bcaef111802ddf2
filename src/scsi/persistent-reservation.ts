import { readU16, readU32, toHex, writeU16, writeU32, fromHex } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** PERSISTENT RESERVE IN and OUT parameter data (SPC-4 6.15, 6.16). A reservation key is 16 hex digits. */

export const RESERVATION_TYPE = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;

export type ReservationType = (typeof RESERVATION_TYPE)[keyof typeof RESERVATION_TYPE];

const KEY_LENGTH = 8;
export const ZERO_KEY = '00'.repeat(KEY_LENGTH);

export function isReservationType(value: number): value is ReservationType {
  return Object.values<number>(RESERVATION_TYPE).includes(value);
}

export interface PersistentOutCdb {
  /** 0 the logical unit; others are obsolete. */
  readonly scope: number;
  readonly type: number;
  /** Bytes. */
  readonly parameterListLength: number;
}

/** SPC-4 6.16.1. */
export function decodePersistentOutCdb(cdb: Uint8Array): Decoded<PersistentOutCdb> {
  if (cdb.length < 10) return violated('PERSISTENT RESERVE OUT.cdb', `${cdb.length} bytes`, '10 bytes');
  return decoded({ scope: cdb[2]! >>> 4, type: cdb[2]! & 0x0f, parameterListLength: readU32(cdb, 5) });
}

/** PERSISTENT RESERVE IN, any service action: bytes that the initiator has room for. */
export function decodePersistentInCdb(cdb: Uint8Array): Decoded<{ readonly allocationLength: number }> {
  if (cdb.length < 10) return violated('PERSISTENT RESERVE IN.cdb', `${cdb.length} bytes`, '10 bytes');
  return decoded({ allocationLength: readU16(cdb, 7) });
}

export interface PersistentOutList {
  /** RESERVATION KEY: the one that the nexus has registered. */
  readonly key: string;
  readonly serviceActionKey: string;
  readonly specifyInitiatorPorts: boolean;
  readonly allTargetPorts: boolean;
  /** APTPL: the registration is to survive a power loss. */
  readonly throughPowerLoss: boolean;
}

/** The basic parameter list without TransportIDs: every service action but REGISTER AND MOVE (SPC-4 6.16.3). */
export const BASIC_LIST_LENGTH = 24;

export function decodePersistentOutList(list: Uint8Array): Decoded<PersistentOutList> {
  if (list.length < BASIC_LIST_LENGTH)
    return violated('PERSISTENT RESERVE OUT list', `${list.length} bytes`, '24 bytes');
  return decoded({
    key: toHex(list.subarray(0, 8)),
    serviceActionKey: toHex(list.subarray(8, 16)),
    specifyInitiatorPorts: (list[20]! & 0x08) !== 0,
    allTargetPorts: (list[20]! & 0x04) !== 0,
    throughPowerLoss: (list[20]! & 0x01) !== 0,
  });
}

export interface RegisterAndMoveList {
  readonly key: string;
  readonly serviceActionKey: string;
  /** UNREG: the nexus that moves the reservation gives up its own registration. */
  readonly unregister: boolean;
  readonly throughPowerLoss: boolean;
  readonly relativeTargetPort: number;
  /** The initiator port that gets the reservation, `iqn...,i,0x<isid>`. */
  readonly transportId: string;
}

/** SPC-4 6.16.4; the length that the list gives its TransportID must be what is there. */
export function decodeRegisterAndMoveList(list: Uint8Array): Decoded<RegisterAndMoveList> {
  if (list.length < BASIC_LIST_LENGTH) return violated('REGISTER AND MOVE list', `${list.length} bytes`, '24 bytes');
  const length = readU32(list, 20);
  if (length !== list.length - BASIC_LIST_LENGTH) {
    return violated('REGISTER AND MOVE.transportIdLength', length, String(list.length - BASIC_LIST_LENGTH));
  }
  const transportId = decodeTransportId(list.subarray(BASIC_LIST_LENGTH));
  if (!transportId.ok) return transportId;
  return decoded({
    key: toHex(list.subarray(0, 8)),
    serviceActionKey: toHex(list.subarray(8, 16)),
    unregister: (list[17]! & 0x02) !== 0,
    throughPowerLoss: (list[17]! & 0x01) !== 0,
    relativeTargetPort: readU16(list, 18),
    transportId: transportId.value,
  });
}

const ISCSI_PORT_FORMAT = 0x45;
const TRANSPORT_ID_HEAD = 4;
const LEAST_NAME_LENGTH = 20;

/** TransportID of an iSCSI initiator port, format 01b: a name with its ISID, ended by zeros (SPC-4 7.6.4.6). */
export function encodeTransportId(port: string): Uint8Array {
  const name = new TextEncoder().encode(port);
  const length = Math.max(LEAST_NAME_LENGTH, Math.ceil((name.length + 1) / 4) * 4);
  const bytes = new Uint8Array(TRANSPORT_ID_HEAD + length);
  bytes[0] = ISCSI_PORT_FORMAT;
  writeU16(bytes, 2, length);
  bytes.set(name, TRANSPORT_ID_HEAD);
  return bytes;
}

/** Only with an ISID: a registration is one initiator port's, and a name alone has many (SPC-4 7.6.4.6). */
export function decodeTransportId(bytes: Uint8Array): Decoded<string> {
  if (bytes.length < TRANSPORT_ID_HEAD + LEAST_NAME_LENGTH) {
    return violated('TransportID', `${bytes.length} bytes`, 'at least 24 bytes');
  }
  if (bytes[0] !== ISCSI_PORT_FORMAT) return violated('TransportID.format', bytes[0]!, '0x45, an iSCSI initiator port');
  if (readU16(bytes, 2) !== bytes.length - TRANSPORT_ID_HEAD) {
    return violated('TransportID.additionalLength', readU16(bytes, 2), String(bytes.length - TRANSPORT_ID_HEAD));
  }
  const name = bytes.subarray(TRANSPORT_ID_HEAD);
  const end = name.indexOf(0);
  if (end < 0 || name.subarray(end).some((byte) => byte !== 0)) {
    return violated('TransportID.name', toHex(name), 'a text ended by zeros');
  }
  const text = Buffer.from(name.subarray(0, end)).toString('latin1');
  const parts = /^([\x21-\x7e]+),i,0x([0-9a-f]{12})$/i.exec(text);
  if (!parts) return violated('TransportID.name', JSON.stringify(text), 'an iSCSI name, ",i,0x" and 12 hex digits');
  return decoded(`${parts[1]!},i,0x${parts[2]!.toLowerCase()}`);
}

/** READ KEYS: every registered key, in the order of registration. */
export function encodeReadKeys(generation: number, keys: readonly string[]): Uint8Array {
  return withHeader(
    generation,
    keys.map((key) => fromHex(key)),
  );
}

export interface HeldReservation {
  /** Zero where all registrants hold it. */
  readonly key: string;
  readonly type: ReservationType;
}

/** READ RESERVATION. */
export function encodeReadReservation(generation: number, held: HeldReservation | undefined): Uint8Array {
  if (!held) return withHeader(generation, []);
  const descriptor = new Uint8Array(16);
  descriptor.set(fromHex(held.key));
  descriptor[13] = held.type;
  return withHeader(generation, [descriptor]);
}

const CAPABILITIES_LENGTH = 8;
const TYPE_MASK_VALID = 0x80;
/** PERSISTENT RESERVATION TYPE MASK: all six types. */
const ALL_TYPES = [0xea, 0x01];

/**
 * REPORT CAPABILITIES: no TransportIDs in REGISTER, no registration of all ports at once, nothing kept through a power
 * loss, and no word on which commands a reservation lets through beyond the standard's table (ALLOW COMMANDS 0).
 */
export function encodeReservationCapabilities(): Uint8Array {
  return Uint8Array.of(0, CAPABILITIES_LENGTH, 0, TYPE_MASK_VALID, ...ALL_TYPES, 0, 0);
}

export interface FullStatusEntry {
  readonly key: string;
  /** The initiator port. */
  readonly port: string;
  /** The type of the reservation that it holds, alone or with others. */
  readonly holds: ReservationType | undefined;
}

const FULL_STATUS_HEAD = 24;

/** READ FULL STATUS: every registration of the one target port there is. */
export function encodeFullStatus(generation: number, entries: readonly FullStatusEntry[]): Uint8Array {
  const descriptors = entries.map(({ key, port, holds }) => {
    const transportId = encodeTransportId(port);
    const bytes = new Uint8Array(FULL_STATUS_HEAD + transportId.length);
    bytes.set(fromHex(key));
    bytes[12] = holds === undefined ? 0 : 0x01;
    bytes[13] = holds ?? 0;
    writeU16(bytes, 18, 1);
    writeU32(bytes, 20, transportId.length);
    bytes.set(transportId, FULL_STATUS_HEAD);
    return bytes;
  });
  return withHeader(generation, descriptors);
}

/** PRGENERATION, ADDITIONAL LENGTH; what follows. */
function withHeader(generation: number, parts: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(8);
  writeU32(header, 0, generation);
  writeU32(
    header,
    4,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  return new Uint8Array(Buffer.concat([header, ...parts]));
}
