import { createInitiator, type Initiator, type InitiatorOptions } from '../../src/iscsi/initiator-session.ts';
import type { CommandOutcome, CommandRequest, SendTargetsOutcome, SessionEnd } from '../../src/iscsi/initiator.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { readPdus, slowPdu, textData, type SeenPdu, type SlowPdu } from './slow-pdu.ts';

export const TARGET = 'iqn.2026-11.test:array';
export const INITIATOR = 'iqn.2026-11.test:host';
export const ISID = '80a1b2c3d4e5';
export const FIRST_CMD_SN = 0xffff_fffe;
export const LUN = '0005000000000000';
export const NO_TAG = 0xffff_ffff;

/** Opcodes of RFC 7143 section 11.2.1.2, by hand. */
export const OP = {
  nopOut: 0x00,
  command: 0x01,
  management: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  nopIn: 0x20,
  response: 0x21,
  managementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  r2t: 0x31,
  async: 0x32,
  reject: 0x3f,
} as const;

type Fields = SlowPdu['fields'];

/** A target written by hand, without any code of `src`, and the engine that it is played to. */
export class Script {
  readonly engine: Initiator;
  readonly ends: SessionEnd[] = [];
  readonly outcomes: CommandOutcome[] = [];
  readonly texts: SendTargetsOutcome[] = [];
  readonly scsiEvents: string[] = [];
  loggedIn = 0;
  nowMs = 1000;
  statSn = 500;
  expCmdSn = FIRST_CMD_SN;
  /** How many commands more than answered the target takes. */
  window = 32;
  digests: { header?: boolean; data?: boolean } = {};

  constructor(changes: Partial<InitiatorOptions> = {}, type: 'normal' | 'discovery' = 'normal') {
    this.engine = createInitiator(
      {
        isid: Buffer.from(ISID, 'hex'),
        initiatorName: INITIATOR,
        ...(type === 'normal' && { target: TARGET }),
        requireDigests: { header: false, data: false },
        random: createSeededRandom(5),
        firstCmdSn: FIRST_CMD_SN,
        ...changes,
      },
      {
        loggedIn: () => void (this.loggedIn += 1),
        ended: (end) => void this.ends.push(end),
        scsiEvent: (lun, sense) => void this.scsiEvents.push(`${hexOf(lun)} ${sense ? hexOf(sense) : 'no sense'}`),
      },
    );
    this.engine.start(this.nowMs);
  }

  /** What the engine has sent since the last time. */
  sent(): SeenPdu[] {
    return readPdus(Buffer.concat(this.engine.takeBatch()), this.digests);
  }

  /** Plays PDUs to the engine in one piece and returns what it sends. */
  play(...pdus: SlowPdu[]): SeenPdu[] {
    return this.feed(Buffer.concat(pdus.map((pdu) => this.bytesOf(pdu))));
  }

  feed(bytes: Uint8Array): SeenPdu[] {
    this.engine.receive(bytes, this.nowMs);
    return this.sent();
  }

  bytesOf(pdu: SlowPdu): Uint8Array {
    const { header = false, data = false } = this.digests;
    return slowPdu({ headerDigest: header, dataDigest: data, ...pdu });
  }

  /** StatSN, ExpCmdSN and MaxCmdSN at their usual places. `counts`: the PDU uses up a StatSN. */
  private counters(counts = true): Fields {
    const statSn = this.statSn;
    if (counts) this.statSn += 1;
    const maximum = (this.expCmdSn + this.window - 1) % 2 ** 32;
    return [
      [24, 4, statSn],
      [28, 4, this.expCmdSn],
      [32, 4, maximum],
    ];
  }

  /** `stages`: CSG, and NSG where the T bit is set. */
  loginPdu(stages: readonly [number, number?], pairs: readonly string[], changes: Fields = []): SlowPdu {
    const [current, next] = stages;
    const flags = (next === undefined ? 0 : 0x80 | next) | (current << 2);
    const tsih: Fields = next === 3 ? [[14, 2, 7]] : [];
    return {
      fields: [
        [0, 1, OP.loginResponse],
        [1, 1, flags],
        [8, 6, ISID],
        ...tsih,
        [16, 4, 0],
        ...this.counters(),
        ...changes,
      ],
      data: textData(...pairs),
    };
  }

  /** Straight to the full feature phase, with these answers. */
  logIn(...answers: string[]): this {
    this.sent();
    this.play(this.loginPdu([1, 3], ['TargetPortalGroupTag=1', ...answers]));
    if (this.loggedIn !== 1) throw new Error(`not logged in: ${this.ends[0]?.message}`);
    return this;
  }

  /** Gives the engine a command and returns what it sends. */
  submit(changes: Partial<CommandRequest> = {}): SeenPdu[] {
    this.engine.submit(
      {
        lun: Buffer.from(LUN, 'hex'),
        cdb: Buffer.from('28000000000100000100', 'hex'),
        deadlineMs: this.nowMs + 10_000,
        done: (outcome) => void this.outcomes.push(outcome),
        ...changes,
      },
      this.nowMs,
    );
    return this.sent();
  }

  tick(advanceMs: number): SeenPdu[] {
    this.nowMs += advanceMs;
    this.engine.tick(this.nowMs);
    return this.sent();
  }

  response(tag: number, changes: Fields = [], data?: Uint8Array): SlowPdu {
    this.expCmdSn = (this.expCmdSn + 1) % 2 ** 32;
    const fields: Fields = [[0, 1, OP.response], [1, 1, 0x80], [16, 4, tag], ...this.counters(), ...changes];
    return { fields, ...(data && { data }) };
  }

  checkCondition(tag: number, sense: string): SlowPdu {
    const bytes = Buffer.from(sense, 'hex');
    return this.response(tag, [[3, 1, 2]], Buffer.concat([Buffer.from([0, bytes.length]), bytes]));
  }

  dataIn(
    tag: number,
    part: { dataSn: number; offset: number; data: Uint8Array; flags?: number },
    changes: Fields = [],
  ): SlowPdu {
    const withStatus = ((part.flags ?? 0) & 1) === 1;
    if (withStatus) this.expCmdSn = (this.expCmdSn + 1) % 2 ** 32;
    return {
      fields: [
        [0, 1, OP.dataIn],
        [1, 1, part.flags ?? 0],
        [16, 4, tag],
        [20, 4, NO_TAG],
        ...this.counters(withStatus),
        [36, 4, part.dataSn],
        [40, 4, part.offset],
        ...changes,
      ],
      data: part.data,
    };
  }

  r2t(tag: number, part: { transferTag: number; sn: number; offset: number; length: number }): SlowPdu {
    const values: Fields = [
      [36, 4, part.sn],
      [40, 4, part.offset],
      [44, 4, part.length],
    ];
    const fields: Fields = [
      [0, 1, OP.r2t],
      [1, 1, 0x80],
      [8, 8, LUN],
      [16, 4, tag],
      [20, 4, part.transferTag],
    ];
    return { fields: [...fields, ...this.counters(false), ...values] };
  }

  /** Any other PDU: opcode, tag, further fields, data. */
  other(opcode: number, tag: number, changes: Fields = [], data?: Uint8Array, counts = true): SlowPdu {
    const fields: Fields = [[0, 1, opcode], [1, 1, 0x80], [16, 4, tag], ...this.counters(counts), ...changes];
    return { fields, ...(data && { data }) };
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}
