import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { formatBytes } from '../values.ts';

export interface VolumeGiveUp {
  readonly directory: string;
  readonly lun: number;
  readonly dryRun: boolean;
  readonly changed: boolean;
  /** Absent where there is nothing to give up. */
  readonly givenUp?: PairGivenUp;
  /** What that means, in words. */
  readonly consequence?: string;
}

/** As the array tells it: `GivenUp` of src/array/give-up.ts. */
interface PairGivenUp {
  readonly volume: string;
  readonly group: string;
  readonly pair: string;
  readonly role: 'primary' | 'auxiliary';
  readonly writes: number;
  readonly bytes: number;
  readonly unreadable?: true;
}

interface Request {
  readonly directory: string;
  readonly lun: number;
}

/** What is lost is asked first, and named to whoever confirms it. The name to confirm is the volume's. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<VolumeGiveUp>> {
  const { directory, lun } = request;
  const { dryRun } = context;
  const arrays = await context.services.arrays();
  const ask = async (carryOut: boolean): Promise<Record<string, unknown>> =>
    arrays.manage(directory, { operation: 'volume-give-up', lun, carryOut }, context.timeoutMs);
  const data = { directory, lun, dryRun, changed: false };
  const found = (await ask(false))['givenUp'] as PairGivenUp | undefined;
  if (!found) return { changed: false, data };
  if (dryRun) return { changed: false, data: { ...data, givenUp: found, consequence: consequenceOf(found) } };
  await confirmName(context, found.volume, consequenceOf(found));
  const answer = await ask(true);
  const givenUp = (answer['givenUp'] as PairGivenUp | undefined) ?? found;
  const changed = answer['changed'] !== false;
  return { changed, data: { ...data, changed, givenUp, consequence: consequenceOf(givenUp) } };
}

function consequenceOf({ volume, group, pair, role, writes, bytes, unreadable }: PairGivenUp): string {
  if (unreadable) {
    const lost = `${writes} ${writes === 1 ? 'write' : 'writes'}`;
    return `Group ${group} goes on, volume ${volume} with it: ${lost} that hosts were told are done, to this or its other volumes, cannot be read in its journal any more and are lost`;
  }
  const leaves = `Volume ${volume} leaves pair ${group}/${pair} on this array with what is on its backing`;
  if (role === 'auxiliary') return `${leaves}, which is no state that the primary volume ever had`;
  if (writes === 0) return `${leaves}, which lacks nothing that the journal holds`;
  const lacking = `${writes} ${writes === 1 ? 'write' : 'writes'} (${formatBytes(bytes)})`;
  return `${leaves}: up to ${lacking} that hosts were told are done may be missing there, and are lost`;
}
