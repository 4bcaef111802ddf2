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

  constructor(nameToIsid = isidOf) {
    this.#isidOf = nameToIsid;
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
    if ([...this.#entries.values()].some((entry) => leadsBack(entry.isid, nexus))) throw ring(serial);
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
}

/** What is in the ISID of a port by which commands are passed on. */
interface Place {
  /** 20 bits as hex: of the first array those of the host's hash, of each further array the hash of its predecessor's. */
  readonly chain: string;
  /** Of this array in the row: 1 to 15, then 1 again. */
  readonly number: number;
}

const NUMBERS = 15;

/**
 * T = 10b: chosen at random (RFC 7143 section 11.12.5). Then 20 bits of the chain, 16 bits of the hash of the nexus that the
 * commands come by, and four bits for the number in the row, which is 0 in the ISIDs of an array's own sessions.
 */
export function isidOf(nexus: string): Uint8Array {
  const hash = createHash('sha256').update(nexus).digest('hex');
  const before = placeBefore(nexus);
  const chain = before ? follow(before.chain, 1) : hash.slice(0, 5);
  const number = before ? (before.number % NUMBERS) + 1 : 1;
  return Buffer.from(`80${chain}${hash.slice(5, 9)}${number.toString(16)}`, 'hex');
}

/** Whether an array passes on a host's commands by this nexus: they are not the array's own. */
export function isPassedOn(nexus: string): boolean {
  return placeBefore(nexus) !== undefined;
}

/** Of the array that has passed on what comes by this nexus, or of a host that looks like one. */
function placeBefore(nexus: string): Place | undefined {
  const isid = /\.remote,i,0x(80[0-9a-f]{9}[1-9a-f])$/i.exec(nexus)?.[1];
  return isid === undefined ? undefined : placeIn(isid.toLowerCase());
}

function placeIn(isid: string): Place {
  return { chain: isid.slice(2, 7), number: Number.parseInt(isid.slice(11), 16) };
}

function follow(chain: string, steps: number): string {
  let found = chain;
  for (let step = 0; step < steps; step += 1) {
    found = createHash('sha256').update(`passed on ${found}`).digest('hex').slice(0, 5);
  }
  return found;
}

/**
 * Whether what comes by the nexus is what went out by the port, passed on by one or more other arrays: its chain is then what
 * becomes of the port's in as many steps as the numbers differ. A host that only looks like an array has one in a million.
 */
function leadsBack(port: Uint8Array, nexus: string): boolean {
  const here = placeBefore(nexus);
  if (!here) return false;
  const sent = placeIn(toHex(port));
  const steps = (here.number - sent.number + NUMBERS) % NUMBERS;
  return steps > 0 && follow(sent.chain, steps) === here.chain;
}

/** Without this a ring would grow until neither array had room for another session. */
function ring(serial: string): ScsiFault {
  const message = `a way through array ${serial} leads back through this one: the LUN maps pass commands on in a ring`;
  return checkCondition(SENSE_KEY.hardwareError, 0x44, 0x00, message);
}

/** INSUFFICIENT RESOURCES: nothing that a retry of the same host mends. */
function noRoom(serial: string): ScsiFault {
  const message = `no more hosts than ${PORTS_OF_AN_ARRAY} can use array ${serial} through this one, ${PORTS_IN_ALL} in all`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x55, 0x03, message);
}

/** One in 2^36; one in 2^16 for what came the same way through other arrays before. To share a port would be to share reservations. */
function samePort(nexus: string, serial: string): ScsiFault {
  const message = `${nexus} has the ISID of another host at array ${serial}: give it another ISID or name`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x55, 0x03, message);
}
