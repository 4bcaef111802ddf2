import type { LineageEntry } from '../interface-block/process-table.ts';
import type { JournalStatus } from '../host/operations.ts';

/** Up to where the data of a side goes: a generation and the last write of it that the side has. */
export interface Position {
  readonly generation: string;
  readonly sequence: number;
}

/** How the data of two sides relate. `diverged`: each has writes that the other lacks. */
export type Relation = 'same' | 'first-behind' | 'second-behind' | 'diverged';

/** Last write of a journal that is being stored. */
export function lastSequence(primary: JournalStatus): number {
  return primary.journalInSequence - 1;
}

/** A primary has what it stored; an auxiliary what it has acquired, restored or not. */
export function positionOf(journal: JournalStatus): Position {
  const sequence = journal.role === 'primary' ? lastSequence(journal) : journal.readSequence;
  return { generation: journal.generation, sequence };
}

/**
 * Whether everything at `position` is part of the history that `lineage` tells: its generation is a row, and it ends no later
 * than the next row begins. A side that has not yet heard of any generation holds nothing of its own.
 */
export function isAncestor(position: Position, lineage: readonly LineageEntry[]): boolean {
  if (isNoGeneration(position.generation)) return true;
  const row = lineage.findLastIndex((entry) => entry.generation === position.generation);
  if (row < 0) return false;
  const next = lineage[row + 1];
  return next === undefined || position.sequence <= next.startSequence;
}

export function relate(first: JournalStatus, second: JournalStatus): Relation {
  const firstKnown = isAncestor(positionOf(first), second.lineage);
  const secondKnown = isAncestor(positionOf(second), first.lineage);
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
