import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
  readonly register?: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  return changeReservation(
    {
      selector: request.lun,
      key,
      register: request.register,
      command: () => ({ action: 'clear', key }),
      words: 'clear every registration and the reservation',
      consequence: `This ends every host's registration with ${request.lun}, and the reservation`,
      alreadySo: ({ keys, held }) => keys.length === 0 && held === undefined,
    },
    context,
  );
}
