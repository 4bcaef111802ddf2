import { parseArrayFile } from '../config/array-file.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { describeArray, type InitOptions } from '../describe-array.ts';
import type { ArrayDescription } from '../services.ts';

interface Request extends InitOptions {
  readonly directory: string;
  readonly from?: string;
}

export interface ArrayInit {
  readonly directory: string;
  readonly description: ArrayDescription;
  readonly dryRun: boolean;
}

/** Writes `array.yaml`; its volumes come to be when the array is served for the first time. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayInit>> {
  const { directory, from } = request;
  const { files } = context.services;
  const description = from === undefined ? describeArray(request) : parseArrayFile(await files.readText(from), from);
  if (!context.dryRun) {
    const arrays = await context.services.arrays();
    await arrays.init(directory, description);
  }
  return { changed: !context.dryRun, data: { directory, description, dryRun: context.dryRun } };
}
