import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
  readonly throughPowerLoss?: boolean;
}

/** REGISTER AND IGNORE EXISTING KEY: this port belongs to the key, so whatever it had before was the same. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  const throughPowerLoss = request.throughPowerLoss ?? false;
  return changeReservation(
    {
      selector: request.lun,
      key,
      command: () => ({ action: 'register', newKey: key, throughPowerLoss }),
      words: `register key 0x${key}`,
      // Another host may have the same key: only the device knows whether this port is registered.
      alreadySo: () => false,
    },
    context,
  );
}
