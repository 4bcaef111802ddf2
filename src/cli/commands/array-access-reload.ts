import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';

/** For an access file or a secret that was edited by hand. */
export async function run(
  { directory }: { readonly directory: string },
  context: CommandContext,
): Promise<CommandResult<ArrayEdit>> {
  return editArray(directory, { operation: 'access-reload' }, context);
}
