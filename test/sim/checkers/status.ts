import type { ReplyOf } from '../../../src/interface-block/process-table.ts';
import type { GroupState } from '../../../src/array/store/array-state.ts';
import { groupOf, type Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';

/**
 * I1b and I11: what an array says of its pairs, judged by its durable tables. A copy that has not ended is never called consistent, and
 * nothing that is suspended, or is bound to be, is said to be in state pair or copy. I8: how full the journal is, exactly full and
 * exactly empty told apart.
 */
export interface Answered {
  /** Judges an answer to a question that was sent when this was made. */
  pairs(reply: ReplyOf<'pair.show'>): void;
  journal(reply: ReplyOf<'journal.show'>): void;
}

/** A change of the tables may take effect later, while their log is compacted. */
const IN_EFFECT_MS = 30_000;

type Row = ReplyOf<'pair.show'>['rows'][number];

/** `sides` of one array. */
export function watchAnswer(sides: readonly Side[], nowMs: number): Answered {
  const asked = new Map(
    sides.map((side) => {
      const { groupName, changes, lives } = side;
      return [groupName, { side, group: inEffect(side, nowMs), changes, lives }];
    }),
  );

  /** The tables that were in effect while the question was on its way; undefined where they changed. */
  function settled(name: string): Settled | undefined {
    const known = asked.get(name);
    if (!known?.group || known.side.changes !== known.changes || known.side.stateChanged) return undefined;
    const { side, group, lives } = known;
    return groupOf(side) ? { side, group, isSameLife: side.lives === lives } : undefined;
  }

  return {
    pairs({ rows }) {
      for (const row of rows) {
        const known = settled(row.group);
        if (known) judgePair(known.side, known.group, row);
      }
    },
    journal({ header }) {
      const known = settled(header.group);
      if (!known) return;
      judgeJournal(known.side, known.group, header);
      // A power cut may have taken records that an earlier life told of, and others have their numbers since.
      if (known.isSameLife) judgeRoom(known.side, header);
    },
  };
}

interface Settled {
  readonly side: Side;
  readonly group: GroupState;
  /** As when the question was sent. */
  readonly isSameLife: boolean;
}

function inEffect(side: Side, nowMs: number): GroupState | undefined {
  if (side.stateChanged || !side.ready) return undefined;
  const isProven = side.laterCommits > 0 || nowMs - side.changedMs > IN_EFFECT_MS;
  return isProven ? side.group : undefined;
}

/** A journal that has failed, or whose loss somebody has accepted, is about to be suspended. */
function shownState(group: GroupState, isWhole: boolean): string {
  if (group.suspendReason !== 'none' || group.journalLost || group.givenUpTo !== undefined) return 'suspended';
  return isWhole ? 'pair' : 'copy';
}

function judgePair(side: Side, group: GroupState, row: Row): void {
  const pair = group.pairs.find(({ slot }) => slot === row.slot);
  if (!pair) return;
  const isWhole = pair.progress === 'pair';
  const what = `${side.name} says of pair ${row.pair}`;
  if (row.consistent && group.role === 'auxiliary' && !isWhole)
    throw new SimFailure('I1b-copy', `${what} that it is consistent, and its copy has not ended`);
  const state = shownState(group, isWhole);
  if (row.state !== state || row.role !== group.role)
    throw new SimFailure('I11-status', `${what} that it is ${row.role}, ${row.state}; it is ${group.role}, ${state}`);
}

function judgeJournal(side: Side, group: GroupState, header: ReplyOf<'journal.show'>['header']): void {
  const isWhole = group.pairs.every((pair) => pair.progress === 'pair');
  const what = `${side.name} says of its group`;
  if (header.consistent && group.role === 'auxiliary' && !(isWhole && group.pairs.length > 0))
    throw new SimFailure('I1b-copy', `${what} that it is consistent, and a copy has not ended`);
  const state = shownState(group, isWhole);
  if (header.state !== state || header.role !== group.role)
    throw new SimFailure(
      'I11-status',
      `${what} that it is ${header.role}, ${header.state}; it is ${group.role}, ${state}`,
    );
}

function judgeRoom(side: Side, header: ReplyOf<'journal.show'>['header']): void {
  const { blocks, recordLimit } = side.ring;
  const { usedBlocks, usedRecords, headLba, endLba, journalInLba, journalOutLba } = header;
  const inRing = (lba: number): boolean => lba >= headLba && lba < endLba;
  const apart = (journalInLba - journalOutLba + blocks) % blocks;
  const stored = side.ring
    .stored()
    .filter(({ sequence }) => sequence >= header.journalOutSequence && sequence < header.journalInSequence);
  const isRight =
    usedRecords === header.journalInSequence - header.journalOutSequence &&
    usedRecords <= recordLimit &&
    usedBlocks <= blocks &&
    usedBlocks % blocks === apart &&
    inRing(journalInLba) &&
    inRing(journalOutLba) &&
    // All of them are known only where none was stored before this simulation looked.
    (stored.length !== usedRecords || stored.reduce((sum, { blockCount }) => sum + blockCount, 0) === usedBlocks);
  if (isRight) return;
  const what = `${usedRecords} records in ${usedBlocks} blocks, from ${journalOutLba} to ${journalInLba}`;
  throw new SimFailure('I8-wrap', `${side.name} says of its journal: ${what}`);
}
