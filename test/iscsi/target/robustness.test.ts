import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { slowPdu } from '../slow-pdu.ts';
import { createBench, INITIATOR, TARGET, type Wire } from './wire.ts';

const OPCODES = [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x40, 0x41, 0x42, 0x44, 0x46];

/** A PDU of random fields that are small enough to mean something now and then. */
function randomPdu(seed: number, wire: Wire): Uint8Array {
  const random = createSeededRandom(seed);
  const small = (): number => random.below(6);
  return slowPdu({
    fields: [
      [0, 1, OPCODES[random.below(OPCODES.length)]!],
      [1, 1, random.below(256)],
      [8, 8, `000${small()}`],
      [16, 4, random.below(10) === 0 ? 0xffff_ffff : small()],
      [20, 4, [0xffff_ffff, small(), random.below(4096)][random.below(3)]!],
      [24, 4, (wire.connection.current!.window.expected + random.below(4)) % 2 ** 32],
      [32, 4, small()],
      [36, 4, random.below(3)],
      [40, 4, random.below(3) * 64],
    ],
    ...(random.below(3) === 0 ? { additional: Buffer.from(random.bytes(4 * small())).toString('hex') } : {}),
    data: random.bytes([0, 64, random.below(100)][random.below(3)]!),
  });
}

describe('a target that is sent nonsense', () => {
  it('never throws, never answers an aborted task, and ends every task', () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const bench = createBench();
      const wire = bench.connect();
      wire.login(['InitialR2T=No', 'FirstBurstLength=512', 'MaxBurstLength=512']);
      for (let step = 0; step < 60 && wire.connection.current; step += 1) {
        wire.feed(randomPdu(seed * 1000 + step, wire));
        const task = wire.tasks[step % 5 === 0 ? 0 : wire.tasks.length];
        if (task) wire.complete(wire.tasks.splice(0, 1)[0]!, { status: 0, dataIn: new Uint8Array(64) });
      }
      wire.connection.lost();
      for (const task of wire.tasks) expect(wire.complete(task, { status: 0 })).toEqual([]);
      expect(wire.tasks.every((task) => task.state === 'ended')).toBe(true);
      const opened = bench.calls.filter((call) => call.startsWith('opened')).length;
      expect(bench.calls.filter((call) => call.startsWith('lost'))).toHaveLength(opened);
    }
  });

  it('survives every single flipped bit of a login', () => {
    const whole = slowPdu({
      fields: [
        [0, 1, 0x43],
        [1, 1, 0x87],
        [8, 6, '80a1b2c3d4e5'],
        [24, 4, 1],
      ],
      data: Buffer.from(`InitiatorName=${INITIATOR}\0TargetName=${TARGET}\0HeaderDigest=CRC32C\0InitialR2T=No\0`),
    });
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const damaged = Uint8Array.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const { connection } = createBench().connect();
      expect(() => connection.feed(damaged, 0)).not.toThrow();
    }
  });
});
