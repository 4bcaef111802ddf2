import { usageError } from '../cli-error.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { refuseCommandDevice } from '../destination-guard.ts';
import { withLun, type OpenLun } from '../lun-selector.ts';
import { optionalKey } from '../reservation-change.ts';
import { copyRange } from '../transfer/copy.ts';
import { lunEndpoint, type Endpoint } from '../transfer/endpoint.ts';
import { notWholeBlocks, padded, withFileEnd } from '../transfer/ends.ts';
import { createPace } from '../transfer/pace.ts';
import { chooseRange } from '../transfer/range.ts';
import { formatBytes } from '../values.ts';

interface Request {
  readonly lun: string;
  readonly input: string;
  readonly lba: number;
  readonly pad?: boolean;
  readonly reservationKey?: string;
}

export interface LunWrite {
  readonly path: string;
  readonly lba: number;
  readonly blockCount: number;
  readonly blockSize: number;
  readonly dryRun: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunWrite>> {
  const withInput = async (source: Endpoint): Promise<CommandResult<LunWrite>> => {
    const options = { reservationKey: optionalKey(request.reservationKey) };
    return withLun(context, request.lun, (open) => write(request, context, open, source), options);
  };
  if (request.input !== '-') return withFileEnd(context, request.input, withInput);
  const input = await context.readInput();
  return withInput({
    name: 'standard input',
    byteLength: input.length,
    unit: 1,
    read: async (offset, length) => input.subarray(offset, offset + length),
  });
}

async function write(
  request: Request,
  context: CommandContext,
  open: OpenLun,
  source: Endpoint,
): Promise<CommandResult<LunWrite>> {
  const { lba, pad = false } = request;
  const { timeoutMs, dryRun } = context;
  const { blockSize, blockCount: total } = await open.lun.capacity({ timeoutMs });
  await refuseCommandDevice(open, timeoutMs);
  const from = pad ? padded(source, blockSize) : source;
  if (from.byteLength % blockSize !== 0) throw notWholeBlocks(from.name, from.byteLength, blockSize);
  const blockCount = from.byteLength / blockSize;
  if (blockCount < 1) throw usageError('nothing to write', `${from.name} has 0 bytes`, 'give a file of whole blocks');
  if (lba + blockCount > total) {
    throw usageError(
      `${from.byteLength} bytes do not fit at block ${lba}`,
      `the LUN has ${total} blocks of ${blockSize} bytes`,
      'give a smaller file or another --lba',
    );
  }
  const consequence = `This overwrites ${blockCount} blocks of ${request.lun} from block ${lba}`;
  await confirmName(context, request.lun, consequence);
  const data = { path: open.lun.path, lba, blockCount, blockSize, dryRun };
  if (dryRun) return { changed: false, data };
  // Somebody else may write there between two attempts: none is made again.
  const to = lunEndpoint({ open, blockSize, blockCount: total, zero: {}, timeoutMs, repeatable: false });
  const range = chooseRange(from, to, { toOffset: lba * blockSize }, from.byteLength);
  const pace = createPace(context.services.clock, range.length, (text) => context.progress(text));
  const figures = await copyRange({
    from,
    to,
    range,
    resume: false,
    verify: false,
    verb: 'written',
    repeatable: false,
    stopped: () => context.stop.aborted,
    progress: (_phase, doneBytes) => pace.show('wrote', doneBytes),
  });
  if (figures.whole) return { changed: true, data };
  const why = `it was ended after ${formatBytes(figures.doneBytes)} of ${formatBytes(range.length)}`;
  const note = { what: 'not everything was written', where: open.lun.path, why, next: 'run it again to its end' };
  return { changed: figures.writtenBytes > 0, data, exit: 'partial', note };
}
