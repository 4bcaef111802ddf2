import { CliError } from '../cli-error.ts';
import type { Destination } from './endpoint.ts';

/** One for the reset that may come, more for a target that comes and goes. */
const MOST_ROUNDS = 4;

/**
 * Does work that writes, and makes it durable. A device that is reset loses what it has acknowledged and not yet made durable, and then flushes
 * without a fault: the work is then done again, or refused as `outcome-unknown` where it is not `repeatable`.
 */
export async function durably<T>(
  to: Destination,
  work: (again: boolean) => Promise<T>,
  { repeatable = true }: { readonly repeatable?: boolean } = {},
): Promise<T> {
  for (let round = 1; ; round += 1) {
    const before = to.interruptions?.();
    const result = await work(round > 1);
    await to.flush();
    if (to.interruptions?.() === before) return result;
    if (!repeatable || round === MOST_ROUNDS) throw interrupted(to.name);
  }
}

function interrupted(name: string): CliError {
  return new CliError('outcome-unknown', {
    what: 'it is unknown whether everything is durable',
    where: name,
    why: 'the connection was lost or the device reset, and what it had acknowledged before may have gone with it',
    next: 'see that the target stays up, then run it again',
  });
}
