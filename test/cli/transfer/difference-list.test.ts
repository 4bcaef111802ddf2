import { describe, expect, it } from 'vitest';
import { DifferenceList, type DifferentRange } from '../../../src/cli/transfer/difference-list.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

/** Sorted, and joined where they touch. */
function plainly(ranges: readonly DifferentRange[]): DifferentRange[] {
  const joined: { offset: number; length: number }[] = [];
  for (const { offset, length } of [...ranges].sort((one, other) => one.offset - other.offset)) {
    const last = joined.at(-1);
    if (last && last.offset + last.length === offset) last.length += length;
    else joined.push({ offset, length });
  }
  return joined;
}

describe('the first differences', () => {
  it('are those of all, in whatever order eight at a time come', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = createSeededRandom(seed);
      const sparse = random.below(4);
      const all = Array.from({ length: 400 }, (_, index) => ({ offset: index * 8, length: 8 })).filter(
        () => random.below(8) > sparse,
      );
      const list = new DifferenceList(16);
      for (const waiting = all.slice(); waiting.length > 0;) {
        list.add(waiting.splice(random.below(Math.min(8, waiting.length)), 1)[0]!);
      }
      expect(list.first(), `seed ${seed}`).toEqual(plainly(all).slice(0, 16));
    }
  });

  it('take no more room the more there are', () => {
    const list = new DifferenceList(16);
    for (let index = 0; index < 100_000; index += 1) list.add({ offset: index * 16, length: 8 });
    expect(list.kept).toBeLessThanOrEqual(80);
    expect(list.first().at(-1)).toEqual({ offset: 240, length: 8 });
    const whole = new DifferenceList(16);
    for (let index = 0; index < 100_000; index += 1) whole.add({ offset: index * 8, length: 8 });
    expect([whole.kept, whole.first()]).toEqual([1, [{ offset: 0, length: 800_000 }]]);
  });
});
