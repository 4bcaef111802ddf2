import { deleteGroup } from '../../replication/change.ts';
import { isPresent, observeGroup } from '../../replication/observe.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { pairNamed, splitPairSelector, type OpenGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly reachableOnly?: boolean;
}

/** The name to confirm is the selector as typed: `oradb`, or `oradb/data`. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<GroupChangeData>> {
  const selected = splitPairSelector(request.group);
  return changeGroup(context, selected.group, async (open) => {
    const { replication, group } = open;
    const pair = selected.pair === undefined ? {} : { pair: await pairMeant(open, selected.pair) };
    await confirmName(context, request.group, `This dissolves ${request.group}: forming it again copies everything`);
    const reachableOnly = request.reachableOnly ?? false;
    return deleteGroup(replication, group, { ...pair, reachableOnly, dryRun: context.dryRun });
  });
}

/** The arrays may have a pair that the configuration does not name, or not any more. */
async function pairMeant({ replication, group }: OpenGroup, name: string): Promise<string> {
  try {
    return pairNamed(group, name);
  } catch (error) {
    const { sides } = await observeGroup(replication, group);
    if (sides.filter(isPresent).some((side) => side.pairs.some((row) => row.pair === name))) return name;
    throw error;
  }
}
