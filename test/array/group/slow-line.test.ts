import { describe, expect, it } from 'vitest';
import { LunError, type Lun } from '../../../src/lun/lun.ts';
import { createArrayPair, pairRequest, type ArrayPair } from '../../support/array-pair.ts';
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

interface Slow extends ArrayPair {
  readonly clock: FakeClock;
  sleep(ms: number): Promise<void>;
}

async function overSlowLine(work: (pair: Slow) => Promise<void>): Promise<void> {
  const clock = createFakeClock();
  const storages = { tokyo: createMemoryStorage(), osaka: createMemoryStorage() };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve));
  const build = async (): Promise<void> => {
    const pair = await createArrayPair({
      clock,
      random: createSeededRandom(3),
      storage: (name) => storages[name as 'tokyo' | 'osaka'],
      volumeBlocks: (32 * MIB) / 512,
      journalBlocks: 8 + 9 * 4096,
      line: slowLine(clock),
    });
    await work({ ...pair, clock, sleep });
  };
  await clock.run(build());
}

async function form({ tokyo, osaka }: Slow): Promise<void> {
  await tokyo.operations.createPair(pairRequest('primary', 'data'));
  await osaka.operations.createPair(pairRequest('auxiliary', 'data'));
}

async function writeMebibytes({ tokyo }: Slow, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await tokyo.lun('data').write(at * 2048, new Uint8Array(MIB).fill(at + 1));
}

/** What `look` sees, until it is `last`; whoever waits like this gives up where nothing moves for half a minute. */
async function stepsTo(world: Slow, last: number, look: () => Promise<number>): Promise<number> {
  const seen = new Set<number>();
  let sinceMs = world.clock.monotonicMs();
  while (!seen.has(last)) {
    const now = await look();
    if (!seen.has(now)) sinceMs = world.clock.monotonicMs();
    seen.add(now);
    if (world.clock.monotonicMs() - sinceMs > 30_000) throw new Error(`stays at ${now}: ${world.osaka.log.join('; ')}`);
    await world.sleep(1000);
  }
  return seen.size;
}

describe('over a line that takes minutes', () => {
  it('acquires a long journal, and shows that it comes', () =>
    overSlowLine(async (world) => {
      const { operations, log } = world.osaka;
      await form(world);
      await stepsTo(world, 1, async () => {
        await operations.acquire({ group: 'oradb', toSequence: 0 });
        return (await operations.showPairs('oradb')).filter(({ state }) => state === 'pair').length;
      });
      await writeMebibytes(world, 15);
      const steps = await stepsTo(world, 15, async () => {
        await operations.acquire({ group: 'oradb', toSequence: 15 });
        return (await operations.showJournal('oradb')).readSequence;
      });
      expect(steps).toBeGreaterThan(8);
      expect(log).toEqual([]);
    }));

  it('copies a volume, and shows that it comes', () =>
    overSlowLine(async (world) => {
      const { operations, log } = world.osaka;
      await writeMebibytes(world, 30);
      await form(world);
      const chunks = (30 * MIB) / 65_536;
      await stepsTo(world, chunks, async () => (await operations.showPairs('oradb'))[0]!.copiedChunks);
      expect(log).toEqual([]);
    }));
});
