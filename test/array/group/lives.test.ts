import { describe, expect, it } from 'vitest';
import { beginLife, endedAt, olderCopyOf, showLife } from '../../../src/array/group/lives.ts';
import { newGroup } from '../../../src/array/group/transitions.ts';
import type { JournalHeader } from '../../../src/array/journal/header.ts';
import type { GroupState } from '../../../src/array/store/array-state.ts';
import { ANY_SEQUENCE, hasBeenThrough, LIVES_LIMIT, type Standing } from '../../../src/interface-block/lives.ts';
import { pairRequest } from '../../support/array-pair.ts';

const at = (life: string, changes: number, sequence: number): Standing => ({
  life: life.repeat(16),
  changes,
  sequence,
});

const GROUP: GroupState = {
  ...newGroup(pairRequest('auxiliary', 'data'), ''),
  lineage: [{ generation: '1'.repeat(16), startSequence: 0 }],
};

/** What a header says of lives; nothing else of it is looked at. */
function header(lives: readonly Standing[], seen: Standing = at('0', 0, 0)): JournalHeader {
  return { lives, seenLife: seen.life, seenChanges: seen.changes, seenSequence: seen.sequence } as JournalHeader;
}

describe('a side has been through what was seen of it', () => {
  const LIVES = [at('a', 0, 0), at('b', 7, 40), at('c', 9, 40)];
  it.each([
    ['in its last life, however far', at('c', 99, 1_000), true],
    ['before the life ended', at('a', 6, 90), true],
    ['where the life ended', at('a', 7, 40), true],
    ['beyond the end by a write', at('a', 7, 41), false],
    ['beyond the end by a change of the tables', at('a', 8, 0), false],
    ['in a life that it never had', at('d', 1, 1), false],
  ])('%s', (_what, seen, expected) => {
    expect(hasBeenThrough(LIVES, seen)).toBe(expected);
  });
});

describe('the lives of an array', () => {
  it('end where the tables and the journal stand at the next start', () => {
    const first = showLife(beginLife({ ...GROUP, changes: 3 }, 'a'.repeat(16)));
    const second = beginLife({ ...first, changes: 8 }, 'b'.repeat(16));
    expect(second.lives).toEqual([at('a', 3, ANY_SEQUENCE), at('b', 8, ANY_SEQUENCE)]);
    expect(endedAt(second, 25).lives?.at(-1)).toEqual(at('b', 8, 25));
    expect(endedAt(endedAt(second, 25), 99).lives?.at(-1)).toEqual(at('b', 8, 25));
  });

  it('that nobody has seen leave the end of the one before, and not their name', () => {
    let group = showLife(beginLife({ ...GROUP, changes: 3 }, 'a'.repeat(16)));
    for (const life of ['b', 'c', 'd']) group = endedAt(beginLife({ ...group, changes: 9 }, life.repeat(16)), 30);
    expect(group.lives).toEqual([at('a', 3, ANY_SEQUENCE), at('d', 9, 30)]);
  });

  it('are kept as far as the header has room', () => {
    let group = GROUP;
    for (let start = 0; start < LIVES_LIMIT + 5; start += 1) {
      group = showLife(beginLife(group, start.toString(16).padStart(16, '0')));
    }
    expect(group.lives).toHaveLength(LIVES_LIMIT);
    expect(group.lives?.at(-1)?.life).toBe('0000000000000024');
  });
});

describe('an older copy', () => {
  const own = [at('a', 0, 0), at('b', 5, 10)];
  const theirs = [at('e', 0, 0), at('f', 6, 20)];
  it.each([
    ['nothing was ever seen', GROUP, header(theirs), undefined],
    ['all was', { ...GROUP, lives: own, peerLife: at('e', 6, 20) }, header(theirs, at('a', 5, 10)), undefined],
    ['the peer lacks', { ...GROUP, lives: own, peerLife: at('e', 6, 21) }, header(theirs), 'peer-older-copy'],
    ['the peer has no lives', { ...GROUP, lives: own, peerLife: at('e', 6, 20) }, header([]), 'peer-older-copy'],
    ['this side lacks', { ...GROUP, lives: own }, header(theirs, at('a', 5, 11)), 'older-copy'],
    ['forgiven', { ...GROUP, lives: own, forgiven: at('a', 5, 11) }, header(theirs, at('a', 5, 11)), undefined],
    ['not forgiven', { ...GROUP, lives: own, forgiven: at('a', 5, 11) }, header(theirs, at('a', 5, 12)), 'older-copy'],
    ['formed anew here', { ...GROUP, lives: own, lineage: [] }, header(theirs, at('z', 5, 11)), undefined],
  ])('%s', (_what, group, seen, expected) => {
    expect(olderCopyOf(group as GroupState, seen)).toBe(expected);
  });
});
