import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  return changeReservation(
    {
      selector: request.lun,
      key,
      command: () => ({ action: 'register', key, newKey: '0'.repeat(16), throughPowerLoss: false }),
      words: `unregister key 0x${key}`,
      alreadySo: ({ keys }) => !keys.includes(key),
    },
    context,
  );
}
