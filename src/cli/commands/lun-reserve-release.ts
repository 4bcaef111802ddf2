import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
  /** Absent: what is held. */
  readonly type?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  return changeReservation(
    {
      selector: request.lun,
      key,
      command: ({ held }) => ({ action: 'release', key, type: request.type ?? held?.type ?? '' }),
      words: `release the reservation of key 0x${key}`,
      alreadySo: ({ held }) => held === undefined,
    },
    context,
  );
}
