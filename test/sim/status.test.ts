import { expect, it } from 'vitest';
import type { GroupState } from '../../src/array/store/array-state.ts';
import type { ReplyOf } from '../../src/interface-block/process-table.ts';
import type { Stored } from './checkers/ring.ts';
import { watchAnswer } from './checkers/status.ts';
import type { SimDisk } from './disk.ts';
import { createSide } from './side.ts';
import type { StatePeek } from './state-peek.ts';

const HEAD = 20;
const BLOCKS = 96;

const GROUP = { name: 'oradb', role: 'primary', suspendReason: 'none', pairs: [] } as unknown as GroupState;
const RECORD: Stored = { sequence: 1, slot: 0, lba: 0, length: 2, blockCount: 2, offset: 0 };

/** A primary that serves, and whose journal holds this. */
function createStage(...records: readonly Stored[]) {
  const peek = { state: () => ({ groups: [GROUP] }) } as unknown as StatePeek;
  const place = { name: 'tokyo', groupName: 'oradb', firstLun: 10, journalLun: 20, serial: 'TK000001' };
  const side = createSide({ ...place, disk: {} as SimDisk, peek, volumes: 1, sectors: 128 });
  const ring = { stored: () => records, recordLimit: 12, blocks: BLOCKS };
  return Object.assign(side, { ready: true, group: GROUP, laterCommits: 1, ring });
}

/** That record 1 is all that the journal holds, and has so many blocks. */
function told(usedBlocks: number): ReplyOf<'journal.show'> {
  const place = { headLba: HEAD, endLba: HEAD + BLOCKS, journalInLba: HEAD + usedBlocks, journalOutLba: HEAD };
  const held = { usedRecords: 1, usedBlocks, journalInSequence: 2, journalOutSequence: 1 };
  const header = { group: 'oradb', role: 'primary', state: 'pair', consistent: true, ...place, ...held };
  return { header, rows: [] } as unknown as ReplyOf<'journal.show'>;
}

it('judges what is said of a journal by what is stored there', () => {
  const answered = watchAnswer([createStage(RECORD)], 0);
  answered.journal(told(2));
  expect(() => answered.journal(told(3))).toThrow('tokyo says of its journal: 1 records in 3 blocks');
});

it('does not judge the answer of an earlier life by records that have the same numbers since', () => {
  const side = createStage(RECORD);
  const answered = watchAnswer([side], 0);
  side.lives += 1;
  answered.journal(told(3));
});

it('judges role and state in an answer of an earlier life all the same', () => {
  const side = createStage(RECORD);
  const answered = watchAnswer([side], 0);
  side.lives += 1;
  const { header } = told(2);
  expect(() => answered.journal({ header: { ...header, state: 'suspended' }, rows: [] })).toThrow('tokyo says of its');
});
