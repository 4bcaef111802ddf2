import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withLun, type OpenLun } from '../lun-selector.ts';
import { optionalKey } from '../reservation-change.ts';
import { copyRange, type CopyFigures } from '../transfer/copy.ts';
import { imageEndpoint, inWords, lunEndpoint, type Endpoint } from '../transfer/endpoint.ts';
import { createPace } from '../transfer/pace.ts';
import { chooseRange, type Range } from '../transfer/range.ts';
import { TransferError } from '../transfer/transfer-error.ts';
import { formatBytes } from '../values.ts';

interface Request {
  readonly lun: string;
  readonly lba: number;
  readonly count?: number;
  readonly output?: string;
  readonly reservationKey?: string;
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

const SHOWN_LIMIT = 1024 * 1024;

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunRead>> {
  const options = { reservationKey: optionalKey(request.reservationKey) };
  return withLun(context, request.lun, (open) => read(request, context, open), options);
}

async function read(request: Request, context: CommandContext, open: OpenLun): Promise<CommandResult<LunRead>> {
  const { lba, output } = request;
  const { lun } = open;
  const { timeoutMs } = context;
  const { blockSize, blockCount: total } = await lun.capacity({ timeoutMs });
  const blockCount = request.count ?? (output === undefined ? 1 : total - lba);
  if (lba + blockCount > total || blockCount < 1) {
    throw usageError(
      blockCount < 1 ? 'no blocks to read' : `blocks ${lba} to ${lba + blockCount - 1} do not exist`,
      `the LUN has ${total} blocks`,
      'give --lba and --count inside it',
    );
  }
  const facts = { path: lun.path, lba, blockCount, blockSize };
  if (output === undefined) {
    if (blockCount * blockSize > SHOWN_LIMIT) {
      throw usageError('too much to show', `at most ${SHOWN_LIMIT} bytes are shown`, 'give --output FILE');
    }
    return { data: { ...facts, bytes: await lun.read(lba, blockCount, { timeoutMs }) } };
  }
  const from = lunEndpoint({ open, blockSize, blockCount: total, zero: {}, timeoutMs, repeatable: true });
  const range = chooseRange(from, undefined, { fromOffset: lba * blockSize }, blockCount * blockSize);
  const doneBytes =
    output === '-' ? await toStandardOutput(from, range, context) : await toFile(from, range, output, context);
  if (doneBytes === range.length) return { data: { ...facts, output } };
  const why = `it was ended after ${formatBytes(doneBytes)} of ${formatBytes(range.length)}`;
  return {
    data: { ...facts, output },
    exit: 'partial',
    note: { what: 'not everything was read', where: lun.path, why, next: 'run it again to its end' },
  };
}

/** Into `FILE.partial`, which gets its name when it is whole: what was cut short never looks like the whole. */
async function toFile(from: Endpoint, range: Range, output: string, context: CommandContext): Promise<number> {
  const { files, clock } = context.services;
  const partial = `${output}.partial`;
  await inWords(output, 'written', () => files.checkReplaceable(output));
  const image = await inWords(partial, 'written', () => files.openImage(partial, range.length, true));
  const pace = createPace(clock, range.length, (text) => context.progress(text));
  let figures: CopyFigures;
  try {
    figures = await copyRange({
      from,
      to: imageEndpoint(partial, image, true),
      range,
      resume: false,
      verify: false,
      verb: 'read',
      stopped: () => context.stop.aborted,
      progress: (_phase, doneBytes) => pace.show('read', doneBytes),
    });
    // While nobody else may write it.
    if (figures.whole) await inWords(output, 'written', () => files.rename(partial, output));
  } finally {
    await image.close();
  }
  return figures.doneBytes;
}

/** In order, the following READ under way while these bytes are written out. */
async function toStandardOutput(from: Endpoint, range: Range, context: CommandContext): Promise<number> {
  const { writeBytes } = context;
  if (!writeBytes) {
    const why = 'standard output carries one of them';
    throw usageError('--output - and --json exclude each other', why, 'give --output FILE');
  }
  const { fromOffset, length, cellBytes } = range;
  const readAt = (at: number): Promise<Uint8Array> =>
    from.read(fromOffset + at, Math.min(cellBytes, length - at)).catch((error: unknown) => {
      throw new TransferError(error, 'read', at, length);
    });
  let next = readAt(0);
  for (let at = 0; at < length; at += cellBytes) {
    const bytes = await next;
    if (context.stop.aborted) return at;
    if (at + cellBytes < length) next = readAt(at + cellBytes);
    next.catch(() => undefined);
    // Whoever reads the other end may be slow, and may have seen enough.
    if (!(await writeBytes(bytes))) break;
  }
  return length;
}
