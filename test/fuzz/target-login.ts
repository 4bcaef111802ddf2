import type { Random } from '../../src/base/random.ts';
import { createBench, INITIATOR, ISID, TARGET, type Wire } from '../iscsi/target/wire.ts';
import { readPdus, slowPdu } from '../iscsi/slow-pdu.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';

/** Nobody who plays here knows it. */
const CHAP = {
  initiators: [{ name: 'host', secret: 'a secret of sixteen' }],
  target: { name: 'array', secret: 'another of sixteen' },
};

const KEYS = [
  'InitiatorName',
  'TargetName',
  'SessionType',
  'InitiatorAlias',
  'AuthMethod',
  'CHAP_A',
  'CHAP_I',
  'CHAP_C',
  'CHAP_N',
  'CHAP_R',
  'HeaderDigest',
  'DataDigest',
  'MaxRecvDataSegmentLength',
  'MaxBurstLength',
  'FirstBurstLength',
  'InitialR2T',
  'ErrorRecoveryLevel',
  'MaxConnections',
  'TaskReporting',
  'IFMarkInt',
  'X-com.example',
  'SendTargets',
  '__proto__',
  'constructor',
  'hasOwnProperty',
];

const VALUES = [
  '',
  'Yes',
  'No',
  'None',
  'CHAP',
  'CHAP,None',
  'None,CHAP',
  'CRC32C',
  'CRC32C,None',
  '5',
  '7',
  '7,8,6,5',
  '0',
  '-1',
  '1e3',
  '0x',
  '0xf',
  '0b',
  '0b=',
  '0bAAAA',
  '0x0',
  '4294967296',
  '99999999999999999999',
  'NotUnderstood',
  'Reject',
  'Irrelevant',
  'Discovery',
  'Normal',
  TARGET,
  INITIATOR,
  'host',
  'a=b',
  '\u001b[2J',
  'ü',
  ',',
  ',,,',
];

function anyPair(random: Random): string {
  const key = chance(random, 12) ? 'k'.repeat(pick(random, [1, 63, 64, 65, 255, 4000])) : pick(random, KEYS);
  const long = pick(random, [223, 224, 1025, 2050, 4096]);
  const value = chance(random, 10)
    ? pick(random, ['a', '0x' + 'f'.repeat(8), '0b']) + 'A'.repeat(long)
    : pick(random, VALUES);
  return chance(random, 40) ? key : `${key}=${value}`;
}

function anyText(random: Random): Uint8Array {
  const names = chance(random, 6) ? [] : [`InitiatorName=${INITIATOR}`, `TargetName=${TARGET}`];
  const more = Array.from({ length: random.below(3) }, () => anyPair(random));
  const text = Buffer.from([...names, ...more].map((pair) => `${pair}\0`).join(''));
  const whole = chance(random, 20) ? spoil(random, text) : text;
  return whole.subarray(0, 8192);
}

/** `at` is the stage that the login began in: most of what is played stays in it, so that it goes further than the first PDU. */
function loginPdu(random: Random, at: number): Uint8Array {
  const stage = chance(random, 12) ? random.below(4) : at;
  const next = chance(random, 12) ? random.below(4) : pick(random, stage === 0 ? [1, 3] : [3]);
  const flags = (chance(random, 2) ? 0 : 0x80) | (chance(random, 20) ? 0x40 : 0) | (stage << 2) | next;
  return slowPdu({
    fields: [
      [0, 1, chance(random, 40) ? random.below(64) : 0x43],
      [1, 1, flags],
      [2, 2, chance(random, 40) ? random.below(0x10000) : 0],
      [8, 6, ISID],
      [14, 2, chance(random, 10) ? random.below(4) : 0],
      [16, 4, chance(random, 40) ? random.below(4) : 0x77],
      [20, 2, chance(random, 40) ? random.below(3) : 1],
      [24, 4, oddNumber(random, 4)],
    ],
    data: anyText(random),
  });
}

function playLogin(random: Random, wire: Wire): number {
  const stage = random.below(2);
  let played = 0;
  for (; played < 6 && wire.connection.closing === 'no' && !wire.connection.current; played += 1) {
    wire.connection.feed(loginPdu(random, stage), wire.nowMs);
    const answers = readPdus(Buffer.concat(wire.connection.takeOutput()));
    ensure(answers.length > 0 || wire.connection.closing !== 'no', () => 'neither an answer nor an end');
    for (const answer of answers) {
      ensure(answer.opcode === 0x23, () => `opcode ${answer.opcode} in a login`);
      ensure(answer.data.length <= 8192, () => `an answer of ${answer.data.length} bytes before anything was agreed`);
      const refused = answer.at(36, 2) !== 0;
      ensure(!refused || wire.connection.closing !== 'no', () => 'it goes on after it refused');
    }
  }
  return played;
}

export const targetLogin: Fuzzer = {
  name: 'target-login',
  promise: 'a login of any text ends in an answer or a close, and nobody gets in who has not proved a secret',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      const guarded = chance(random, 2);
      const bench = createBench(guarded ? { chap: CHAP } : {});
      const wire = bench.connect();
      executions += playLogin(random, wire);
      ensure(!guarded || !wire.connection.current, () => 'it let an initiator in that knows no secret');
      wire.connection.lost();
      const opened = bench.calls.filter((call) => call.startsWith('opened')).length;
      ensure(bench.calls.filter((call) => call.startsWith('lost')).length === opened, () => 'a nexus stays behind');
    }
    return executions;
  },
};
