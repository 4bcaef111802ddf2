import { describe, expect, it } from 'vitest';
import { groupStateOf, reasonOf, stateOf } from '../../../src/array/execution/group-change.ts';
import { addPair, newGroup, suspend, updatePair } from '../../../src/array/group/transitions.ts';
import { START, type GroupState } from '../../../src/array/store/array-state.ts';

const request = {
  group: 'oradb',
  pair: 'data',
  role: 'primary',
  noCopy: false,
  primaryLun: 10,
  auxiliaryLun: 10,
  primaryJournalLun: 20,
  auxiliaryJournalLun: 20,
  primarySerial: 'TK000001',
  auxiliarySerial: 'OS000001',
} as const;

const inPair: GroupState = updatePair(addPair(newGroup(request, '00000000000000aa'), request, 0, 0), 0, {
  progress: 'pair',
});

const shown = (group: GroupState): unknown => [groupStateOf(group), stateOf(group, group.pairs[0]!), reasonOf(group)];

describe('the state that a group shows', () => {
  it('is that of its pairs while journal flows', () => {
    expect(shown(inPair)).toEqual(['pair', 'pair', 'none']);
    expect(shown(updatePair(inPair, 0, { progress: 'copy' }))).toEqual(['copy', 'copy', 'none']);
  });

  it('is suspended, with the reason, once it is', () => {
    expect(shown(suspend(inPair, 'journal-full', START))).toEqual(['suspended', 'suspended', 'journal-full']);
  });

  it.each([{ journalLost: true }, { givenUpTo: 7 }] as const)(
    'is suspended already where the suspension is only bound to follow: %j',
    (pending) => {
      expect(shown({ ...inPair, ...pending })).toEqual(['suspended', 'suspended', 'error']);
    },
  );
});
