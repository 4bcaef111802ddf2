import { describe, expect, it } from 'vitest';
import {
  acceptAcquisition,
  acceptRestore,
  acquired,
  addPair,
  becomeAuxiliary,
  newGroup,
  purge,
  resumePrimary,
  settle,
  startTracking,
  suspend,
  updatePair,
} from '../../../src/array/group/transitions.ts';
import { follow, judgeHeader } from '../../../src/array/group/follow-rules.ts';
import { swapToAuxiliary, swapToPrimary, takeOver } from '../../../src/array/group/role-transitions.ts';
import type { JournalHeader } from '../../../src/array/journal/header.ts';
import { NO_LIFE } from '../../../src/interface-block/lives.ts';
import { CommandRefusal } from '../../../src/array/refusal.ts';
import type { GroupState, Position } from '../../../src/array/store/array-state.ts';
import { pairRequest } from '../../support/array-pair.ts';

const G1 = '1'.repeat(16);
const G2 = '2'.repeat(16);
const G3 = '3'.repeat(16);
const at = (sequence: number): Position => ({ sequence, offset: sequence * 8 });

function primary(): GroupState {
  const group = addPair(newGroup(pairRequest('primary', 'data'), G1), pairRequest('primary', 'data'), 0, 0);
  return purge(group, at(5), new Set([0]));
}

function auxiliary(): GroupState {
  const fresh = addPair(newGroup(pairRequest('auxiliary', 'data'), ''), pairRequest('auxiliary', 'data'), 0, 0);
  const following = {
    ...fresh,
    following: true,
    lineage: primary().lineage,
    read: at(7),
    toBeRead: 7,
    toBeRestored: 5,
  };
  return settle(updatePair(following, 0, { copied: true, consistentFrom: 3 }), at(5));
}

function header(group: GroupState, stored: Position): JournalHeader {
  return {
    version: 1,
    role: group.role,
    suspendReason: group.suspendReason,
    serial: 'TK000001',
    peerSerial: 'OS000001',
    group: group.name,
    recordLimit: 64,
    headLba: 72,
    endLba: 584,
    mapLba: 584,
    purgedSequence: group.purged.sequence,
    purgedOffset: group.purged.offset,
    storedSequence: stored.sequence,
    storedOffset: stored.offset,
    followGeneration: group.followFrom.generation,
    followSequence: group.followFrom.sequence,
    incarnation: 1,
    wallMs: 0,
    lineage: group.lineage,
    pairs: [],
    changes: group.changes ?? 0,
    seenLife: group.peerLife?.life ?? NO_LIFE,
    seenChanges: group.peerLife?.changes ?? 0,
    seenSequence: group.peerLife?.sequence ?? 0,
    lives: group.lives ?? [],
  };
}

const TERMS = { acceptInconsistent: false, giveUpDamaged: false };

type Event = readonly [name: string, apply: (group: GroupState) => GroupState];

const TAIL = at(9);
const EVENTS: readonly Event[] = [
  ['split', (group) => suspend(group, 'split', TAIL)],
  ['resume as primary', (group) => resumePrimary(group, TAIL)],
  [
    'follow a descendant',
    (group) =>
      becomeAuxiliary(
        group,
        { generation: G2, discard: false, lineage: [...group.lineage, { generation: G2, startSequence: 9 }] },
        TAIL,
      ),
  ],
  [
    'follow a stranger',
    (group) =>
      becomeAuxiliary(group, { generation: G3, discard: false, lineage: [{ generation: G3, startSequence: 0 }] }, TAIL),
  ],
  [
    'discard for a stranger',
    (group) =>
      becomeAuxiliary(group, { generation: G3, discard: true, lineage: [{ generation: G3, startSequence: 0 }] }, TAIL),
  ],
  ['swap to auxiliary at 9', (group) => swapToAuxiliary(group, { generation: G1, sequence: 9 }, TAIL)],
  ['swap to auxiliary at 8', (group) => swapToAuxiliary(group, { generation: G1, sequence: 8 }, TAIL)],
  ['swap to primary at 7', (group) => swapToPrimary(group, { generation: G1, sequence: 7 }, G2)],
  ['take over', (group) => takeOver(group, TERMS, G2)],
  ['take over anyway', (group) => takeOver(group, { ...TERMS, acceptInconsistent: true }, G2)],
  ['acquire to 20', (group) => acceptAcquisition(group, 20)],
  ['restore to 7', (group) => acceptRestore(group, 7)],
  ['restore to 8', (group) => acceptRestore(group, 8)],
];

function describeOutcome(group: GroupState, apply: (group: GroupState) => GroupState): string {
  try {
    const next = apply(group);
    if (next === group) return 'same';
    return [
      next.role,
      next.suspendReason === 'none' ? (next.following ? 'active' : 'to meet its primary') : next.suspendReason,
    ].join(', ');
  } catch (error) {
    if (error instanceof CommandRefusal) return `refused: ${error.status}`;
    throw error;
  }
}

const restored = (): GroupState => settle({ ...auxiliary(), toBeRestored: 7 }, at(7));
const STATES: Readonly<Record<string, () => GroupState>> = {
  primary,
  'primary, suspended': () => suspend(primary(), 'journal-full', TAIL),
  'primary, tracking': () => startTracking(suspend(primary(), 'split', TAIL), G2),
  auxiliary,
  'auxiliary, all restored': restored,
  'auxiliary, copying': () => updatePair(restored(), 0, { progress: 'copy', copied: false }),
  'auxiliary, suspended': () => suspend(restored(), 'peer-suspended', at(7)),
  'taken over': () => takeOver(restored(), TERMS, G2),
};

describe('the table of states and events', () => {
  it('says for every cell what happens', () => {
    const table = Object.fromEntries(
      Object.entries(STATES).map(([state, make]) => [
        state,
        Object.fromEntries(EVENTS.map(([event, apply]) => [event, describeOutcome(make(), apply)])),
      ]),
    );
    expect(table).toMatchSnapshot();
  });

  it('changes nothing when an event that took effect comes again', () => {
    for (const make of Object.values(STATES)) {
      for (const [, apply] of EVENTS) {
        let next: GroupState;
        try {
          next = apply(make());
        } catch {
          continue;
        }
        expect(describeOutcome(next, apply)).toMatch(/^(same|refused: moved-on)$/);
      }
    }
  });
});

describe('who may follow whom', () => {
  it('follows its primary, also over a swap', () => {
    expect(judgeHeader(auxiliary(), header(primary(), at(9)))).toEqual({ kind: 'follow' });
    const handedOver = swapToAuxiliary({ ...primary(), purged: at(7) }, { generation: G1, sequence: 9 }, at(9));
    const swapped = swapToPrimary(
      settle({ ...auxiliary(), read: at(9), toBeRestored: 9 }, at(9)),
      { generation: G1, sequence: 9 },
      G2,
    );
    expect(judgeHeader(handedOver, header(swapped, at(12)))).toEqual({ kind: 'follow' });
  });

  it('does not follow over a gap in the journal', () => {
    const suspended = startTracking(suspend(primary(), 'journal-full', at(12)), G2);
    expect(judgeHeader(auxiliary(), header(suspended, at(12)))).toEqual({ kind: 'peer-suspended' });
    const resumed = resumePrimary(suspended, at(12));
    expect(judgeHeader(auxiliary(), header(resumed, at(12)))).toEqual({ kind: 'peer-suspended' });
  });

  it('takes over the positions of a primary that it was told to follow', () => {
    const resumed = resumePrimary(startTracking(suspend(primary(), 'split', at(12)), G2), at(12));
    const told = becomeAuxiliary(auxiliary(), { generation: G2, discard: false, lineage: resumed.lineage }, at(7));
    expect(judgeHeader(told, header(resumed, at(12)))).toEqual({ kind: 'adopt', everything: false });
    expect(follow(told, header(resumed, at(12)))).toMatchObject({
      following: true,
      read: at(12),
      restored: at(12),
      toBeRead: 12,
    });
    expect(judgeHeader(told, header(primary(), at(9)))).toMatchObject({ kind: 'wait' });
  });

  it('follows a primary that a write took into a further generation before it resumed, and none of another lineage', () => {
    const suspended = suspend(primary(), 'split', at(12));
    const split = suspend(auxiliary(), 'split', at(7));
    const told = becomeAuxiliary(split, { generation: G1, discard: false, lineage: suspended.lineage }, at(7));
    const resumed = resumePrimary(startTracking(suspended, G2), at(12));
    expect(judgeHeader(told, header(resumed, at(14)))).toEqual({ kind: 'adopt', everything: false });
    const other = { ...resumed, lineage: [{ generation: G3, startSequence: 0 }] };
    expect(judgeHeader(told, header(other, at(14)))).toMatchObject({ kind: 'wait' });
  });
});

describe('generations', () => {
  it('begins one with the first write after a suspension, not before and not twice', () => {
    const suspended = suspend(primary(), 'split', at(9));
    expect(suspended.lineage).toHaveLength(1);
    const tracking = startTracking(suspended, G2);
    expect(tracking.lineage.at(-1)).toEqual({ generation: G2, startSequence: 9 });
    expect(startTracking(tracking, G3)).toBe(tracking);
    expect(startTracking(primary(), G3)).toEqual(primary());
  });
});

describe('a batch that arrives after its auxiliary was split', () => {
  it('counts among what was to be read', () => {
    const split = suspend({ ...auxiliary(), toBeRead: 9 }, 'split', at(7));
    expect(split.toBeRead).toBe(7);
    const after = acquired(split, at(9), 1, { sequence: 9, wallMs: 0 });
    expect(after).toMatchObject({ read: at(9), toBeRead: 9 });
  });
});
