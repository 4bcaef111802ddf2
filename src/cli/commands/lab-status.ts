import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { labDirectory } from '../lab-directory.ts';
import type { LabUp } from './lab-up.ts';

export async function run(
  request: { readonly directory?: string },
  context: CommandContext,
): Promise<CommandResult<LabUp>> {
  const lab = await context.services.lab();
  return { data: { lab: await lab.status(labDirectory(request, context)) } };
}
