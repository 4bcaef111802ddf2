import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withLun } from '../lun-selector.ts';
import type { LunReserve } from '../reservation-change.ts';

export async function run(
  request: { readonly lun: string },
  context: CommandContext,
): Promise<CommandResult<LunReserve>> {
  return withLun(context, request.lun, async ({ lun, access }) => {
    const reservations = await access.readReservations(lun, context.timeoutMs);
    return { data: { path: lun.path, done: false, dryRun: false, reservations } };
  });
}
