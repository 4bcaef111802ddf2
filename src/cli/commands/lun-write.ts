import { LABEL_MAGIC } from '../../interface-block/label.ts';
import type { Lun } from '../../lun/lun.ts';
import { CliError, usageError } from '../cli-error.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withLun, type OpenLun } from '../lun-selector.ts';

interface Request {
  readonly lun: string;
  readonly input: string;
  readonly lba: number;
  readonly pad?: boolean;
}

export interface LunWrite {
  readonly path: string;
  readonly lba: number;
  readonly blockCount: number;
  readonly blockSize: number;
  readonly dryRun: boolean;
}

const CHUNK_BYTES = 256 * 1024;
/** WRITEs in flight. */
const DEPTH = 8;

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunWrite>> {
  const input = request.input === '-' ? await context.readInput() : await readFile(request.input, context);
  return withLun(context, request.lun, async (open) => {
    const { lun } = open;
    const { blockSize, blockCount: total } = await lun.capacity({ timeoutMs: context.timeoutMs });
    await refuseCommandDevice(open, context.timeoutMs);
    const data = wholeBlocks(input, blockSize, request.pad ?? false);
    const blockCount = data.length / blockSize;
    if (blockCount < 1 || request.lba + blockCount > total) {
      throw usageError(
        `${data.length} bytes do not fit at block ${request.lba}`,
        `the LUN has ${total} blocks of ${blockSize} bytes`,
        'give a smaller file or another --lba',
      );
    }
    const facts = { path: lun.path, lba: request.lba, blockCount, blockSize, dryRun: context.dryRun };
    await confirmName(
      context,
      request.lun,
      `This overwrites ${blockCount} blocks of ${request.lun} from block ${request.lba}`,
    );
    if (!context.dryRun) await writeAll(lun, request.lba, data, blockSize, context);
    return { changed: !context.dryRun, data: facts };
  });
}

async function readFile(path: string, context: CommandContext): Promise<Uint8Array> {
  return context.services.files.read(path).catch((error: unknown) => {
    throw usageError(
      `${path} cannot be read`,
      error instanceof Error ? error.message : String(error),
      'give another --input',
    );
  });
}

/** A stray WRITE would be taken for a command: only `block send` writes to a command device. */
async function refuseCommandDevice({ lun, volume }: OpenLun, timeoutMs: number): Promise<void> {
  const first = await lun.read(0, 1, { timeoutMs });
  const magic = new TextDecoder('latin1').decode(first.subarray(0, LABEL_MAGIC.length));
  if (magic !== LABEL_MAGIC && volume?.kind !== 'command-device' && volume?.kind !== 'journal') return;
  const what = volume?.kind === 'journal' ? 'journal volume' : 'command device';
  throw new CliError('unsafe', {
    what: `this LUN is a ${what}`,
    where: lun.path,
    why: `a ${what} is the array's own; nothing was written`,
    next: 'name a volume; commands go through cdctl block send',
  });
}

function wholeBlocks(input: Uint8Array, blockSize: number, pad: boolean): Uint8Array {
  const rest = input.length % blockSize;
  if (rest === 0) return input;
  if (!pad) {
    throw usageError(
      `${input.length} bytes are no whole number of blocks`,
      `a block has ${blockSize} bytes`,
      'give a file of whole blocks, or --pad',
    );
  }
  const padded = new Uint8Array(input.length + blockSize - rest);
  padded.set(input);
  return padded;
}

/** Several WRITEs in flight, then one flush: durable when this resolves. */
async function writeAll(
  lun: Lun,
  lba: number,
  data: Uint8Array,
  blockSize: number,
  context: CommandContext,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < data.length) {
      const at = next;
      next += CHUNK_BYTES;
      const chunk = data.subarray(at, at + CHUNK_BYTES);
      await lun.write(lba + at / blockSize, chunk, { timeoutMs: context.timeoutMs });
      context.progress(`wrote ${Math.min(next, data.length)} of ${data.length} bytes`);
    }
  };
  const stopOthers = (error: unknown): never => {
    next = data.length;
    throw error;
  };
  await Promise.all(Array.from({ length: DEPTH }, () => worker().catch(stopOthers)));
  await lun.flush({ timeoutMs: context.timeoutMs });
}
