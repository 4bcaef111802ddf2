import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../cli-error.ts';

/**
 * The directory with those above it, of which new ones have the mode. Step by step: Node's recursive `mkdir` never ends, and can be
 * interrupted by nothing but SIGKILL, where a directory that exists answers ENOENT, as those of /proc do.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (await isDirectory(path)) return;
    if (!isMissing(error)) throw error;
    const above = dirname(path);
    if (await isDirectory(above)) throw takesNone(above, path);
    await makeDirectory(above, mode);
    await mkdir(path, { mode }).catch((again: unknown) => needDirectory(path, again));
  }
}

async function needDirectory(path: string, error: unknown): Promise<void> {
  if (!(await isDirectory(path))) throw error;
}

function takesNone(above: string, path: string): CliError {
  return new CliError('refused', {
    what: 'no directory can be made here',
    where: path,
    why: `${above} takes no new ones: what stands there is the operating system's own`,
    next: 'name a place on a disk',
  });
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
