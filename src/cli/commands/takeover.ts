import type { Loss } from '../../replication/loss.ts';
import { takeOver } from '../../replication/takeover.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeGroup, type GroupChangeData } from '../group-change.ts';
import { arrayOfGroup } from '../with-group.ts';

interface Request {
  readonly group: string;
  readonly at: string;
  readonly acceptInconsistent?: boolean;
  readonly giveUpDamaged?: boolean;
  readonly peerIsLost?: boolean;
}

export interface Takeover extends GroupChangeData {
  readonly primary: string;
  /** What may be missing; absent where nothing was taken over. */
  readonly loss?: Loss;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<Takeover>> {
  const { acceptInconsistent = false, giveUpDamaged = false, peerIsLost = false } = request;
  const terms = { acceptInconsistent, giveUpDamaged, peerIsLost };
  return changeGroup(
    context,
    request.group,
    async ({ replication, group }) => {
      const at = arrayOfGroup(group, request.at);
      await confirmName(context, group.name, `This makes ${at} primary without its peer; writes may be lost`);
      return takeOver(replication, group, { at, ...terms, dryRun: context.dryRun });
    },
    ({ primary, loss }) => ({ primary, ...(loss && { loss }) }),
  );
}
