import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';

export interface ArrayShow {
  readonly directory: string;
  readonly array: Record<string, unknown>;
}

export async function run(
  request: { readonly directory: string },
  context: CommandContext,
): Promise<CommandResult<ArrayShow>> {
  const arrays = await context.services.arrays();
  const array = await arrays.manage(request.directory, { operation: 'show' }, context.timeoutMs);
  return { data: { directory: request.directory, array } };
}
