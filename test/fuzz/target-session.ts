import type { Random } from '../../src/base/random.ts';
import { readPdus, slowPdu } from '../iscsi/slow-pdu.ts';
import { createBench, LUN, type Wire } from '../iscsi/target/wire.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';
import { anyPdu } from './pdu-stream.ts';

const REQUESTS = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x1e, 0x1f];
/** Bytes of answers that one PDU of a few dozen bytes may cause. */
const ANSWER_LIMIT = 300_000;

/** README of src/iscsi: tasks of a session, and those of them that are not immediate and have been delivered. */
const MOST_TASKS = 256;
const MOST_UNDER_WAY = 128;

/** What the window was before a PDU: commands outside it do nothing. */
function outsideWindow(wire: Wire, pdu: Uint8Array): boolean {
  const header = Buffer.from(pdu.buffer, pdu.byteOffset, pdu.length);
  if (pdu.length < 48 || (header[0]! & 0x7f) !== 0x01) return false;
  const { window } = wire.connection.current!;
  const steps = (header.readUInt32BE(24) - window.expected) >>> 0;
  const room = (window.maxCmdSn - window.expected + 1) >>> 0;
  return steps >= room;
}

function checkTasks(wire: Wire): void {
  const session = wire.connection.current;
  if (!session) return;
  const tasks = [...session.tasks.values()];
  ensure(tasks.length <= MOST_TASKS, () => `${tasks.length} tasks`);
  const underWay = tasks.filter(({ immediate, delivered }) => delivered && !immediate);
  ensure(underWay.length <= MOST_UNDER_WAY, () => `${underWay.length} commands under way`);
  for (const { received, expectedDataOut } of tasks) {
    ensure(received <= expectedDataOut, () => `${received} bytes of ${expectedDataOut}`);
  }
}

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
    const before = kind > 1 && outsideWindow(wire, pdu) ? wire.connection.current.tasks.size : Infinity;
    wire.connection.feed(kind === 1 ? spoil(random, pdu) : pdu, wire.nowMs);
    ensure((wire.connection.current?.tasks.size ?? 0) <= before, () => 'a command outside the window was taken');
    checkTasks(wire);
    const answers = Buffer.concat(wire.connection.takeOutput());
    wire.connection.outputSent();
    ensure(answers.length < ANSWER_LIMIT, () => `${answers.length} bytes of answer to ${pdu.length}`);
    readPdus(answers);
    const task = chance(random, 3) ? wire.tasks.shift() : undefined;
    if (task) wire.complete(task, { status: 0, dataIn: new Uint8Array(random.below(2000)) });
  }
  return played;
}

/** One kind of request over and over, each with a tag of its own, as many as a session may have and more; none is answered. */
function playCrowd(random: Random): number {
  const wire = createBench().connect();
  wire.login();
  const immediate = chance(random, 2);
  const opcode = pick(random, [0x01, 0x01, 0x42]) | (immediate ? 0x40 : 0);
  const flags = opcode === 0x42 ? pick(random, [0x85, 0x86, 0x82]) : pick(random, [0x80, 0xc0, 0xa0, 0x20]);
  const gap = random.below(2);
  for (let tag = 1; tag <= 400 && wire.connection.current; tag += 1) {
    const cmdSn = (wire.cmdSn + (immediate ? 0 : tag - 1 + gap)) % 2 ** 32;
    const fields = [
      [0, 1, opcode],
      [1, 1, flags],
      [8, 8, LUN],
      [16, 4, tag],
      [20, 4, opcode === 0x42 ? 0xffff_ffff : 4096],
      [24, 4, cmdSn],
    ] as const;
    wire.connection.feed(slowPdu({ fields }), wire.nowMs);
    checkTasks(wire);
  }
  wire.connection.lost();
  for (const task of wire.tasks) wire.complete(task, { status: 0 });
  return 400;
}

export const targetSession: Fuzzer = {
  name: 'target-session',
  promise: 'a session takes any PDU of any opcode, ends every task, and loses every nexus that it opened',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 12; turn += 1) {
      if (chance(random, 12)) executions += playCrowd(random);
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
