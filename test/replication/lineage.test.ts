import { describe, expect, it } from 'vitest';
import { forkOf, isPastOf, relate } from '../../src/replication/lineage.ts';
import type { JournalStatus } from '../../src/host/operations.ts';
import { GENERATION_1, GENERATION_2, GENERATION_3 } from './support/rows.ts';
import { lineageOf, side } from './support/sides.ts';

type Write = `${string}${number}`;

/** A history as the list of its writes, each named by the generation it was made in; the second account of what relates. */
function journalOf(writes: readonly Write[], rows: readonly (readonly [string, number])[]): JournalStatus {
  return side('tokyo', { role: 'primary', journalInSequence: writes.length + 1, lineage: lineageOf(...rows) }).journal;
}

const isPrefix = (first: readonly Write[], second: readonly Write[]): boolean =>
  first.every((write, index) => second[index] === write);

describe('lineage against lists of writes', () => {
  /** Every history of up to 4 writes in generation 1, then up to 3 in generation 2 or 3 (or none). */
  const histories = [2, 3].flatMap((later) =>
    [0, 1, 2, 3, 4].flatMap((early) =>
      [undefined, 0, 1, 2, 3].map((late) => {
        const writes: Write[] = [
          ...Array.from({ length: early }, (_, index): Write => `a${index}`),
          ...Array.from({ length: late ?? 0 }, (_, index): Write => `${later}${index}`),
        ];
        const second = late === undefined ? [] : [[later === 2 ? GENERATION_2 : GENERATION_3, early] as const];
        return {
          writes,
          later: late === undefined ? undefined : later,
          early,
          journal: journalOf(writes, [[GENERATION_1, 0], ...second]),
        };
      }),
    ),
  );

  it('never calls a history the past of another that lacks one of its writes', () => {
    for (const one of histories) {
      for (const other of histories) {
        // Two sides of one generation are told apart by number alone; it has one beginning, so other pairs do not exist.
        const sameGeneration = one.later === other.later;
        if (sameGeneration || !isPastOf(one.journal, other.journal.lineage)) continue;
        expect(isPrefix(one.writes, other.writes)).toBe(true);
      }
    }
  });

  it('calls every history the past of one that went on from it in a new generation', () => {
    for (const one of histories.filter((history) => history.later === undefined)) {
      for (const other of histories.filter((history) => history.later !== undefined && history.early >= one.early)) {
        expect(relate(one.journal, other.journal)).toBe('first-behind');
        expect(relate(other.journal, one.journal)).toBe('second-behind');
      }
    }
  });

  it('calls two histories that went on separately diverged, and finds the fork', () => {
    for (const one of histories.filter((history) => history.later === 2)) {
      for (const other of histories.filter((history) => history.later === 3)) {
        expect(relate(one.journal, other.journal)).toBe('diverged');
        expect(forkOf(one.journal, other.journal)).toBe(Math.min(one.early, other.early));
      }
    }
  });

  it('calls an old primary that went on beyond the fork diverged', () => {
    const old = journalOf(['a0', 'a1', 'a2'], [[GENERATION_1, 0]]);
    const taken = journalOf(
      ['a0', 'a1'],
      [
        [GENERATION_1, 0],
        [GENERATION_2, 2],
      ],
    );
    expect(relate(old, taken)).toBe('diverged');
  });
});

describe('edges of a lineage', () => {
  it('counts an auxiliary by what it has acquired, restored or not', () => {
    const auxiliary = side('osaka', { role: 'auxiliary', readSequence: 8, restoredSequence: 5 }).journal;
    expect(isPastOf(auxiliary, lineageOf([GENERATION_1, 0], [GENERATION_2, 7]))).toBe(false);
    expect(isPastOf(auxiliary, lineageOf([GENERATION_1, 0], [GENERATION_2, 8]))).toBe(true);
  });

  it('counts a side that has met no primary as the past of everything', () => {
    const fresh = side('osaka', { role: 'auxiliary', lineage: [] }).journal;
    expect(isPastOf(fresh, lineageOf([GENERATION_1, 0]))).toBe(true);
  });

  it('does not guess where the rows no longer reach back far enough', () => {
    const old = side('tokyo', { role: 'primary' }).journal;
    expect(isPastOf(old, lineageOf([GENERATION_2, 40], [GENERATION_3, 50]))).toBe(false);
  });

  it('orders two sides of one generation by how far they are', () => {
    const at = (journalInSequence: number): JournalStatus =>
      side('tokyo', { role: 'primary', journalInSequence }).journal;
    expect([relate(at(3), at(4)), relate(at(4), at(3)), relate(at(4), at(4))]).toEqual([
      'first-behind',
      'second-behind',
      'same',
    ]);
  });
});
