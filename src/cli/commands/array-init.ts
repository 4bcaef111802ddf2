import { CliError } from '../cli-error.ts';
import { formatArrayFile, parseArrayFile } from '../config/array-file.ts';
import { readBack } from '../config/read-back.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { describeArray, type InitOptions } from '../describe-array.ts';
import type { ArrayDescription, Files } from '../services.ts';

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
  const description = from === undefined ? described(request) : parseArrayFile(await textOf(from, files), from);
  if (!context.dryRun) {
    const arrays = await context.services.arrays();
    await arrays.init(directory, description);
  }
  return { changed: !context.dryRun, data: { directory, description, dryRun: context.dryRun } };
}

async function textOf(path: string, files: Files): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    throw new CliError('configuration', {
      what: 'the description cannot be read',
      where: path,
      why: error instanceof Error ? error.message : String(error),
      next: 'see that the file in --from is there, and that you may read it',
    });
  }
}

function described(request: Request): ArrayDescription {
  const text = formatArrayFile(describeArray(request));
  return readBack(text, 'no array can be described so', () => parseArrayFile(text, request.directory));
}
