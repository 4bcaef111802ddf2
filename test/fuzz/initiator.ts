import type { Random } from '../../src/base/random.ts';
import { slowPdu } from '../iscsi/slow-pdu.ts';
import { LUN, Script } from '../iscsi/initiator-script.ts';
import { chance, ensure, oddNumber, pick, spoil, type Fuzzer } from './fuzzer.ts';
import { anyPdu } from './pdu-stream.ts';

const RESPONSES = [0x20, 0x20, 0x21, 0x25, 0x25, 0x25, 0x22, 0x23, 0x24, 0x26, 0x31, 0x32, 0x3f];

/** What a target might say of the tasks that there are, with lengths that lie. */
function response(random: Random, script: Script): Uint8Array {
  return slowPdu({
    fields: [
      [0, 1, pick(random, RESPONSES)],
      [1, 1, chance(random, 3) ? random.below(256) : 0x80],
      [2, 2, chance(random, 3) ? random.below(6) : 0],
      [8, 8, LUN],
      [16, 4, chance(random, 6) ? 0xffff_ffff : random.below(3)],
      [20, 4, chance(random, 2) ? 0xffff_ffff : random.below(4)],
      [24, 4, chance(random, 20) ? oddNumber(random, 4) : script.statSn++],
      [28, 4, script.expCmdSn],
      [32, 4, (script.expCmdSn + 31) % 2 ** 32],
      [36, 4, random.below(3)],
      [40, 4, chance(random, 3) ? oddNumber(random, 4) : random.below(3) * 256],
      [44, 4, chance(random, 3) ? oddNumber(random, 4) : random.below(3) * 256],
    ],
    data: pick(random, [
      random.bytes(random.below(300)),
      Buffer.from('TargetName=\u001b[2J\0\n=\0'),
      new Uint8Array(0),
    ]),
  });
}

/** Bytes that may wait for a target that reads nothing, beyond the data of the commands themselves. */
const WAITING_LIMIT = 64 * 1024;
/** PDUs after which a target that never comes to an end is given up: more than SendTargets may take. */
const PATIENCE = 1100;

/** One thing over and over while nothing that is sent gets away: the session must end, or what waits stay small. */
function playFlood(random: Random): number {
  const script = new Script();
  script.sent();
  script.play(script.loginPdu([1, 3], ['MaxRecvDataSegmentLength=8192']));
  const kind = pick(random, ['pings', 'text', 'async'] as const);
  let listed = 0;
  if (kind === 'text') script.engine.sendTargets(60_000, 1000, () => (listed += 1));
  script.engine.takeBatch();
  script.engine.setCongested(true, 1000);
  const data = kind === 'text' ? Buffer.alloc(pick(random, [0, 4, 8000]), 'TargetName=a\0') : new Uint8Array(0);
  const opcode = { pings: 0x20, text: 0x24, async: 0x32 }[kind];
  let waiting = 0;
  let fed = 0;
  for (; fed < PATIENCE && script.ends.length === 0; fed += 1) {
    const fields = [
      [0, 1, opcode],
      [1, 1, kind === 'text' ? pick(random, [0, 0x40]) : 0x80],
      [16, 4, kind === 'text' ? 1 : 0xffff_ffff],
      [20, 4, 7],
      [24, 4, script.statSn++],
      [28, 4, script.expCmdSn],
      [32, 4, (script.expCmdSn + 31) % 2 ** 32],
      [36, 1, kind === 'async' ? 0xff : 0],
    ] as const;
    script.engine.receive(slowPdu({ fields, data }), 1000);
    for (const chunk of script.engine.takeBatch()) waiting += chunk.length;
  }
  ensure(waiting <= WAITING_LIMIT, () => `${waiting} bytes wait for a target that sends ${kind} without end`);
  const endless = kind !== 'async' && script.ends.length === 0 && listed === 0;
  ensure(!endless, () => `${fed} PDUs of ${kind} are taken, and more`);
  script.engine.connectionLost('the end', 1000);
  return fed;
}

export const initiator: Fuzzer = {
  name: 'initiator',
  promise: 'whatever a target says, each command ends once, data stays inside its buffer, and the engine never throws',
  round(random) {
    let executions = 0;
    for (let turn = 0; turn < 12; turn += 1) {
      if (chance(random, 24)) executions += playFlood(random);
      const script = new Script();
      script.sent();
      if (!chance(random, 4)) script.play(script.loginPdu([1, 3], ['MaxRecvDataSegmentLength=8192']));
      const outcomes = [0, 0, 0];
      const guard = new Uint8Array(512 + 1024 + 512);
      const dataIn = guard.subarray(512, 1536);
      const command = { lun: Buffer.from(LUN, 'hex'), cdb: new Uint8Array(16), deadlineMs: 60_000 };
      outcomes.forEach((_count, index) =>
        script.engine.submit(
          { ...command, ...(index === 0 ? { dataIn } : {}), done: () => void (outcomes[index]! += 1) },
          1000,
        ),
      );
      for (let step = 0; step < 40 && script.ends.length === 0; step += 1, executions += 1) {
        const pdu = chance(random, 10) ? anyPdu(random) : response(random, script);
        script.engine.receive(chance(random, 12) ? spoil(random, pdu) : pdu, 1000);
        script.engine.takeBatch();
      }
      script.engine.connectionLost('the end', 1000);
      ensure(
        outcomes.every((count) => count === 1),
        () => `commands ended ${outcomes.join(', ')} times`,
      );
      ensure(script.ends.length === 1, () => `the session ended ${script.ends.length} times`);
      const outside = [...guard.subarray(0, 512), ...guard.subarray(1536)];
      ensure(
        outside.every((byte) => byte === 0),
        () => 'data went beside its buffer',
      );
    }
    return executions;
  },
};
