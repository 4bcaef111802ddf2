import { restoreJournal } from '../../replication/journal.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';

interface Request {
  readonly group: string;
  readonly to?: number;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<GroupChangeData>> {
  const toSequence = request.to === undefined ? {} : { toSequence: request.to };
  return changeGroup(context, request.group, ({ replication, group }) =>
    restoreJournal(replication, group, { ...toSequence, dryRun: context.dryRun }),
  );
}
