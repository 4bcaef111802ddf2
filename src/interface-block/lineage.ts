import type { LineageEntry } from './process-table.ts';

/**
 * Generation identifiers decide without a clock whether one side's data is a past state of the other's (the idea is
 * DRBD's). A lineage lists generations, oldest first; writes after `startSequence` of an entry, up to that of the next,
 * belong to it.
 */
export interface LineagePosition {
  readonly generation: string;
  /** Last write that the side holds. */
  readonly sequence: number;
}

/** Whether data at `position` is a past or the present state of the side with this lineage. */
export function isAncestor(position: LineagePosition, lineage: readonly LineageEntry[]): boolean {
  const index = lineage.findIndex((entry) => entry.generation === position.generation);
  if (index < 0) return false;
  const next = lineage[index + 1];
  return next === undefined || position.sequence <= next.startSequence;
}

/** The generation that write number `sequence` belongs to, where the lineage reaches back that far. */
export function generationAt(lineage: readonly LineageEntry[], sequence: number): string | undefined {
  return lineage.findLast((entry) => entry.startSequence < sequence)?.generation;
}
