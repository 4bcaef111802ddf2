import type { ChangeResult } from '../replication/change.ts';
import type { StepResult } from '../replication/events.ts';
import type { GroupObservation } from '../replication/observe.ts';
import { verdictOf, type Verdict } from '../replication/verdict.ts';
import type { CommandContext } from './context.ts';
import type { CommandResult } from './definition.ts';
import { plannedBlocks, type PlannedBlock } from './planned-blocks.ts';
import { withGroup, type OpenGroup } from './with-group.ts';

/** What every command that changes a group shows. */
export interface GroupChangeData {
  readonly group: string;
  readonly dryRun: boolean;
  /** With `--dry-run` only: what would be sent. */
  readonly plan?: readonly PlannedBlock[];
  readonly done: readonly StepResult[];
  readonly notes: readonly string[];
  readonly observation: GroupObservation;
  readonly verdict: Verdict;
}

/** Runs a verb on a group and reports it. `extra` adds what only this verb knows. */
export async function changeGroup<R extends ChangeResult, Extra extends object = object>(
  context: CommandContext,
  name: string,
  verb: (open: OpenGroup) => Promise<R>,
  extra: (result: R) => Extra = () => ({}) as Extra,
): Promise<CommandResult<GroupChangeData & Extra>> {
  return withGroup(context, name, async (open) => {
    const result = await verb(open);
    const observation = result.after ?? result.before;
    return {
      changed: result.changed,
      data: {
        group: result.group,
        dryRun: result.dryRun,
        ...(result.dryRun && { plan: plannedBlocks(result.plan, open.site, context) }),
        done: result.done,
        notes: result.notes,
        observation,
        verdict: verdictOf(observation),
        ...extra(result),
      },
    };
  });
}
