import { expect, it } from 'vitest';
import { LunError, type Lun } from '../../../src/lun/lun.ts';
import { createArrayPair, pairRequest } from '../../support/array-pair.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const MIB = 1024 * 1024;
/** 4 Mbit/s. */
const BYTES_PER_MS = 500;

/** Answers arrive one after the other, each as late as its bytes take; what comes too late was sent for nothing. */
function slowLine(clock: FakeClock): (lun: Lun) => Lun {
  let freeAtMs = 0;
  return (lun) => ({
    ...lun,
    async read(lba, blockCount, { timeoutMs = Infinity } = {}) {
      const data = await lun.read(lba, blockCount);
      const nowMs = clock.monotonicMs();
      freeAtMs = Math.max(nowMs, freeAtMs) + Math.ceil(data.length / BYTES_PER_MS);
      const waitMs = freeAtMs - nowMs;
      await new Promise<void>((resolve) => clock.setTimer(Math.min(timeoutMs, waitMs), resolve));
      if (waitMs <= timeoutMs) return data;
      throw new LunError('timeout', lun.path, `${lun.path}: no answer within ${timeoutMs} ms`);
    },
  });
}

it('acquires a long journal over a line that takes minutes for it', async () => {
  const clock = createFakeClock();
  const storages = { tokyo: createMemoryStorage(), osaka: createMemoryStorage() };
  const work = async (): Promise<void> => {
    const { tokyo, osaka } = await createArrayPair({
      clock,
      random: createSeededRandom(3),
      storage: (name) => storages[name as 'tokyo' | 'osaka'],
      volumeBlocks: (16 * MIB) / 512,
      journalBlocks: 8 + 9 * 4096,
      line: slowLine(clock),
    });
    await tokyo.operations.createPair(pairRequest('primary', 'data'));
    await osaka.operations.createPair(pairRequest('auxiliary', 'data'));
    for (let copied = false; !copied;) {
      await osaka.operations.acquire({ group: 'oradb', toSequence: 0 });
      await new Promise<void>((resolve) => clock.setTimer(100, resolve));
      copied = (await osaka.operations.showPairs('oradb')).every(({ state }) => state === 'pair');
    }
    for (let mib = 0; mib < 15; mib += 1) {
      await tokyo.lun('data').write(mib * 2048, new Uint8Array(MIB).fill(mib + 1));
    }
    const beganMs = clock.monotonicMs();
    let read = 0;
    const steps = new Set<number>();
    while (read < 15 && clock.monotonicMs() - beganMs < 300_000) {
      await osaka.operations.acquire({ group: 'oradb', toSequence: 15 });
      await new Promise<void>((resolve) => clock.setTimer(1000, resolve));
      ({ readSequence: read } = await osaka.operations.showJournal('oradb'));
      steps.add(read);
    }
    // Whoever waits gives up where nothing moves for some seconds.
    expect(steps.size).toBeGreaterThan(8);
    expect({ read, log: [...osaka.log.slice(0, 3), ...tokyo.log.slice(0, 3)] }).toEqual({ read: 15, log: [] });
  };
  await clock.run(work());
});
