import { change, type ChangeOptions, type ChangeResult } from './change.ts';
import type { ReplicationContext } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { planAcquire, planPurge, planRestore } from './plan-journal.ts';

export interface JournalOptions extends ChangeOptions {
  /** Up to this record; without it as far as a cycle of Fig. 16 would go. */
  readonly toSequence?: number;
}

/** S1604 alone: accepted at once, the reading follows. */
export function acquireJournal(
  context: ReplicationContext,
  group: GroupDefinition,
  options: JournalOptions = {},
): Promise<ChangeResult> {
  return change(context, group, options, (before) => planAcquire(before, options.toSequence));
}

/** S1609 alone: accepted at once, the writing follows. Works without the primary. */
export function restoreJournal(
  context: ReplicationContext,
  group: GroupDefinition,
  options: JournalOptions = {},
): Promise<ChangeResult> {
  return change(context, group, options, (before) => planRestore(before, options.toSequence));
}

/** S1610 alone: never beyond what the auxiliary journal holds durably. */
export function purgeJournal(
  context: ReplicationContext,
  group: GroupDefinition,
  options: JournalOptions = {},
): Promise<ChangeResult> {
  return change(context, group, options, (before) => planPurge(before, options.toSequence));
}
