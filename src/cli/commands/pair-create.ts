import { createGroup } from '../../replication/change.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { arrayOfGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly primary: string;
  /** commander's `--no-copy`: true unless it was given. */
  readonly copy: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<GroupChangeData>> {
  return changeGroup(context, request.group, ({ replication, group }) => {
    const primary = arrayOfGroup(group, request.primary);
    return createGroup(replication, group, { primary, noCopy: !request.copy, dryRun: context.dryRun });
  });
}
