import { usageError } from '../cli-error.ts';
import type { FileSource, Stage } from '../services.ts';
import { formatBytes } from '../values.ts';

/** The file that is loaded, open, and how much of it is used. */
export interface DemoSource {
  readonly path: string;
  readonly file: FileSource;
  readonly byteLength: number;
  readonly beginning: boolean;
}

const SAMPLE_BYTES = 32 * 2 ** 20;

/** The user's file as a whole, or the beginning of a large one that every installation has. */
export async function openDemoSource(stage: Stage, path: string | undefined): Promise<DemoSource> {
  const chosen = path ?? stage.sampleFile;
  const file = await stage.openFile(chosen).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw usageError(`${chosen} cannot be read`, why, 'give another --file');
  });
  const byteLength = path === undefined ? Math.min(file.byteLength, SAMPLE_BYTES) : file.byteLength;
  if (byteLength > 0) return { path: chosen, file, byteLength, beginning: byteLength < file.byteLength };
  await file.close();
  throw usageError(`${chosen} is empty`, 'there is nothing to replicate', 'give another --file');
}

/** Each array stores the file once; journals and what the hosts write come on top. */
const ROOM_BYTES = 128 * 2 ** 20;

export async function checkRoom(stage: Stage, directory: string, source: DemoSource): Promise<void> {
  const free = await stage.freeBytes(directory);
  const needed = 2 * source.byteLength + ROOM_BYTES;
  if (free >= needed) return;
  throw usageError(
    `${source.path} is too large to be stored twice`,
    `${directory} has ${formatBytes(free)} free, ${formatBytes(needed)} are needed`,
    'give a smaller --file, or set TMPDIR to a larger file system',
  );
}
