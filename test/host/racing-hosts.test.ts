import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import { encodeReply, decodeRequest } from '../../src/interface-block/message.ts';
import { CommandError } from '../../src/host/command-error.ts';
import { operationsOf } from '../../src/host/operations.ts';
import { GROUP_CHANGE } from '../support/command-array.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { LunFaults } from '../support/unit-lun.ts';
import { hostBench, lost, type HostBench } from './bench.ts';

const HOSTS = 9;
const CALLS = 5;

interface Duplicate {
  readonly lba: number;
  readonly data: Uint8Array;
}

/** Each READ and WRITE may be slow, get lost before or after it is done, or arrive torn, twice, or a second time much later. */
function randomFaults(bench: HostBench, seed: number, duplicates: Duplicate[]): (path: string) => LunFaults {
  const random = createSeededRandom(seed);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const pause = (): Promise<void> => new Promise((resolve) => bench.clock.setTimer(random.below(40), resolve));
  return (path) => ({
    async beforeRead() {
      await pause();
      if (chance(3)) throw lost(path);
    },
    async afterRead(data) {
      await pause();
      if (chance(4)) throw lost(path);
      return chance(1) ? data.with(random.below(data.length), random.below(256)) : data;
    },
    async beforeWrite(lba, data) {
      await pause();
      if (chance(2)) bench.array.restart();
      if (chance(6)) await writeQuietly(bench, { lba: 32 + 32 * random.below(64), data });
      if (chance(5)) {
        duplicates.push({ lba, data: data.slice() });
        throw lost(path);
      }
      return chance(3)
        ? new Uint8Array([...data.subarray(0, 4096 - 512 * (1 + random.below(7))), ...new Uint8Array(512)]).slice(
            0,
            4096,
          )
        : data;
    },
    async afterWrite() {
      await pause();
      if (chance(5)) throw lost(path);
    },
  });
}

/** Hosts that all begin at one of three slots, so that they meet. */
function crowded(seed: number): Random {
  const random = createSeededRandom(seed);
  return { bytes: (length) => random.bytes(length), below: (limit) => random.below(limit === 64 ? 3 : limit) };
}

/** Every command answers with the sequence number that it asked for, so that a foreign answer shows. */
async function raceOnce(seed: number): Promise<{ bench: HostBench; outcomes: string[]; foreign: number }> {
  const slowness = createSeededRandom(seed + 1000);
  const bench = hostBench({
    async decide(request) {
      await new Promise<void>((resolve) => bench.clock.setTimer(slowness.below(60), resolve));
      const input = decodeRequest('journal.acquire', request.input);
      const sequence = input.ok ? input.value.header.toSequence : -1;
      return {
        status: 0,
        editedData: encodeReply('journal.acquire', { header: { ...GROUP_CHANGE, sequence }, rows: [] }),
      };
    },
  });
  const duplicates: Duplicate[] = [];
  const faultsOf = randomFaults(bench, seed, duplicates);
  const outcomes: string[] = [];
  let foreign = 0;
  const host = async (number: number): Promise<void> => {
    const paths = [`host-${number}-a`, `host-${number}-b`];
    for (const path of paths) bench.faults[path] = faultsOf(path);
    const operations = operationsOf(bench.client({ paths, timeoutMs: 60_000, random: crowded(seed * 100 + number) }));
    for (let call = 0; call < CALLS; call++) {
      const toSequence = number * 1000 + call;
      try {
        const change = await operations.acquire({ group: 'oradb', toSequence });
        if (change.sequence !== toSequence) foreign++;
        outcomes.push('ok');
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        outcomes.push(error.kind);
      }
    }
  };
  await bench.clock.run(Promise.all(Array.from({ length: HOSTS }, (_, number) => host(number))));
  await replay(bench, duplicates);
  return { bench, outcomes, foreign };
}

async function writeQuietly(bench: HostBench, { lba, data }: Duplicate): Promise<void> {
  await bench.array
    .device()
    .write(lba, data, { forceUnitAccess: false })
    .catch(() => undefined);
}

/** WRITEs that were lost on one path turn up after their commands were long over. */
async function replay(bench: HostBench, duplicates: readonly Duplicate[]): Promise<void> {
  bench.array.restart();
  for (const duplicate of duplicates) {
    await writeQuietly(bench, duplicate);
    await bench.clock.advance(10);
    await bench.array.device().read(0, bench.array.device().blockCount);
  }
}

describe('hosts that race for one command device under faults', () => {
  it.each(Array.from({ length: 25 }, (_, index) => index + 1))(
    'each command takes effect once and gets its own answer, seed %i',
    async (seed) => {
      const { bench, outcomes, foreign } = await raceOnce(seed);
      expect(foreign).toBe(0);
      expect(new Set(bench.array.effects).size).toBe(bench.array.effects.length);
      const succeeded = outcomes.filter((outcome) => outcome === 'ok').length;
      expect(bench.array.effects.length).toBeGreaterThanOrEqual(succeeded);
      expect(
        outcomes.filter((outcome) => !['ok', 'no-path', 'bad-answer', 'outcome-unknown'].includes(outcome)),
      ).toEqual([]);
      expect(succeeded).toBeGreaterThan((HOSTS * CALLS * 8) / 10);
    },
  );

  it('is repeated exactly by the same seed', async () => {
    const [first, second] = [await raceOnce(77), await raceOnce(77)];
    expect(second.bench.events).toEqual(first.bench.events);
    expect(second.bench.array.effects).toEqual(first.bench.array.effects);
  });

  it('fills all slots, and everybody is served', async () => {
    const bench = hostBench({
      decide: async () => {
        await new Promise<void>((resolve) => bench.clock.setTimer(100, resolve));
        return undefined;
      },
    });
    const calls = Array.from({ length: 120 }, () =>
      bench.client({ timeoutMs: 60_000 }).call('pair.split', { header: { group: 'g' }, rows: [] }),
    );
    await bench.clock.run(Promise.all(calls));
    expect(bench.array.effects.length).toBe(120);
    expect(new Set(bench.array.effects).size).toBe(120);
    expect(bench.events.some((event) => event.kind === 'conflict')).toBe(true);
  });
});
