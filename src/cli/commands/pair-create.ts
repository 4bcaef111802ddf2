import { createGroup } from '../../replication/change.ts';
import { confirmName } from '../confirm.ts';
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
    const other = group.arrays.find((array) => array !== primary)!;
    const confirmEmptying = (emptied: readonly string[]): Promise<void> =>
      confirmName(
        context,
        group.name,
        `This empties volumes (${emptied.join('; ')}); --primary ${other} copies the other way`,
      );
    return createGroup(replication, group, {
      primary,
      noCopy: !request.copy,
      dryRun: context.dryRun,
      confirmEmptying,
    });
  });
}
