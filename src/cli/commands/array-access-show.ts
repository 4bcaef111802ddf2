import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { AccessDescription } from '../services.ts';

export interface AccessShow {
  readonly directory: string;
  /** Everybody who reaches the array may do everything. */
  readonly open: boolean;
  readonly access: AccessDescription | undefined;
}

export async function run(
  { directory }: { readonly directory: string },
  context: CommandContext,
): Promise<CommandResult<AccessShow>> {
  const arrays = await context.services.arrays();
  await arrays.read(directory);
  const access = await arrays.readAccess(directory);
  return { data: { directory, open: access === undefined, access } };
}
