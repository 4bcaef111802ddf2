import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { run as showPairs, type PairShow } from './pair-show.ts';

export async function run(
  request: { readonly group: string },
  context: CommandContext,
): Promise<CommandResult<PairShow>> {
  return showPairs(request, context);
}
