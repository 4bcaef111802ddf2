import type { Lun } from '../../lun/lun.ts';
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withLun } from '../lun-selector.ts';

interface Request {
  readonly lun: string;
  readonly lba: number;
  readonly count?: number;
  readonly output?: string;
}

export interface LunRead {
  readonly path: string;
  readonly lba: number;
  readonly blockCount: number;
  readonly blockSize: number;
  /** Where the bytes went; absent: they are in `bytes`. */
  readonly output?: string;
  readonly bytes?: Uint8Array;
}

/** Bytes of one READ, and how many are in flight. */
const CHUNK_BYTES = 1024 * 1024;
const SHOWN_LIMIT = 1024 * 1024;

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunRead>> {
  return withLun(context, request.lun, async ({ lun }) => {
    const { blockSize, blockCount: total } = await lun.capacity({ timeoutMs: context.timeoutMs });
    const { lba, output } = request;
    const blockCount = request.count ?? (output === undefined ? 1 : total - lba);
    if (lba + blockCount > total || blockCount < 1) {
      throw usageError(
        blockCount < 1 ? 'no blocks to read' : `blocks ${lba} to ${lba + blockCount - 1} do not exist`,
        `the LUN has ${total} blocks`,
        'give --lba and --count inside it',
      );
    }
    const facts = { path: lun.path, lba, blockCount, blockSize };
    if (output !== undefined) {
      await copyOut(lun, lba, blockCount, blockSize, output, context);
      return { data: { ...facts, output } };
    }
    if (blockCount * blockSize > SHOWN_LIMIT) {
      throw usageError('too much to show', `at most ${SHOWN_LIMIT} bytes are shown`, 'give --output FILE');
    }
    return { data: { ...facts, bytes: await lun.read(lba, blockCount, { timeoutMs: context.timeoutMs }) } };
  });
}

async function copyOut(
  lun: Lun,
  lba: number,
  blockCount: number,
  blockSize: number,
  output: string,
  context: CommandContext,
): Promise<void> {
  const sink = output === '-' ? standardOutput(context) : await context.services.files.create(output);
  const step = CHUNK_BYTES / blockSize;
  const readAt = (at: number): Promise<Uint8Array> =>
    lun.read(lba + at, Math.min(step, blockCount - at), { timeoutMs: context.timeoutMs });
  try {
    let next = readAt(0);
    for (let at = 0; at < blockCount; at += step) {
      const bytes = await next;
      // The following READ is under way while these bytes are written out.
      if (at + step < blockCount) next = readAt(at + step);
      next.catch(() => undefined);
      await sink.write(bytes);
      context.progress(`read ${at + bytes.length / blockSize} of ${blockCount} blocks`);
    }
  } finally {
    await sink.close();
  }
}

function standardOutput(context: CommandContext) {
  const { writeBytes } = context;
  if (!writeBytes)
    throw usageError(
      '--output - and --json exclude each other',
      'standard output carries one of them',
      'give --output FILE',
    );
  return {
    write: async (bytes: Uint8Array) => writeBytes(bytes.slice()),
    close: async () => undefined,
  };
}
