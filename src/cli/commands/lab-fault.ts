import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { labDirectory } from '../lab-directory.ts';
import type { LabFault } from '../services.ts';
import type { LabUp } from './lab-up.ts';

interface Request {
  readonly fault: LabFault;
  readonly array: string;
  readonly directory?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LabUp>> {
  const lab = await context.services.lab();
  if (context.dryRun) return { changed: false, data: { dryRun: true, plan: [`${request.fault} ${request.array}`] } };
  const directory = labDirectory(request, context);
  const { changed, report } = await lab.fault(directory, request.fault, request.array, context.timeoutMs);
  return { changed, data: { lab: report } };
}
