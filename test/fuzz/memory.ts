import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import type { Random } from '../../src/base/random.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { pairRequest } from '../support/array-pair.ts';
import { createBench, INITIATOR, TARGET } from '../iscsi/target/wire.ts';
import { slowPdu, textData } from '../iscsi/slow-pdu.ts';
import { withArray, type ArrayUnderTest } from './array-under-test.ts';
import { chance, ensure, pick, type Fuzzer } from './fuzzer.ts';

/** What peers that come, do something and go leave behind: measured, not looked up in the code. */

const CYCLES = 1000;
/** Bytes a cycle; a nexus that is forgotten by one table only costs several hundred. */
const LEFT_BEHIND = 100;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The tables that are bounded fill in the first cycles; what still grows behind them grows for ever. */
async function measure(what: string, cycle: (number: number) => Promise<void> | void): Promise<number> {
  let number = 0;
  const many = async (): Promise<number> => {
    for (let count = 0; count < CYCLES; count += 1) await cycle((number += 1));
    return memory();
  };
  await many();
  await many();
  const before = await many();
  // Compiled code and the collector's own books make one measurement unsure, not three in a row.
  const growths: number[] = [];
  for (let last = before; growths.length < 3;) {
    const now = await many();
    growths.push((now - last) / CYCLES);
    last = now;
  }
  ensure(
    Math.min(...growths) < LEFT_BEHIND,
    () => `${what} leaves bytes behind: ${growths.map(Math.round).join(', ')}`,
  );
  return number;
}

const REGISTER_AND_IGNORE = Uint8Array.of(0x5f, 6, 0, 0, 0, 0, 0, 0, 24, 0);
const COMMANDS: readonly (readonly [cdb: Uint8Array, data?: Uint8Array])[] = [
  [Uint8Array.of(0x00, 0, 0, 0, 0, 0)],
  [Uint8Array.of(0x12, 0, 0, 0, 96, 0)],
  [Uint8Array.of(0x16, 0, 0, 0, 0, 0)],
  [Uint8Array.of(0x1e, 0, 0, 0, 1, 0)],
  [Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0)],
  [REGISTER_AND_IGNORE, Buffer.from(`${'0'.repeat(30)}b2${'0'.repeat(16)}`, 'hex')],
  [Uint8Array.of(0x15, 0x10, 0, 0, 16, 0), Buffer.from('000000000a0a00000000000000000000', 'hex')],
  [Uint8Array.of(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0), new Uint8Array(16)],
];

/** A nexus nobody has heard of, some commands, the last of them aborted in the middle, and the end. */
async function visit(random: Random, array: ArrayUnderTest, number: number): Promise<void> {
  const server = array.pair.tokyo.array().deviceServer;
  const nexus = `iqn.2026-11.test:${number},i,0x80${number.toString(16).padStart(10, '0')}`;
  server.nexusOpened(nexus);
  const pending: Promise<unknown>[] = [];
  for (let count = 1 + random.below(4); count > 0; count -= 1) {
    const [cdb, dataOut = new Uint8Array(0)] = pick(random, COMMANDS);
    const lun = encodeLunField(pick(random, [0, 1, 1, 10, 20]));
    const facts = { nexus, lun, expectedDataOut: dataOut.length, expectedDataIn: 512 };
    const task = { ...facts, cdb, dataOut, aborted: false };
    const reply = server.execute(task);
    if (count === 1 || chance(random, 3)) task.aborted = true;
    pending.push(reply);
    if (!task.aborted) await reply;
  }
  server.nexusLost(nexus);
  await Promise.all(pending);
}

function loginOf(number: number): Uint8Array {
  const isid = `80${number.toString(16).padStart(10, '0')}`;
  const fields = [
    [0, 1, 0x43],
    [1, 1, 0x87],
    [8, 6, isid],
    [16, 4, 1],
    [24, 4, 1],
  ] as const;
  return slowPdu({ fields, data: textData(`InitiatorName=${INITIATOR}${number}`, `TargetName=${TARGET}`) });
}

function command(tag: number, opcode: number, flags: number): Uint8Array {
  const fields = [
    [0, 1, opcode],
    [1, 1, flags],
    [8, 8, '0005'],
    [16, 4, tag],
    [20, 4, opcode === 0x42 ? 1 : 4096],
    [24, 4, tag],
  ] as const;
  return slowPdu({ fields });
}

/** Logs in, has commands of every kind under way, and is gone; the device server answers afterwards. */
function connectAndGo(random: Random, bench: ReturnType<typeof createBench>, number: number): void {
  const wire = bench.connect();
  wire.feed(loginOf(number));
  for (let tag = 1; tag < 6; tag += 1) {
    wire.connection.feed(
      command(tag, pick(random, [0x01, 0x41, 0x42, 0x00]), pick(random, [0xc0, 0xa0, 0x85, 0x81])),
      0,
    );
  }
  wire.connection.lost();
  for (const task of wire.tasks) wire.connection.complete(task, { status: 0, dataIn: new Uint8Array(4096) });
  bench.events.length = 0;
  bench.calls.length = 0;
}

export const memoryLeft: Fuzzer = {
  name: 'memory',
  promise: 'peers that come, do something and go leave nothing behind',
  async round(random) {
    const bench = createBench();
    let executions = await measure('a connection', (number) => connectAndGo(random, bench, number));
    await withArray(async (array) => {
      await array.pair.tokyo.operations.createPair(pairRequest('primary', 'data'));
      executions += await measure('a nexus', (number) => visit(random, array, number));
    });
    return executions;
  },
};
