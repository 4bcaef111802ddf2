import type { TargetConnection } from '../../../src/iscsi/target/connection.ts';
import { IscsiTarget } from '../../../src/iscsi/target/target.ts';
import type { TargetTask } from '../../../src/iscsi/target/task.ts';
import type { TargetConfiguration, TargetEvent, TargetHost } from '../../../src/iscsi/target/types.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { readPdus, slowPdu, textData, textOf, type SeenPdu, type SlowPdu } from '../slow-pdu.ts';

export const TARGET = 'iqn.2026-11.test:array';
export const INITIATOR = 'iqn.2026-11.test:host';
export const ISID = '80a1b2c3d4e5';
export const LUN = '0005';
export const NO_TAG = 0xffff_ffff;
export const FIRST_CMD_SN = 0xffff_fffe;

/** One target and what it asked of its host, to be driven PDU by PDU. */
export interface Bench {
  readonly target: IscsiTarget;
  readonly events: TargetEvent[];
  readonly calls: string[];
  /** What stands behind the target; a test may replace parts of it. */
  readonly host: { -readonly [Part in keyof TargetHost]: TargetHost[Part] };
  connect(): Wire;
}

export function createBench(changes: Partial<TargetConfiguration> = {}): Bench {
  const events: TargetEvent[] = [];
  const calls: string[] = [];
  const host: Bench['host'] = {
    nexusOpened: (nexus) => calls.push(`opened ${nexus}`),
    nexusLost: (nexus) => calls.push(`lost ${nexus}`),
    reset: (scope, lun) => void calls.push(`reset ${scope} ${Buffer.from(lun).toString('hex')}`),
    log: (event) => events.push(event),
  };
  const target = new IscsiTarget({
    configuration: { targetName: TARGET, portalGroupTag: 1, loginTimeoutMs: 15_000, keepaliveMs: 30_000, ...changes },
    random: createSeededRandom(3),
    host,
  });
  return { target, events, calls, host, connect: () => new Wire(target) };
}

/** A connection of a target of its own, in the full feature phase. */
export function loggedIn(keys: readonly string[] = []): Wire {
  const wire = createBench().connect();
  const { status } = wire.login(keys);
  if (status !== 0) throw new Error(`the login ended with status ${status}`);
  return wire;
}

export interface LoginAnswer {
  readonly pdu: SeenPdu;
  readonly status: number;
  readonly transit: boolean;
  readonly tsih: number;
  readonly text: string[];
}

/** An initiator written by hand, without any code of `src`. */
export class Wire {
  readonly connection: TargetConnection;
  readonly tasks: TargetTask[] = [];
  nowMs = 1000;
  cmdSn = FIRST_CMD_SN;
  digests: { header?: boolean; data?: boolean } = {};
  wakes = 0;

  constructor(target: IscsiTarget) {
    this.connection = target.accept({
      localAddress: '127.0.0.1:3260',
      remoteAddress: '127.0.0.1:50000',
      nowMs: this.nowMs,
      wake: () => void (this.wakes += 1),
      execute: (task) => void this.tasks.push(task),
    });
  }

  /** Feeds a PDU and reads what comes back. */
  send(pdu: SlowPdu): SeenPdu[] {
    const digests = { headerDigest: this.digests.header ?? false, dataDigest: this.digests.data ?? false };
    return this.feed(slowPdu({ ...digests, ...pdu }));
  }

  feed(bytes: Uint8Array): SeenPdu[] {
    this.connection.feed(bytes, this.nowMs);
    return this.output();
  }

  output(): SeenPdu[] {
    const seen = readPdus(Buffer.concat(this.connection.takeOutput()), this.digests);
    this.connection.outputSent();
    return seen;
  }

  /** `stages`: CSG, and NSG where the T bit is to be set. */
  loginStep(
    stages: readonly [number, number?],
    pairs: readonly string[],
    changes: SlowPdu['fields'] = [],
  ): LoginAnswer {
    const [current, next] = stages;
    const flags = (next === undefined ? 0 : 0x80 | next) | (current << 2);
    const [pdu] = this.send({
      fields: [
        [0, 1, 0x43],
        [1, 1, flags],
        [8, 6, ISID],
        [16, 4, 0x77],
        [20, 2, 1],
        [24, 4, FIRST_CMD_SN],
        [28, 4, 100],
        ...changes,
      ],
      data: textData(...pairs),
    });
    if (!pdu) throw new Error(`no answer to the login: ${this.connection.closing}`);
    return {
      pdu,
      status: pdu.at(36, 2),
      transit: (pdu.flags & 0x80) !== 0,
      tsih: pdu.at(14, 2),
      text: textOf(pdu.data),
    };
  }

  /** As libiscsi does it: one PDU straight to the full feature phase. */
  login(pairs: readonly string[] = [], changes: SlowPdu['fields'] = []): LoginAnswer {
    const names = [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`, 'SessionType=Normal'];
    return this.loginStep([1, 3], [...names, ...pairs], changes);
  }

  /** A SCSI Command; `flags` of byte 1: 0x80 F, 0x40 R, 0x20 W. Takes the next CmdSN unless one is given. */
  command(options: {
    tag: number;
    flags: number;
    length?: number;
    data?: Uint8Array;
    cmdSn?: number;
    immediate?: boolean;
    lun?: string;
  }): SeenPdu[] {
    return this.send(this.commandPdu(options));
  }

  commandPdu(options: Parameters<Wire['command']>[0]): SlowPdu {
    const cmdSn = options.cmdSn ?? this.cmdSn;
    if (options.cmdSn === undefined && !options.immediate) this.cmdSn = (this.cmdSn + 1) % 2 ** 32;
    return {
      fields: [
        [0, 1, options.immediate ? 0x41 : 0x01],
        [1, 1, options.flags],
        [8, 8, options.lun ?? LUN],
        [16, 4, options.tag],
        [20, 4, options.length ?? 0],
        [24, 4, cmdSn],
        [32, 16, '28'],
      ],
      ...(options.data ? { data: options.data } : {}),
    };
  }

  dataOut(options: {
    tag: number;
    transferTag: number;
    dataSn: number;
    offset: number;
    data: Uint8Array;
    final?: boolean;
  }): SeenPdu[] {
    return this.send({
      fields: [
        [0, 1, 5],
        [1, 1, options.final ? 0x80 : 0],
        [8, 8, LUN],
        [16, 4, options.tag],
        [20, 4, options.transferTag],
        [36, 4, options.dataSn],
        [40, 4, options.offset],
      ],
      data: options.data,
    });
  }

  manage(options: { tag: number; function: number; referenced?: number; refCmdSn?: number; lun?: string }): SeenPdu[] {
    return this.send({
      fields: [
        [0, 1, 0x42],
        [1, 1, 0x80 | options.function],
        [8, 8, options.lun ?? LUN],
        [16, 4, options.tag],
        [20, 4, options.referenced ?? 0xffff_ffff],
        [24, 4, this.cmdSn],
        [32, 4, options.refCmdSn ?? 0],
      ],
    });
  }

  complete(task: TargetTask, reply: Parameters<TargetConnection['complete']>[1]): SeenPdu[] {
    this.connection.complete(task, reply);
    return this.output();
  }
}

export const OPCODES = {
  nopIn: 0x20,
  response: 0x21,
  management: 0x22,
  text: 0x24,
  dataIn: 0x25,
  logout: 0x26,
  r2t: 0x31,
  async: 0x32,
  reject: 0x3f,
};

/** Status, residual flag and count, and sense (key, ASC, ASCQ) of a SCSI Response. */
export function outcomeOf(pdu: SeenPdu | undefined): { status: number; residual: string; sense: string } {
  if (pdu?.opcode !== OPCODES.response) throw new Error(`not a SCSI Response: opcode ${pdu?.opcode}`);
  const kind = pdu.flags & 0x04 ? 'O' : pdu.flags & 0x02 ? 'U' : '-';
  const sense = pdu.data.subarray(2);
  const parts = sense.length > 0 ? [sense[2]!, sense[12]!, sense[13]!] : [];
  return {
    status: pdu.at(3, 1),
    residual: `${kind}${pdu.at(44, 4)}`,
    sense: parts.map((part) => part.toString(16).padStart(2, '0')).join('/'),
  };
}

const isidOf = (last: number): string => `80000000${last.toString(16).padStart(4, '0')}`;

/** Logged in, as the initiator port of this number. */
export function join(bench: Bench, nexus = 0): Wire {
  const wire = bench.connect();
  const { status } = wire.login([], nexus === 0 ? [] : [[8, 6, isidOf(nexus)]]);
  if (status !== 0) throw new Error(`the login was refused: 0x${status.toString(16)}`);
  return wire;
}

export function nopOut(
  wire: Wire,
  options: { tag: number; immediate?: boolean; cmdSn?: number; data?: Uint8Array; transferTag?: number },
): SeenPdu[] {
  return wire.send({
    fields: [
      [0, 1, options.immediate ? 0x40 : 0x00],
      [1, 1, 0x80],
      [8, 8, LUN],
      [16, 4, options.tag],
      [20, 4, options.transferTag ?? NO_TAG],
      [24, 4, options.cmdSn ?? wire.cmdSn],
    ],
    ...(options.data ? { data: options.data } : {}),
  });
}

/** ExpCmdSN and MaxCmdSN as the target sees them now. */
export function windowOf(wire: Wire): [number, number] {
  const [nop] = nopOut(wire, { tag: 0x999, immediate: true });
  return [nop!.at(28, 4), nop!.at(32, 4)];
}

/** `steps` after the first CmdSN. */
export const sn = (steps: number): number => (FIRST_CMD_SN + steps) % 2 ** 32;
