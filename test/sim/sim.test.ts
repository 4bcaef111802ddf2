import { describe, expect, it } from 'vitest';
import corpus from './corpus.json' with { type: 'json' };
import { reportOf } from './main.ts';
import type { SimOptions } from './options.ts';
import { MUTANTS } from './mutants.ts';
import { runSeed } from './simulation.ts';

const FIRST_SEED = 1;
const SEEDS = 8;
const STREAM_SEEDS = 3;
const PROBES = 20;
/** What seeds of the corpus were played without. */
const AS_THEN: Partial<SimOptions> = { bytes: false, deallocateRate: 0, diskFaultEveryMs: 0 };

async function expectToPass(seed: number, options: Partial<SimOptions> = {}): Promise<void> {
  const result = await runSeed(seed, { options });
  if (result.invariant) expect.fail(reportOf(result, 40));
}

/** The number of the first seed that finds the mutant, and what it calls it. */
async function hunt(name: string): Promise<string> {
  for (let seed = 1; seed <= PROBES; seed += 1) {
    const { invariant } = await runSeed(seed, MUTANTS[name]!.parts);
    if (invariant) return invariant;
  }
  return `not found in ${PROBES} seeds`;
}

describe('the simulation', { timeout: 120_000 }, () => {
  it.each(corpus)('passes seed $seed, which once failed: $found', ({ seed, options }) =>
    expectToPass(seed, options ?? AS_THEN),
  );

  it(`passes ${SEEDS} seeds of the swarm`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) await expectToPass(seed);
  });

  it(`passes ${STREAM_SEEDS} seeds over byte streams`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + STREAM_SEEDS; seed += 1) await expectToPass(seed, { bytes: true });
  });

  it('tells the same story for the same seed', async () => {
    for (const seed of [6, 9]) {
      const options = { bytes: seed === 9 };
      const [first, second] = [await runSeed(seed, { options }), await runSeed(seed, { options })];
      expect(second.digest).toBe(first.digest);
      expect(second.events).toBe(first.events);
    }
  });

  it.each(Object.keys(MUTANTS))('finds an array that %s', async (name) => {
    expect(MUTANTS[name]!.expect).toContain(await hunt(name));
  });
});
