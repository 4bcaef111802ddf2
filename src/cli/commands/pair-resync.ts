import { resyncGroup } from '../../replication/resync.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { arrayOfGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly from?: string;
  readonly discard?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<GroupChangeData>> {
  return changeGroup(context, request.group, async ({ replication, group }) => {
    const from = request.from === undefined ? {} : { from: arrayOfGroup(group, request.from) };
    const discard = request.discard === undefined ? {} : { discard: arrayOfGroup(group, request.discard) };
    if (request.discard !== undefined) {
      await confirmName(context, group.name, `This gives up what only ${request.discard} has written`);
    }
    return resyncGroup(replication, group, { ...from, ...discard, dryRun: context.dryRun });
  });
}
