import { deleteGroup } from '../../replication/change.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { pairNamed, splitPairSelector } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly reachableOnly?: boolean;
}

/** The name to confirm is the selector as typed: `oradb`, or `oradb/data`. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<GroupChangeData>> {
  const selected = splitPairSelector(request.group);
  return changeGroup(context, selected.group, async ({ replication, group }) => {
    const pair = selected.pair === undefined ? {} : { pair: pairNamed(group, selected.pair) };
    await confirmName(context, request.group, `This dissolves ${request.group}: forming it again copies everything`);
    const reachableOnly = request.reachableOnly ?? false;
    return deleteGroup(replication, group, { ...pair, reachableOnly, dryRun: context.dryRun });
  });
}
