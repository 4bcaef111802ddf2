import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { labDirectory } from '../lab-directory.ts';
import type { LabReport } from '../services.ts';

interface Request {
  readonly directory?: string;
  readonly volumeSize: number;
  readonly journalSize: number;
  readonly blockSize: '512' | '4096';
}

export interface LabUp {
  /** Absent with `--dry-run`. */
  readonly lab?: LabReport;
  /** Nothing was done; `plan` says what would be. */
  readonly dryRun?: true;
  readonly plan?: readonly string[];
}

/** Idempotent: what runs is left alone, what does not run is started on its old data. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<LabUp>> {
  checkSize('--volume-size', request.volumeSize);
  checkSize('--journal-size', request.journalSize);
  const lab = await context.services.lab();
  const directory = labDirectory(request, context);
  if (context.dryRun) return { changed: false, data: { dryRun: true, plan: await plan(directory, context) } };
  context.progress('starting two arrays');
  const { changed, report } = await lab.up({
    directory,
    volumeBytes: request.volumeSize,
    journalBytes: request.journalSize,
    blockSize: request.blockSize === '4096' ? 4096 : 512,
    timeoutMs: context.timeoutMs,
  });
  return { changed, data: { lab: report } };
}

async function plan(directory: string | undefined, context: CommandContext): Promise<string[]> {
  const lab = await context.services.lab();
  const report = await lab.status(directory).catch(() => undefined);
  if (!report)
    return ['make a directory, two array descriptions and two configuration files', 'start tokyo', 'start osaka'];
  return report.arrays.filter(({ state }) => state !== 'running').map(({ name }) => `start ${name}`);
}

const LEAST_BYTES = 2 ** 20;

function checkSize(option: string, bytes: number): void {
  if (bytes >= LEAST_BYTES && bytes % 4096 === 0) return;
  throw usageError(
    `${option} ${bytes} is not possible`,
    'it must be a multiple of 4096 and at least 1MiB',
    `give ${option} 64MiB`,
  );
}
