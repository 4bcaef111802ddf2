import { describe, expect, it } from 'vitest';
import { misfitsOf } from '../../src/replication/misfits.ts';
import { planDelete } from '../../src/replication/plan-delete.ts';
import { planSwap } from '../../src/replication/plan-swap.ts';
import { planTakeover } from '../../src/replication/plan-takeover.ts';
import { ORADB } from './support/lab.ts';
import { absent, observation, side, unreachable } from './support/sides.ts';
import { EMPTY_PAIR } from './support/rows.ts';

const LOG = { ...EMPTY_PAIR, pair: 'log', slot: 1, primaryLun: 11, auxiliaryLun: 11 };
const NO_LOG = 'pair log of the configuration is not formed at osaka: LUN 11 has no part in it';

/** One volume of the configuration was never paired. */
const tokyo = side('tokyo');
const osaka = side('osaka', { role: 'auxiliary' }, { role: 'auxiliary' });

describe('pairs that are not those of the configuration', () => {
  it('are told: missing, with another LUN, and beside them', () => {
    expect(misfitsOf(ORADB, observation(unreachable('tokyo'), osaka))).toEqual([NO_LOG]);
    const whole = { ...osaka, pairs: [...osaka.pairs, LOG] };
    expect(misfitsOf(ORADB, observation(absent('tokyo'), whole))).toEqual([]);
    const other = { ...osaka, pairs: [{ ...EMPTY_PAIR, role: 'auxiliary' as const, auxiliaryLun: 12 }, LOG] };
    expect(misfitsOf(ORADB, observation(unreachable('tokyo'), other))).toEqual([
      'pair data has LUN 12 at osaka, the configuration says LUN 10',
    ]);
    const more = { ...whole, pairs: [...whole.pairs, { ...LOG, pair: 'vault', primaryLun: 13, auxiliaryLun: 14 }] };
    expect(misfitsOf(ORADB, observation(unreachable('tokyo'), more))).toEqual([
      'pair vault at osaka, LUN 13, is not in the configuration',
    ]);
  });

  it('are told by a takeover, which is carried out all the same, also the second time', () => {
    const plan = planTakeover(ORADB, observation(unreachable('tokyo'), osaka), { at: 'osaka' });
    expect(plan).toMatchObject({ refused: false, notes: [NO_LOG] });
    const again = planTakeover(ORADB, observation(unreachable('tokyo'), side('osaka')), { at: 'osaka' });
    expect(again).toMatchObject({ refused: false, steps: [], notes: [NO_LOG] });
  });

  it('are told by a swap, of both sides', () => {
    const plan = planSwap(ORADB, observation(tokyo, osaka), { to: 'osaka' });
    expect(plan).toMatchObject({ refused: false, notes: [NO_LOG.replace('osaka', 'tokyo'), NO_LOG] });
  });

  it('are not dissolved by a name that means other volumes here', () => {
    const other = { ...osaka, pairs: [{ ...EMPTY_PAIR, role: 'auxiliary' as const, auxiliaryLun: 12 }, LOG] };
    const sides = observation(tokyo, other);
    expect(planDelete(ORADB, sides, { pair: 'data' })).toMatchObject({
      refused: true,
      refusal: { kind: 'refused-for-safety', why: 'pair data has LUN 12 at osaka, the configuration says LUN 10' },
    });
    expect(planDelete(ORADB, sides, { pair: 'log' })).toMatchObject({ refused: false });
    expect(planDelete({ ...ORADB, pairs: [] }, sides, { pair: 'data' })).toMatchObject({ refused: false });
    expect(planDelete(ORADB, sides, {})).toMatchObject({ refused: false });
  });
});
