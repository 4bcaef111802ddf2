import { describe, expect, it } from 'vitest';
import corpus from './corpus.json' with { type: 'json' };
import { firstSeedOf } from './commit-seeds.mjs';
import { MUTANTS } from './mutants.mjs';
import type { SimParts } from './simulation.ts';
import { checkMutation, load } from './transform.mjs';

const { exhaust, reportOf, runSeed } = await load('main.ts');

/** The first of those that `npm run sim:ci` plays. */
const FIRST_SEED = firstSeedOf();
const SEEDS = 16;
const STREAM_SEEDS = 2;
const SWARMS = ['wide', 'whole', 'aimed', 'every'] as const;
/** What seeds of the corpus were played without. */
const AS_THEN = { bytes: false, deallocateRate: 0, diskFaultEveryMs: 0 };
/** Mutants that the first seeds find; all of them are hunted by `npm run sim:mutants`. */
const CANARIES = ['the state log is not flushed', 'restore skips a record', 'a full ring is written over'];
const CANARY_SEEDS = 4;

async function expectToPass(seed: number, parts: SimParts = {}): Promise<void> {
  const result = await runSeed(seed, parts);
  if (result.invariant) expect.fail(reportOf(result, 40));
}

describe('the simulation', { timeout: 120_000 }, () => {
  it.each(corpus)('passes seed $seed, which once failed: $found', ({ seed, swarm, options }) =>
    expectToPass(seed, {
      swarm: SWARMS.find((known) => known === swarm) ?? 'first',
      options: options ?? (swarm ? {} : AS_THEN),
    }),
  );

  it(`passes ${SEEDS} new seeds of the swarm, from ${FIRST_SEED} on`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await expectToPass(seed);
  });

  it(`passes ${STREAM_SEEDS} seeds over byte streams`, async () => {
    for (let seed = 1; seed <= STREAM_SEEDS; seed += 1) {
      await expectToPass(seed, { options: { bytes: true } });
    }
  });

  it('tells the same story for the same seed', async () => {
    for (const [seed, options] of [
      [6, {}],
      [9, { bytes: true }],
      [14, { groups: 3 }],
    ] as const) {
      const [first, second] = [await runSeed(seed, { options }), await runSeed(seed, { options })];
      expect(second.digest).toBe(first.digest);
      expect(second.events).toBe(first.events);
    }
  });

  it.each(CANARIES)('finds an array in which %s', async (name) => {
    const { options, expect: names, seeds = [], ...mutation } = MUTANTS.find((mutant) => mutant.name === name)!;
    const mutant = await load('main.ts', [mutation]);
    let found: string | undefined;
    // Those that found it last; where a change of the product tells other stories, some more.
    const more = Array.from({ length: CANARY_SEEDS }, (_, index) => index + 1);
    for (const seed of [...seeds, ...more]) {
      if (found) break;
      found = (await mutant.runSeed(seed, { swarm: 'wide', options: options ?? {} })).invariant;
    }
    expect(names).toContain(found);
  });

  it.each(['acquire', 'swap'])('loses nothing where the power is cut in the middle of: %s', async (name) => {
    const places = new Set<string>();
    const fates = new Set<string>();
    await exhaust(name, 2, ({ array, at, fate }) => {
      places.add(`${array} ${at}`);
      fates.add(fate);
    });
    expect(places.size).toBe(4);
    expect(fates.size).toBe(3);
  });

  it('finds the text of every mutant in the product, and does not plant what has none', async () => {
    const unknown = { file: 'src/array/journal/record.ts', find: 'nothing like this', replace: '' };
    await expect(load('main.ts', [unknown])).rejects.toThrow('src/array/journal/record.ts has 0 places');
    for (const mutant of MUTANTS) expect(() => checkMutation(mutant)).not.toThrow();
  });
});
