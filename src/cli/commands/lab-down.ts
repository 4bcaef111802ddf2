import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { labDirectory } from '../lab-directory.ts';

interface Request {
  readonly directory?: string;
  readonly keep?: boolean;
}

export interface LabDown {
  readonly directory?: string;
  readonly removed?: boolean;
  /** Nothing was done; `plan` says what would be. */
  readonly dryRun?: true;
  readonly plan?: readonly string[];
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LabDown>> {
  const lab = await context.services.lab();
  const directory = labDirectory(request, context);
  if (context.dryRun) {
    const report = await lab.status(directory);
    const running = report.arrays.filter(({ state }) => state !== 'stopped').map(({ name }) => `stop ${name}`);
    const removes = report.temporary && request.keep !== true;
    return {
      changed: false,
      data: { dryRun: true, plan: removes ? [...running, `remove ${report.directory}`] : running },
    };
  }
  context.progress('stopping the arrays');
  const { changed, ...data } = await lab.down(directory, request.keep ?? false, context.timeoutMs);
  return { changed, data };
}
