import { readU16, readU32, toHex, writeU16 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { OPCODE } from './opcode.ts';
import { decodeTransportId } from './persistent-reservation.ts';
import { readAscii } from './inquiry.ts';

/** PERSISTENT RESERVE IN as an initiator uses it (SPC-4 6.15). Keys are 16 hex digits. */
export function persistentInCdb(serviceAction: number, allocationLength: number): Uint8Array {
  const cdb = new Uint8Array(10);
  cdb.set([OPCODE.persistentReserveIn, serviceAction]);
  writeU16(cdb, 7, allocationLength);
  return cdb;
}

interface Framed {
  readonly generation: number;
  readonly body: Uint8Array;
  /** Bytes that the whole answer has; more than were received where the allocation length was too small. */
  readonly wholeLength: number;
}

function framed(what: string, bytes: Uint8Array): Decoded<Framed> {
  if (bytes.length < 8) return violated(what, `${bytes.length} bytes`, 'at least 8 bytes');
  const wholeLength = 8 + readU32(bytes, 4);
  return decoded({ generation: readU32(bytes, 0), body: bytes.subarray(8, wholeLength), wholeLength });
}

export interface ReadKeys {
  /** PRGENERATION: counts the changes of registrations. */
  readonly generation: number;
  readonly keys: readonly string[];
  readonly wholeLength: number;
}

export function decodeReadKeys(bytes: Uint8Array): Decoded<ReadKeys> {
  const frame = framed('READ KEYS', bytes);
  if (!frame.ok) return frame;
  const { body, generation, wholeLength } = frame.value;
  const keys: string[] = [];
  for (let at = 0; at + 8 <= body.length; at += 8) keys.push(toHex(body.subarray(at, at + 8)));
  return decoded({ generation, keys, wholeLength });
}

export interface ReadReservation {
  readonly generation: number;
  /** Absent: nobody holds a reservation. The key is zero where all registrants hold it. */
  readonly held: { readonly key: string; readonly type: number } | undefined;
}

export function decodeReadReservation(bytes: Uint8Array): Decoded<ReadReservation> {
  const frame = framed('READ RESERVATION', bytes);
  if (!frame.ok) return frame;
  const { body, generation, wholeLength } = frame.value;
  if (wholeLength === 8) return decoded({ generation, held: undefined });
  if (body.length < 16) return violated('READ RESERVATION', `${body.length} bytes`, '16 bytes of a descriptor');
  return decoded({ generation, held: { key: toHex(body.subarray(0, 8)), type: body[13]! & 0x0f } });
}

export interface ReservationCapabilities {
  /** PTPL_C, PTPL_A: registrations can be, are kept through a power loss. */
  readonly throughPowerLossCapable: boolean;
  readonly throughPowerLossActive: boolean;
  /** CRH: RESERVE and RELEASE of SPC-2 by a registrant are taken as registrant's own. */
  readonly compatibleReserve: boolean;
  readonly specifyInitiatorPorts: boolean;
  readonly allTargetPorts: boolean;
  /** Types by number; absent where the device does not say. */
  readonly types?: readonly number[];
}

export function decodeReservationCapabilities(bytes: Uint8Array): Decoded<ReservationCapabilities> {
  if (bytes.length < 6) return violated('REPORT CAPABILITIES', `${bytes.length} bytes`, 'at least 6 bytes');
  const [options, more, mask] = [bytes[2]!, bytes[3]!, bytes[4]! | (bytes[5]! << 8)];
  const types = [1, 3, 5, 6, 7, 8].filter((type) => (mask & (1 << type)) !== 0);
  return decoded({
    throughPowerLossCapable: (options & 0x01) !== 0,
    throughPowerLossActive: (more & 0x01) !== 0,
    compatibleReserve: (options & 0x10) !== 0,
    specifyInitiatorPorts: (options & 0x08) !== 0,
    allTargetPorts: (options & 0x04) !== 0,
    ...((more & 0x80) !== 0 && { types }),
  });
}

export interface Registration {
  readonly key: string;
  /** The registered initiator port: `iqn...,i,0x<isid>`, or its bytes where it is of another transport. */
  readonly port: string;
  /** Type of the reservation that it holds, alone or with others. */
  readonly holds: number | undefined;
  readonly allTargetPorts: boolean;
  readonly relativeTargetPort: number;
}

export interface FullStatus {
  readonly generation: number;
  readonly registrations: readonly Registration[];
  readonly wholeLength: number;
}

const DESCRIPTOR_HEAD = 24;

/** A descriptor that the bytes cut off does not count; `wholeLength` tells. */
export function decodeFullStatus(bytes: Uint8Array): Decoded<FullStatus> {
  const frame = framed('READ FULL STATUS', bytes);
  if (!frame.ok) return frame;
  const { body, generation, wholeLength } = frame.value;
  const registrations: Registration[] = [];
  for (let at = 0; at + DESCRIPTOR_HEAD <= body.length; at += DESCRIPTOR_HEAD + readU32(body, at + 20)) {
    const transportId = body.subarray(at + DESCRIPTOR_HEAD, at + DESCRIPTOR_HEAD + readU32(body, at + 20));
    if (transportId.length < readU32(body, at + 20)) break;
    const flags = body[at + 12]!;
    registrations.push({
      key: toHex(body.subarray(at, at + 8)),
      port: portName(transportId),
      holds: (flags & 0x01) === 0 ? undefined : body[at + 13]! & 0x0f,
      allTargetPorts: (flags & 0x02) !== 0,
      relativeTargetPort: readU16(body, at + 18),
    });
  }
  return decoded({ generation, registrations, wholeLength });
}

/** An iSCSI name without ISID (format 00b) is a name too, if not a port's. */
function portName(transportId: Uint8Array): string {
  const port = decodeTransportId(transportId);
  if (port.ok) return port.value;
  const iscsi = (transportId[0]! & 0x0f) === 0x05 && transportId.length > 4;
  return iscsi ? readAscii(transportId, 4, transportId.length - 4) : toHex(transportId);
}
