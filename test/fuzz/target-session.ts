import type { Random } from '../../src/base/random.ts';
import { readPdus, slowPdu } from '../iscsi/slow-pdu.ts';
import { createBench, type Wire } from '../iscsi/target/wire.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';
import { anyPdu } from './pdu-stream.ts';

const REQUESTS = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x1e, 0x1f];
/** Bytes of answers that one PDU of a few dozen bytes may cause. */
const ANSWER_LIMIT = 300_000;

/** Fields small enough to mean something now and then, offsets and lengths also at the edges of 32 bits. */
function request(random: Random, wire: Wire): Uint8Array {
  const small = (): number => random.below(6);
  const odd = (): number => (chance(random, 4) ? oddNumber(random, 4) : random.below(3) * 64);
  return slowPdu({
    fields: [
      [0, 1, pick(random, REQUESTS) | (chance(random, 3) ? 0x40 : 0)],
      [1, 1, random.below(256)],
      [8, 8, `000${small()}`],
      [16, 4, chance(random, 10) ? 0xffff_ffff : small()],
      [20, 4, chance(random, 3) ? oddNumber(random, 4) : random.below(4096)],
      [24, 4, (wire.connection.current!.window.expected + random.below(chance(random, 8) ? 300 : 4)) % 2 ** 32],
      [32, 4, small()],
      [36, 4, random.below(3)],
      [40, 4, odd()],
    ],
    ...(chance(random, 4) ? { additional: Buffer.from(random.bytes(4 * small())).toString('hex') } : {}),
    data: random.bytes(pick(random, [0, 64, random.below(100)])),
  });
}

function playSession(random: Random, wire: Wire): number {
  let played = 0;
  for (; played < 60 && wire.connection.current; played += 1) {
    const kind = random.below(12);
    const pdu = kind === 0 ? anyPdu(random) : request(random, wire);
    wire.connection.feed(kind === 1 ? spoil(random, pdu) : pdu, wire.nowMs);
    const answers = Buffer.concat(wire.connection.takeOutput());
    wire.connection.outputSent();
    ensure(answers.length < ANSWER_LIMIT, () => `${answers.length} bytes of answer to ${pdu.length}`);
    readPdus(answers);
    const task = chance(random, 3) ? wire.tasks.shift() : undefined;
    if (task) wire.complete(task, { status: 0, dataIn: new Uint8Array(random.below(2000)) });
  }
  return played;
}

export const targetSession: Fuzzer = {
  name: 'target-session',
  promise: 'a session takes any PDU of any opcode, ends every task, and loses every nexus that it opened',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 12; turn += 1) {
      const bench = createBench();
      const wire = bench.connect();
      wire.login(pick(random, [[], ['InitialR2T=No', 'FirstBurstLength=512', 'MaxBurstLength=512']]));
      executions += playSession(random, wire);
      wire.connection.lost();
      for (const task of wire.tasks) wire.complete(task, { status: 0 });
      ensure(
        wire.tasks.every((task) => task.state === 'ended'),
        () => 'a task did not end',
      );
      const opened = bench.calls.filter((call) => call.startsWith('opened')).length;
      ensure(bench.calls.filter((call) => call.startsWith('lost')).length === opened, () => 'a nexus stays behind');
    }
    return executions;
  },
};
