import type { JournalStatus } from '../host/operations.ts';
import { isAncestor, type LineagePosition } from '../interface-block/lineage.ts';
import type { LineageEntry } from '../interface-block/process-table.ts';

/** How the data of two sides relate. `diverged`: each has writes that the other lacks. */
export type Relation = 'same' | 'first-behind' | 'second-behind' | 'diverged';

/** Last write of a journal that is being stored. */
export function lastSequence(primary: JournalStatus): number {
  return primary.journalInSequence - 1;
}

/** A primary has what it stored; an auxiliary what it has acquired, restored or not. */
export function positionOf(journal: JournalStatus): LineagePosition {
  const sequence = journal.role === 'primary' ? lastSequence(journal) : journal.readSequence;
  return { generation: journal.lastGeneration, sequence };
}

/** The last write of the primary that an auxiliary has heard of; what it has not of them is known to be missing. */
export function lastSeenSequence(auxiliary: JournalStatus): number {
  return Math.max(auxiliary.peerSeenSequence, auxiliary.readSequence);
}

/** Whether all that a side has is part of the history that `lineage` tells. One that has heard of no generation has nothing. */
export function isPastOf(journal: JournalStatus, lineage: readonly LineageEntry[]): boolean {
  return isNoGeneration(journal.generation) || isAncestor(positionOf(journal), lineage);
}

export function relate(first: JournalStatus, second: JournalStatus): Relation {
  const firstKnown = isPastOf(first, second.lineage);
  const secondKnown = isPastOf(second, first.lineage);
  if (firstKnown && secondKnown) return compareSequences(positionOf(first).sequence, positionOf(second).sequence);
  if (firstKnown) return 'first-behind';
  return secondKnown ? 'second-behind' : 'diverged';
}

/** The last write that both sides have: where the newest generation that both know ended, on whichever side it ended first. */
export function forkOf(first: JournalStatus, second: JournalStatus): number {
  const known = new Set(second.lineage.map((row) => row.generation));
  const common = first.lineage.findLast((row) => known.has(row.generation));
  return common ? Math.min(endOf(first, common.generation), endOf(second, common.generation)) : 0;
}

function endOf(journal: JournalStatus, generation: string): number {
  const row = journal.lineage.findLastIndex((entry) => entry.generation === generation);
  return journal.lineage[row + 1]?.startSequence ?? positionOf(journal).sequence;
}

function compareSequences(first: number, second: number): Relation {
  if (first === second) return 'same';
  return first < second ? 'first-behind' : 'second-behind';
}

function isNoGeneration(generation: string): boolean {
  return /^0*$/.test(generation);
}
