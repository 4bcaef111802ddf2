import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
  readonly register?: boolean;
  readonly type: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  return changeReservation(
    {
      selector: request.lun,
      key,
      register: request.register,
      command: () => ({ action: 'reserve', key, type: request.type }),
      words: `reserve ${request.type} with key 0x${key}`,
      alreadySo: () => false,
    },
    context,
  );
}
