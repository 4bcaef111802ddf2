import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IscsiTarget } from '../../../src/iscsi/target/target.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { slowPdu } from '../slow-pdu.ts';
import { createBench, INITIATOR, join, TARGET, Wire } from './wire.ts';

interface LoginCase {
  readonly name: string;
  readonly because: string;
  readonly pairs?: readonly string[];
  readonly raw?: string;
  readonly hex?: string;
  readonly stage: readonly [number, number];
  /** Texts of the PDUs that follow. */
  readonly then?: readonly (readonly string[])[];
  readonly chap?: true;
  readonly tsih?: number;
  readonly ends: 'let in' | 'not let in' | 'refused';
}

const CASES = JSON.parse(
  readFileSync(new URL('../../../fixtures/hostile/logins.json', import.meta.url), 'utf8'),
) as LoginCase[];
const CHAP = { initiators: [{ name: 'host', secret: 'sixteen letters.' }] };

function written(text: string): string {
  return text
    .replaceAll('$TARGET', TARGET)
    .replaceAll(/\{(.+?)\*(\d+)\}/gs, (_whole, unit: string, count: string) => unit.repeat(Number(count)));
}

function dataOf({ pairs, raw, hex }: Pick<LoginCase, 'pairs' | 'raw' | 'hex'>): Uint8Array {
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  if (raw !== undefined) return Buffer.from(written(raw));
  return Buffer.from((pairs ?? []).map((pair) => `${written(pair)}\0`).join(''));
}

function loginPdu(stage: readonly [number, number], data: Uint8Array, tsih = 0): Uint8Array {
  const flags = 0x80 | (stage[0] << 2) | stage[1];
  return slowPdu({
    fields: [
      [0, 1, 0x43],
      [1, 1, flags],
      [8, 6, '80a1b2c3d4e5'],
      [14, 2, tsih],
      [16, 4, 0x77],
      [20, 2, 1],
      [24, 4, 1],
    ],
    data,
  });
}

function outcome(wire: Wire): string {
  if (wire.connection.current) return 'let in';
  return wire.connection.closing === 'no' ? 'not let in' : 'refused';
}

describe('a login that broke others', () => {
  it.each(CASES.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const wire = createBench(one.chap ? { chap: CHAP } : {}).connect();
    const answers = wire.feed(loginPdu(one.stage, dataOf(one), one.tsih));
    for (const pairs of one.then ?? []) answers.push(...wire.feed(loginPdu(one.stage, dataOf({ pairs }))));
    expect(outcome(wire), one.because).toBe(one.ends);
    for (const answer of answers) expect(answer.data.length).toBeLessThanOrEqual(8192);
    if (one.ends === 'refused') expect(answers.at(-1)!.at(36, 1)).toBe(2);
  });
});

describe('stages', () => {
  const pairs = Array.from({ length: 16 }, (_, index) => [index >> 2, index & 3] as const);

  it.each(pairs)('CSG %i, NSG %i: only 0 to 1, 0 to 3 and 1 to 3 are a way', (current, next) => {
    const wire = createBench().connect();
    const names = [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`];
    wire.feed(loginPdu([current, next], dataOf({ pairs: names })));
    const ways = { '0,1': 'not let in', '0,3': 'let in', '1,3': 'let in' } as Record<string, string>;
    expect(outcome(wire)).toBe(ways[`${current},${next}`] ?? 'refused');
  });

  it('T together with C is refused', () => {
    const wire = createBench().connect();
    const pdu = loginPdu([1, 3], dataOf({ pairs: [`InitiatorName=${INITIATOR}`] }));
    pdu[1]! |= 0x40;
    wire.feed(pdu);
    expect(outcome(wire)).toBe('refused');
  });
});

describe('before the login', () => {
  it.each([8193, 65_536, 2 ** 24 - 1])(
    'a data segment of %i bytes ends the connection, and no room is made',
    (length) => {
      const wire = createBench().connect();
      const header = loginPdu([1, 3], new Uint8Array(0)).slice(0, 48);
      header.set([(length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff], 5);
      const before = process.memoryUsage().arrayBuffers;
      wire.connection.feed(header, 0);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
      expect(wire.connection.closing).toBe('now');
    },
  );

  const states: Readonly<Record<string, (wire: Wire) => void>> = {
    'before anything': () => undefined,
    'in the security stage': (wire) => void wire.loginStep([0], [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`]),
    'in the operational stage': (wire) =>
      void wire.loginStep([1], [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`]),
  };
  const opcodes = Array.from({ length: 64 }, (_, opcode) => opcode).filter((opcode) => opcode !== 3);

  it.each(Object.keys(states))('every opcode but Login ends the connection: %s', (state) => {
    for (const opcode of opcodes) {
      const bench = createBench();
      const wire = bench.connect();
      states[state]!(wire);
      wire.feed(
        slowPdu({
          fields: [
            [0, 1, opcode],
            [1, 1, 0x80],
          ],
        }),
      );
      expect([opcode, wire.connection.closing]).toEqual([opcode, 'now']);
      wire.connection.lost();
      expect(bench.calls).toEqual([]);
    }
  });

  it.each([
    ['a name of 65,535 bytes', `InitiatorName=${'a'.repeat(65_535)}\0TargetName=${TARGET}\0`],
    ['10,000 keys', `InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0${'a=\0'.repeat(10_000)}`],
    [
      'one key 10,000 times',
      `InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0${'HeaderDigest=None\0'.repeat(10_000)}`,
    ],
    ['a text without end', 'a=\0'.repeat(1_000_000)],
  ])('%s, over as many PDUs as it takes, is refused after 64 KiB at the most', (_name, text) => {
    const wire = createBench().connect();
    const bytes = Buffer.from(text);
    let fed = 0;
    while (fed < bytes.length && outcome(wire) === 'not let in') {
      const segment = bytes.subarray(fed, fed + 8192);
      fed += segment.length;
      const pdu = loginPdu([1, 3], segment);
      if (fed < bytes.length) pdu[1] = 0x44;
      for (const answer of wire.feed(pdu)) expect(answer.data.length).toBeLessThanOrEqual(8192);
    }
    expect(outcome(wire)).toBe('refused');
    expect(fed).toBeLessThanOrEqual(64 * 1024 + 8192);
  });

  it('challenges of two runs differ', () => {
    const challenge = (): string => {
      const parts = { random: createRealRandom(), host: createBench().host };
      const configuration = { targetName: TARGET, portalGroupTag: 1, loginTimeoutMs: 1, keepaliveMs: 1, chap: CHAP };
      const wire = new Wire(new IscsiTarget({ ...parts, configuration }));
      wire.loginStep([0], [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`, 'AuthMethod=CHAP']);
      return wire.loginStep([0], ['CHAP_A=7']).text.find((pair) => pair.startsWith('CHAP_C='))!;
    };
    expect(challenge()).not.toBe(challenge());
  });

  it('challenges of two logins differ, and all have one length', () => {
    const challenge = (wire: Wire): string => {
      wire.loginStep([0], [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`, 'AuthMethod=CHAP']);
      return wire.loginStep([0], ['CHAP_A=7']).text.find((pair) => pair.startsWith('CHAP_C='))!;
    };
    const bench = createBench({ chap: CHAP });
    const [one, other] = [challenge(bench.connect()), challenge(bench.connect())];
    expect(one).toMatch(/^CHAP_C=0x[0-9a-f]{64}$/);
    expect(other).not.toBe(one);
  });
});

describe('in the full feature phase and after it', () => {
  it('every opcode is answered or ignored, and the session ends in order', () => {
    for (let opcode = 0; opcode < 64; opcode += 1) {
      const bench = createBench();
      const wire = join(bench);
      wire.feed(
        slowPdu({
          fields: [
            [0, 1, opcode | 0x40],
            [1, 1, 0x80],
            [16, 4, 5],
            [20, 4, 0xffff_ffff],
          ],
        }),
      );
      wire.connection.lost();
      for (const task of wire.tasks) wire.complete(task, { status: 0 });
      expect(bench.calls.map((call) => call.split(' ')[0]).filter((call) => call !== 'reset')).toEqual([
        'opened',
        'lost',
      ]);
    }
  });

  it('nothing is answered after a logout', () => {
    for (let opcode = 0; opcode < 64; opcode += 1) {
      const wire = join(createBench());
      wire.feed(
        slowPdu({
          fields: [
            [0, 1, 0x46],
            [1, 1, 0x80],
            [16, 4, 5],
          ],
        }),
      );
      expect(wire.connection.closing).toBe('after-output');
      expect(
        wire.feed(
          slowPdu({
            fields: [
              [0, 1, opcode],
              [16, 4, 6],
            ],
          }),
        ),
      ).toEqual([]);
    }
  });

  it.each([
    ['offset beyond 32 bits', 0xffff_fe00, 512],
    ['offset beyond the transfer', 4096, 512],
    ['offset before what came', 0, 512],
  ])(
    'Data-Out with an %s ends in CHECK CONDITION, and nothing is written outside the buffer',
    (_name, offset, length) => {
      const wire = join(createBench());
      const [r2t] = wire.command({ tag: 1, flags: 0xa0, length: 2048, data: new Uint8Array(512).fill(1) });
      expect(r2t!.opcode).toBe(0x31);
      const transferTag = r2t!.at(20, 4);
      const [answer] = wire.dataOut({
        tag: 1,
        transferTag,
        dataSn: 0,
        offset,
        data: new Uint8Array(length),
        final: true,
      });
      expect([answer!.opcode, answer!.at(3, 1)]).toEqual([0x21, 2]);
      expect(wire.tasks).toEqual([]);
    },
  );
});
