import { CliError } from './cli-error.ts';

/** What tells no length is held in memory whole, before anything is written of it: so much of it, and no more. Bytes. */
export const LONGEST_UNMEASURED = 256 * 1024 * 1024;

/** Reads to the end. Throws `usage` where there is more than can be held: a pipe that never ends, /dev/zero. */
export async function readToEnd(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  limit = LONGEST_UNMEASURED,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let byteLength = 0;
  for await (const chunk of chunks) {
    byteLength += chunk.length;
    if (byteLength > limit) throw tooLong(name, limit);
    parts.push(chunk);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function tooLong(name: string, limit: number): CliError {
  return new CliError('usage', {
    what: 'the input has no end that can be waited for',
    where: name,
    why: `it tells no length, and goes on after ${limit / 1024 / 1024} MiB`,
    next: 'put it into a file first, and name the file',
  });
}
