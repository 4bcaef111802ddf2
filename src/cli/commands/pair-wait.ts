import { waitForGroup, type WaitCondition, type WaitResult } from '../../replication/wait.ts';
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly until: WaitCondition['until'];
  readonly sequence?: number;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<WaitResult>> {
  const condition = conditionOf(request);
  return withGroup(context, request.group, async ({ replication, group }) => ({
    data: await waitForGroup(replication, group, condition),
  }));
}

function conditionOf({ until, sequence }: Request): WaitCondition {
  if (until !== 'restored') return { until };
  if (sequence !== undefined) return { until, sequence };
  throw usageError(
    '--sequence is missing',
    '--until restored needs the write to wait for',
    'give --sequence NUMBER (cdctl journal show)',
  );
}
