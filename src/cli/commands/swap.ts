import { swapGroup } from '../../replication/swap.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { arrayOfGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly to?: string;
  readonly fence?: number;
}

export interface Swap extends GroupChangeData {
  readonly primary: string | undefined;
  /** Last write of the old primary. */
  readonly sequence: number | undefined;
  readonly attempts: number;
  readonly fenced: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<Swap>> {
  return changeGroup(
    context,
    request.group,
    ({ replication, group }) =>
      swapGroup(replication, group, {
        ...(request.to === undefined ? {} : { to: arrayOfGroup(group, request.to) }),
        ...(request.fence === undefined ? {} : { fenceLeaseMs: request.fence }),
        dryRun: context.dryRun,
      }),
    ({ primary, sequence, attempts, fenced }) => ({ primary, sequence, attempts, fenced }),
  );
}
