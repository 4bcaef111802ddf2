import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withSelected, type OpenLun } from '../lun-selector.ts';
import { orMeantAsFile } from '../meant-as-file.ts';
import { optionalKey } from '../reservation-change.ts';
import { compareRange, type Comparison } from '../transfer/compare.ts';
import type { Endpoint } from '../transfer/endpoint.ts';
import { deadlineOf, openLunEnd, parseEnd, withFileEnd, type End } from '../transfer/ends.ts';
import { createPace } from '../transfer/pace.ts';
import { chooseRange } from '../transfer/range.ts';
import { formatBytes } from '../values.ts';

interface Request {
  readonly left: string;
  readonly right: string;
  readonly leftOffset?: number;
  readonly rightOffset?: number;
  readonly length?: number;
  readonly first?: boolean;
  readonly deadline?: number;
  readonly reservationKey?: string;
}

export interface LunCompare extends Comparison {
  readonly left: Side;
  readonly right: Side;
  readonly equal: boolean;
  readonly byteLength: number;
  /** What `differentBlocks` counts. */
  readonly blockBytes: number;
  readonly elapsedMs: number;
}

export interface Side {
  readonly name: string;
  readonly byteLength: number;
  readonly offset: number;
  /** 1 of a file. */
  readonly blockSize: number;
}

/** A file has no blocks; differences between two ends without any are counted in these. */
const USUAL_BLOCK = 512;

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunCompare>> {
  const ends = [parseEnd(request.left), parseEnd(request.right)] as const;
  const selectors = ends.flatMap((end) => (end.kind === 'lun' ? [end.selector] : []));
  if (selectors.length === 0) {
    throw usageError(
      'neither side is a LUN',
      `${request.left} and ${request.right} are files`,
      'use cmp, or name a LUN',
    );
  }
  const options = { reservationKey: optionalKey(request.reservationKey) };
  const work = async (opened: readonly OpenLun[]): Promise<CommandResult<LunCompare>> => {
    const rest = [...opened];
    return withEnd(context, ends[0], rest, (left) =>
      withEnd(context, ends[1], rest, (right) => compare(request, context, left, right)),
    );
  };
  return orMeantAsFile(ends, () => withSelected(context, selectors, work, options));
}

async function withEnd<T>(
  context: CommandContext,
  end: End,
  opened: OpenLun[],
  use: (end: Endpoint) => Promise<T>,
): Promise<T> {
  if (end.kind === 'file') return withFileEnd(context, end.path, use);
  return use((await openLunEnd(context, opened.shift()!)).end);
}

async function compare(
  request: Request,
  context: CommandContext,
  left: Endpoint,
  right: Endpoint,
): Promise<CommandResult<LunCompare>> {
  const { leftOffset = 0, rightOffset = 0, first = false } = request;
  const lengths = [left.byteLength - leftOffset, right.byteLength - rightOffset];
  const length = request.length ?? Math.min(...lengths);
  const sameLength = request.length !== undefined || lengths[0] === lengths[1];
  if (length < 1) throw usageError('nothing to compare', 'one side has no bytes there', 'give other offsets');
  const offsets = { fromOffset: leftOffset, toOffset: rightOffset };
  const range = chooseRange(left, right, offsets, length, ['--left-offset', '--right-offset']);
  const blockBytes = Math.max(left.unit, right.unit) === 1 ? USUAL_BLOCK : Math.max(left.unit, right.unit);
  const late = deadlineOf(context, request.deadline);
  const pace = createPace(context.services.clock, length, (text) => context.progress(text));
  const found = await compareRange({
    left,
    right,
    range,
    blockBytes,
    firstOnly: first,
    stopped: () => context.stop.aborted || late(),
    progress: (doneBytes) => pace.show('compared', doneBytes),
  });
  const data: LunCompare = {
    left: { name: request.left, byteLength: left.byteLength, offset: leftOffset, blockSize: left.unit },
    right: { name: request.right, byteLength: right.byteLength, offset: rightOffset, blockSize: right.unit },
    equal: found.whole && found.differentBlocks === 0 && sameLength,
    byteLength: length,
    blockBytes,
    elapsedMs: Math.round(pace.elapsedMs()),
    ...found,
  };
  return { data, ...ending(data, sameLength, context.stop.aborted) };
}

function ending(
  { whole, equal, left, right, comparedBytes, byteLength, differentBlocks, firstDifference, blockBytes }: LunCompare,
  sameLength: boolean,
  interrupted: boolean,
): Pick<CommandResult, 'exit' | 'note'> {
  if (equal) return {};
  const where = `${left.name} and ${right.name}`;
  if (differentBlocks > 0) {
    const why = `${differentBlocks} blocks of ${blockBytes} bytes differ, the first at byte ${firstDifference}${whole ? '' : ', and not everything was compared'}`;
    return { exit: 'does-not-hold', note: { what: 'they differ', where, why, next: 'see where: cdctl lun read' } };
  }
  if (!whole) {
    const why = `it was ended after ${formatBytes(comparedBytes)} of ${formatBytes(byteLength)}, which are equal`;
    const next = 'run it again to its end';
    return {
      exit: interrupted ? 'partial' : 'timeout',
      note: { what: 'not everything was compared', where, why, next },
    };
  }
  const why = sameLength
    ? ''
    : `${left.byteLength - left.offset} and ${right.byteLength - right.offset} bytes; what both have is equal`;
  return {
    exit: 'does-not-hold',
    note: { what: 'their lengths differ', where, why, next: 'give --length to compare what both have' },
  };
}
