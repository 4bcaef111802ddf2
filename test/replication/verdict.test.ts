import { describe, expect, it } from 'vitest';
import type { ArrayObservation } from '../../src/replication/observe.ts';
import { takeoverAction } from '../../src/replication/plan-takeover.ts';
import { verdictOf, type VerdictKind } from '../../src/replication/verdict.ts';
import { GENERATION_1, GENERATION_2, GENERATION_3 } from './support/rows.ts';
import { absent, lineageOf, observation, side, unreachable } from './support/sides.ts';

const STATES = ['none', 'absent', 'P copy', 'P pair', 'P susp', 'A copy', 'A pair', 'A susp'] as const;

function make(array: 'tokyo' | 'osaka', name: (typeof STATES)[number]): ArrayObservation {
  if (name === 'none') return unreachable(array);
  if (name === 'absent') return absent(array);
  const role = name.startsWith('P') ? 'primary' : 'auxiliary';
  const state = name.endsWith('copy') ? 'copy' : name.endsWith('pair') ? 'pair' : 'suspended';
  const consistent = !(role === 'auxiliary' && state === 'copy');
  return side(array, { role, state, consistent, suspendReason: state === 'suspended' ? 'split' : 'none' });
}

/** Rows: tokyo; columns: osaka, in the order of STATES. One generation, both at write 5. */
const TABLE: Readonly<Record<(typeof STATES)[number], string>> = {
  none: 'unknown unknown unknown unknown unknown unknown unknown unknown',
  absent: 'unknown absent partly-formed partly-formed partly-formed partly-formed partly-formed partly-formed',
  'P copy': 'unknown partly-formed diverged diverged diverged copying copying suspended',
  'P pair': 'unknown partly-formed diverged diverged diverged copying replicating suspended',
  'P susp': 'unknown partly-formed diverged diverged diverged suspended suspended suspended',
  'A copy': 'unknown partly-formed copying copying suspended suspended suspended suspended',
  'A pair': 'unknown partly-formed copying replicating suspended suspended handing-over suspended',
  'A susp': 'unknown partly-formed suspended suspended suspended suspended suspended suspended',
};

describe('verdict by both sides', () => {
  for (const first of STATES) {
    const expected = TABLE[first].split(' ') as VerdictKind[];
    for (const [column, second] of STATES.entries()) {
      it(`tokyo ${first}, osaka ${second}: ${expected[column]}`, () => {
        const verdict = verdictOf(observation(make('tokyo', first), make('osaka', second)));
        expect(verdict.kind).toBe(expected[column]);
        expect(verdict.explanation).not.toBe('');
        expect(verdict.nextStep).not.toBe('');
        expect(`${verdict.explanation}${verdict.nextStep}`).not.toMatch(/undefined|NaN|\[object/);
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
      });
    }
  }

  it('does not depend on which array the configuration names first', () => {
    for (const first of STATES) {
      for (const second of STATES) {
        const one = verdictOf(observation(make('tokyo', first), make('osaka', second)));
        const other = verdictOf(observation(make('osaka', second), make('tokyo', first)));
        expect([other.kind, other.primary, other.currency.kind]).toEqual([one.kind, one.primary, one.currency.kind]);
      }
    }
  });
});

describe('two primaries', () => {
  const tookOver = { role: 'primary', state: 'suspended', suspendReason: 'takeover' } as const;
  const osaka = side('osaka', {
    ...tookOver,
    lineage: lineageOf([GENERATION_1, 0], [GENERATION_2, 5]),
    journalInSequence: 6,
  });

  it('are a takeover where the old one ends at or before the fork', () => {
    const verdict = verdictOf(observation(side('tokyo', { role: 'primary', journalInSequence: 6 }), osaka));
    expect(verdict).toMatchObject({
      kind: 'taken-over',
      primary: 'osaka',
      auxiliary: 'tokyo',
      currency: { kind: 'unknown' },
    });
  });

  it('are split brain from the first write beyond the fork', () => {
    const verdict = verdictOf(observation(side('tokyo', { role: 'primary', journalInSequence: 7 }), osaka));
    expect(verdict.kind).toBe('diverged');
    expect(verdict.divergence).toMatchObject([
      { array: 'tokyo', sequence: 6, journalRecords: 1 },
      { array: 'osaka', sequence: 5, journalRecords: 0 },
    ]);
  });

  it('are split brain where each began a generation, even at the same write', () => {
    const tokyo = side('tokyo', { role: 'primary', lineage: lineageOf([GENERATION_1, 0], [GENERATION_3, 5]) });
    expect(verdictOf(observation(tokyo, osaka)).kind).toBe('diverged');
  });

  it('is a takeover, as far as can be told, where the other does not answer', () => {
    expect(verdictOf(observation(unreachable('tokyo'), osaka))).toMatchObject({ kind: 'taken-over', primary: 'osaka' });
  });
});

describe('one primary and one auxiliary of different histories', () => {
  it('are split brain where the auxiliary holds a generation that the primary does not know', () => {
    const osaka = side('osaka', { role: 'auxiliary', lineage: lineageOf([GENERATION_1, 0], [GENERATION_2, 3]) });
    expect(verdictOf(observation(side('tokyo'), osaka)).kind).toBe('diverged');
  });

  it('are not while a copy runs, which gives up what the auxiliary had', () => {
    const osaka = side('osaka', {
      role: 'auxiliary',
      state: 'copy',
      consistent: false,
      lineage: lineageOf([GENERATION_2, 3]),
    });
    expect(verdictOf(observation(side('tokyo'), osaka)).kind).toBe('copying');
  });

  it('are not where the auxiliary was only asked a moment after the primary', () => {
    const osaka = side('osaka', { role: 'auxiliary', readSequence: 9 });
    expect(verdictOf(observation(side('tokyo'), osaka)).kind).toBe('replicating');
  });

  it('are partly formed where the pairs or the peers differ', () => {
    const auxiliary = { role: 'auxiliary' } as const;
    expect(verdictOf(observation(side('tokyo'), side('osaka', auxiliary, { pair: 'other' }))).kind).toBe(
      'partly-formed',
    );
    expect(verdictOf(observation(side('tokyo'), side('osaka', { ...auxiliary, peerSerial: 'KYOTO' }))).kind).toBe(
      'partly-formed',
    );
  });
});

describe('currency of the auxiliary', () => {
  const auxiliary = { role: 'auxiliary' } as const;

  it('is consistent with every write restored', () => {
    const { currency } = verdictOf(observation(side('tokyo'), side('osaka', auxiliary)));
    expect(currency).toMatchObject({ kind: 'consistent', lag: { writes: 0, exact: true, ms: 0, bytes: 0 } });
  });

  it('is behind by what is not restored, in writes, time and bytes', () => {
    const tokyo = side('tokyo', { journalInSequence: 9, journalInLba: 130 });
    const osaka = side('osaka', { ...auxiliary, restoredLba: 120, oldestWallMs: 1_700_000_098_000 });
    const { currency } = verdictOf(observation(tokyo, osaka));
    expect(currency).toMatchObject({
      kind: 'consistent-behind',
      lag: { writes: 3, exact: true, ms: 2_000, bytes: 10 * 512 },
    });
  });

  it.each([
    ['as old as the clocks tell', 1_700_000_098_000, 2_000],
    ['new, where the clocks differ by little', 1_700_000_100_900, 0],
    ['of no age that is known, where it comes from the future', 1_700_003_700_000, undefined],
  ])('is %s', (_, oldestWallMs, expected) => {
    const tokyo = side('tokyo', { journalInSequence: 9 });
    const { currency } = verdictOf(observation(tokyo, side('osaka', { ...auxiliary, oldestWallMs })));
    expect(currency.lag).toMatchObject({ writes: 3 });
    expect(currency.lag?.ms).toBe(expected);
  });

  it('counts journal space across the end of the ring, and a full ring as full', () => {
    const bytesFrom = (restoredLba: number, journalInLba: number): number | undefined =>
      verdictOf(
        observation(
          side('tokyo', { journalInSequence: 9, journalInLba }),
          side('osaka', { ...auxiliary, restoredLba }),
        ),
      ).lag?.bytes;
    expect(bytesFrom(1090, 110)).toBe(20 * 512);
    expect(bytesFrom(200, 200)).toBe(1000 * 512);
  });

  it('is behind, by what is known, where the primary does not answer', () => {
    const osaka = side('osaka', { ...auxiliary, peerSeenSequence: 8 });
    const { currency, kind } = verdictOf(observation(unreachable('tokyo'), osaka));
    expect({ kind, currency: currency.kind, lag: currency.lag }).toMatchObject({
      kind: 'unknown',
      currency: 'consistent-behind',
      lag: { writes: 3, exact: false },
    });
  });

  it('is behind while suspended even with nothing in the journal: the rest is differences', () => {
    const tokyo = side('tokyo', { state: 'suspended', suspendReason: 'journal-full' }, { differentChunks: 4 });
    const { currency } = verdictOf(observation(tokyo, side('osaka', auxiliary)));
    expect(currency).toMatchObject({ kind: 'consistent-behind', lag: { exact: false, differentBytes: 4 * 65536 } });
  });

  it('is inconsistent while a copy runs, and unknown where the auxiliary does not answer', () => {
    const copying = side('osaka', { ...auxiliary, state: 'copy', consistent: false }, { consistent: false });
    expect(verdictOf(observation(side('tokyo'), copying)).currency.kind).toBe('inconsistent');
    expect(verdictOf(observation(side('tokyo'), unreachable('osaka'))).currency.kind).toBe('unknown');
  });
});

describe('takeover decision', () => {
  const rows = {
    none: unreachable,
    absent,
    primary: (array: 'tokyo' | 'osaka') => side(array),
    auxiliary: (array: 'tokyo' | 'osaka') => side(array, { role: 'auxiliary' }),
  };
  const expected = {
    none: ['impossible', 'impossible', 'impossible', 'impossible'],
    absent: ['impossible', 'impossible', 'impossible', 'impossible'],
    primary: ['nothing', 'nothing', 'nothing', 'nothing'],
    auxiliary: ['take-over', 'take-over', 'swap-instead', 'swap-instead'],
  };
  for (const at of Object.keys(expected) as (keyof typeof expected)[]) {
    it(`at a side that is ${at}`, () => {
      const peers = Object.values(rows).map((peer) => takeoverAction(rows[at]('osaka'), peer('tokyo')));
      expect(peers).toEqual(expected[at]);
    });
  }
});
