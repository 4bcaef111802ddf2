import { createHash } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import { checkCondition, type ScsiFault } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';

/**
 * The initiator ports with which this array comes to far arrays in the name of hosts: one for each host nexus and far array, so that
 * reservations, registrations and unit attentions there are the host's own.
 */
export interface HostPort {
  /** The same for the same host for ever: a persistent registration is found again after a reconnect and a restart. */
  readonly isid: Uint8Array;
  /** Where its session is: another one with the same ISID, through another portal, would end it. */
  portal: string | undefined;
  /** No LUN uses it any more. */
  release(): void;
}

/** Well below the 128 connections that an array of this kind takes. */
const PORTS_OF_AN_ARRAY = 64;
const PORTS_IN_ALL = 256;

/** More than anybody has a use for: a ring of three or more arrays ends here. */
const ARRAYS_IN_A_ROW = 4;

interface Entry {
  readonly nexus: string;
  readonly serial: string;
  readonly isid: Uint8Array;
  portal: string | undefined;
  users: number;
  ending: boolean;
  readonly gone: Promise<void>;
  readonly leave: () => void;
}

export class HostPorts {
  readonly #entries = new Map<string, Entry>();
  readonly #isidOf: (nexus: string) => Uint8Array;
  readonly #ownName: string | undefined;

  /** `ownName`: the initiator name with which this array comes to others, so that it is known again where a way leads back here. */
  constructor(nameToIsid = isidOf, ownName?: string) {
    this.#isidOf = nameToIsid;
    this.#ownName = ownName;
  }

  /** Waits until the last life of the host's nexus has ended there. Rejects with `ScsiFault` where there is no room. */
  async take(nexus: string, serial: string): Promise<HostPort> {
    const key = JSON.stringify([nexus, serial]);
    for (let entry = this.#entries.get(key); entry?.ending; entry = this.#entries.get(key)) await entry.gone;
    const entry = this.#entries.get(key) ?? this.#add(key, nexus, serial);
    entry.users += 1;
    let released = false;
    return {
      isid: entry.isid,
      get portal() {
        return entry.portal;
      },
      set portal(portal) {
        entry.portal = portal;
      },
      release: () => {
        if (released) return;
        released = true;
        entry.users -= 1;
        if (entry.users > 0) return;
        this.#entries.delete(key);
        entry.leave();
      },
    };
  }

  /** The host's nexus is lost: whoever uses its ports gives them up, and a new nexus of the same name waits until then. */
  end(nexus: string): void {
    for (const entry of this.#entries.values()) if (entry.nexus === nexus) entry.ending = true;
  }

  #add(key: string, nexus: string, serial: string): Entry {
    const isid = this.#isidOf(nexus);
    if ([...this.#entries.values()].some((entry) => this.#leadsBack(entry, nexus))) throw ring(serial);
    if (arraysBefore(nexus) >= ARRAYS_IN_A_ROW) throw tooLong(serial);
    const there = [...this.#entries.values()].filter((entry) => entry.serial === serial);
    if (there.length >= PORTS_OF_AN_ARRAY || this.#entries.size >= PORTS_IN_ALL) throw noRoom(serial);
    if (there.some((entry) => Buffer.compare(entry.isid, isid) === 0)) throw samePort(nexus, serial);
    let leave = (): void => undefined;
    const gone = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const entry = { nexus, serial, isid, portal: undefined, users: 0, ending: false, gone, leave };
    this.#entries.set(key, entry);
    return entry;
  }

  /** The far array has passed on what this one passed on to it: the nexus is the port that it has for ours. */
  #leadsBack({ isid }: Entry, nexus: string): boolean {
    if (this.#ownName === undefined) return false;
    const ours = `${this.#ownName},i,0x${toHex(isid)}`;
    return nexus.endsWith(`,i,0x${toHex(this.#isidOf(ours))}`);
  }
}

/**
 * T = 10b: chosen at random (RFC 7143 section 11.12.5); 36 bits of the hash of the host's name, and in the last four bits the number of
 * arrays that pass the host's commands on, this one included.
 */
const RANDOM_ISID = 0x80;

export function isidOf(nexus: string): Uint8Array {
  const hash = createHash('sha256').update(nexus).digest();
  const isid = Uint8Array.of(RANDOM_ISID, ...hash.subarray(0, 5));
  isid[5] = (isid[5]! & 0xf0) | Math.min(0x0f, arraysBefore(nexus) + 1);
  return isid;
}

/** How many arrays have passed on what comes by this nexus: their ports count; in an array's own sessions these bits are zeros. */
function arraysBefore(nexus: string): number {
  const count = /\.remote,i,0x80[0-9a-f]{9}([0-9a-f])$/i.exec(nexus)?.[1];
  return count === undefined ? 0 : Number.parseInt(count, 16);
}

/** Without this a ring would grow until neither array had room for another session. */
function ring(serial: string): ScsiFault {
  const message = `a way through array ${serial} leads back through this one: the LUN maps pass commands to and fro`;
  return checkCondition(SENSE_KEY.hardwareError, 0x44, 0x00, message);
}

/** A ring of three or more, which no array of it can tell from a row. */
function tooLong(serial: string): ScsiFault {
  const message =
    `not passed on to array ${serial}: ${ARRAYS_IN_A_ROW} arrays have passed it on already, so that the LUN maps seem to lead ` +
    'in a ring';
  return checkCondition(SENSE_KEY.hardwareError, 0x44, 0x00, message);
}

/** INSUFFICIENT RESOURCES: nothing that a retry of the same host mends. */
function noRoom(serial: string): ScsiFault {
  const message = `no more hosts than ${PORTS_OF_AN_ARRAY} can use array ${serial} through this one, ${PORTS_IN_ALL} in all`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x55, 0x03, message);
}

/** One in 2^36. To share a port would be to share reservations. */
function samePort(nexus: string, serial: string): ScsiFault {
  const message = `${nexus} has the ISID of another host at array ${serial}: give it another ISID or name`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x55, 0x03, message);
}
