import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { changeReservation, parseKey, type LunReserve } from '../reservation-change.ts';

interface Request {
  readonly lun: string;
  readonly key: string;
  readonly register?: boolean;
  readonly victim: string;
  /** Absent: what is held. */
  readonly type?: string;
  readonly abort?: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunReserve>> {
  const key = parseKey(request.key);
  const other = parseKey(request.victim, '--victim');
  const action = request.abort ? 'preemptAndAbort' : 'preempt';
  return changeReservation(
    {
      selector: request.lun,
      key,
      register: request.register,
      command: ({ held }) => ({ action, key, other, type: request.type ?? held?.type ?? 'write-exclusive' }),
      words: `preempt key 0x${other}${request.abort ? ' and abort its commands' : ''} with key 0x${key}`,
      consequence: `This ends the registration of key 0x${other} with ${request.lun}, and takes its reservation`,
      alreadySo: ({ keys, held }) => !keys.includes(other) && held?.key !== other,
    },
    context,
  );
}
