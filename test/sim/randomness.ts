import type { Random } from '../../src/base/random.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** The draws of one party. One stream for each, so that what one party does more often does not shift another's. */
export interface Draws {
  readonly random: Random;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
  /** Milliseconds around `meanMs`, mostly less, now and then many times as much. */
  latency(meanMs: number): number;
}

export function createDraws(seed: number, party: string): Draws {
  let mixed = seed >>> 0;
  for (const character of party) mixed = (Math.imul(mixed ^ character.charCodeAt(0), 0x01000193) + 0x9e37) >>> 0;
  const random = createSeededRandom(mixed);
  return {
    random,
    chance: (probability) => random.below(1_000_000) < probability * 1_000_000,
    between: (low, high) => low + random.below(high - low + 1),
    pick: (items) => items[random.below(items.length)]!,
    latency: (meanMs) => (-Math.log(1 - random.below(1_000_000) / 1_000_000) * meanMs * 3 + meanMs) / 4,
  };
}
