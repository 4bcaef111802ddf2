import { splitGroup } from '../../replication/change.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';

export async function run(
  request: { readonly group: string },
  context: CommandContext,
): Promise<CommandResult<GroupChangeData>> {
  return changeGroup(context, request.group, ({ replication, group }) =>
    splitGroup(replication, group, { dryRun: context.dryRun }),
  );
}
