import type { AccessDescription } from '../../src/array/access/description.ts';
import { createArray, type EmulatedArray } from '../../src/array/array.ts';
import type { ArrayDescription, VolumeDescription } from '../../src/array/description.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Storage } from '../../src/base/storage.ts';
import type { CommandAnswer } from '../../src/iscsi/initiator.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { createIscsiSession, type IscsiSession } from '../../src/lun/iscsi-session.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { SCSI_STATUS } from '../../src/scsi/fault.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { decodeSense } from '../../src/scsi/sense.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';

/** Two arrays behind real sockets, the near one with virtual volumes for LUNs of the far one, and hosts at both. */

export const common = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };

type Description = Pick<ArrayDescription, 'volumes' | 'remotes' | 'lunMap'>;

/** An array that can be stopped and served again on the port that it had. */
export class Served {
  readonly serial: string;
  readonly targetName: string;
  array!: EmulatedArray;
  /** Who may see what; everybody everything where it is absent. */
  access: AccessDescription | undefined;
  portal!: Portal;
  private opener!: PathOpener;
  private readonly storage: Storage = createMemoryStorage();
  private readonly description: Description;
  readonly log: string[] = [];
  private port = 0;

  constructor(name: string, description: Description) {
    this.serial = name.toUpperCase();
    this.targetName = `iqn.2026-11.io.cdctl:${name}`;
    this.description = description;
  }

  get url(): string {
    return `iscsi://127.0.0.1:${this.port}/${this.targetName}`;
  }

  async start(): Promise<this> {
    const { serial, targetName, storage } = this;
    this.opener = createLunOpener({ ...common, initiatorName: `${targetName}.remote`, reconnectPausesMs: [20, 50] });
    this.array = await createArray({
      ...common,
      version: '0.0',
      storage,
      opener: this.opener,
      access: () => this.access,
      log: (text) => this.log.push(text),
      description: {
        format: 1,
        serial,
        name: serial.toLowerCase(),
        targetName,
        listen: { host: '127.0.0.1', port: 0 },
        commandDevices: [],
        ...this.description,
      },
    });
    const { deviceServer } = this.array;
    const where = { host: '127.0.0.1', port: this.port, targetName };
    this.portal = await createPortal({ ...common, ...where, deviceServer });
    this.port = this.portal.port;
    return this;
  }

  async stop(): Promise<void> {
    await this.portal.close();
    await this.array.stop();
    await this.opener.close();
  }
}

export function volume(lun: number, options: Partial<VolumeDescription> = {}): VolumeDescription {
  return { lun, name: `volume-${lun}`, kind: 'volume', blockSize: 512, blockCount: 2048, ...options };
}

/** What a host was answered: "good", "6/29/00", "conflict", "status 8". */
export function verdictOf({ status, sense }: Pick<CommandAnswer, 'status' | 'sense'>): string {
  if (status === SCSI_STATUS.good) return 'good';
  if (status === SCSI_STATUS.reservationConflict) return 'conflict';
  const decoded = sense && decodeSense(sense);
  if (!decoded?.ok) return `status ${status.toString(16)}`;
  const { key, asc, ascq } = decoded.value;
  return [key.toString(16), ...[asc, ascq].map((byte) => byte.toString(16).padStart(2, '0'))].join('/');
}

export interface Answer {
  readonly verdict: string;
  /** Hex. */
  readonly sense: string;
  readonly dataIn: Uint8Array;
  /** "none 0", "underflow 512". */
  readonly residual: string;
}

/** An initiator port with a session at one array; commands go out as they are, and nothing is retried. */
export class Host {
  readonly name: string;
  readonly isid: Uint8Array;
  readonly session: IscsiSession;

  constructor(at: Pick<Served, 'url' | 'targetName'>, name: string, port = 1) {
    this.name = `iqn.2026-11.example:${name}`;
    this.isid = Uint8Array.of(0x80, 0, 0, 0, 0, port);
    const [, host = '', number = ''] = /^iscsi:\/\/([^:]+):(\d+)/.exec(at.url) ?? [];
    const portal = { host, port: Number(number) };
    const identity = { initiatorName: this.name, isid: this.isid };
    this.session = createIscsiSession({ ...common, portal, target: at.targetName, ...identity });
  }

  get nexus(): string {
    return `${this.name},i,0x${toHex(this.isid)}`;
  }

  /** `cdb` in hex; `room` for what comes back. */
  async send(lun: number, cdb: string, { data, room = 0 }: { data?: Uint8Array; room?: number } = {}): Promise<Answer> {
    const dataIn = new Uint8Array(room);
    const answer = await this.session.execute({
      lun: encodeLunField(lun),
      cdb: fromHex(cdb.replaceAll(' ', '')),
      deadlineMs: common.clock.monotonicMs() + 10_000,
      repeatable: false,
      ...(data && { dataOut: data }),
      ...(room > 0 && { dataIn }),
    });
    return {
      verdict: verdictOf(answer),
      sense: answer.sense ? toHex(answer.sense) : '',
      dataIn: dataIn.subarray(0, answer.receivedLength),
      residual: `${answer.residual.kind} ${answer.residual.count}`,
    };
  }

  async verdict(lun: number, cdb: string, data?: Uint8Array): Promise<string> {
    return (await this.send(lun, cdb, data ? { data } : {})).verdict;
  }

  /** Takes the unit attentions of a new session. */
  async ready(...luns: number[]): Promise<this> {
    for (const lun of luns) while ((await this.verdict(lun, TEST_UNIT_READY)).startsWith('6/')) continue;
    return this;
  }

  async reset(lun: number): Promise<number> {
    const deadlineMs = common.clock.monotonicMs() + 10_000;
    return this.session.resetUnit(encodeLunField(lun), deadlineMs, this.session.connectionNumber());
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

export const TEST_UNIT_READY = '00 00 00 00 00 00';
export const RESERVE = '16 00 00 00 00 00';
export const RELEASE = '17 00 00 00 00 00';
/** One block, at block 0. */
export const WRITE = '2a 00 00000000 00 0001 00';
export const READ = '28 00 00000000 00 0001 00';
export const block = (fill: number, count = 1): Uint8Array => new Uint8Array(512 * count).fill(fill);

const ACTION = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAnyway: 6,
} as const;

/** PERSISTENT RESERVE OUT; keys are single bytes. */
export function persistentOut(
  host: Host,
  lun: number,
  action: keyof typeof ACTION,
  { key = 0, newKey = 0, type = 5 }: { key?: number; newKey?: number; type?: number } = {},
): Promise<string> {
  const cdb = Uint8Array.of(0x5f, ACTION[action], type, 0, 0, 0, 0, 0, 24, 0);
  const data = new Uint8Array(24);
  data[7] = key;
  data[15] = newKey;
  return host.verdict(lun, toHex(cdb), data);
}

/** PERSISTENT RESERVE IN, READ FULL STATUS: the initiator ports that are registered. */
export async function registeredPorts(host: Host, lun: number): Promise<string[]> {
  const { dataIn } = await host.send(lun, '5e 03 00 00 00 00 00 1000 00', { room: 4096 });
  const text = Buffer.from(dataIn).toString('latin1');
  return [...text.matchAll(/iqn[!-~]+,i,0x[0-9a-f]{12}/g)].map(([port]) => port);
}
