import { equalBytes } from '../../base/bytes.ts';
import type { Endpoint } from './endpoint.ts';
import { cellsOf, placeOf, type Range } from './range.ts';
import { pump, type Cells } from './pump.ts';
import { TransferError } from './transfer-error.ts';

/** Bytes from the beginning of the range. */
export interface DifferentRange {
  readonly offset: number;
  readonly length: number;
}

export interface Comparison {
  /** False: it was stopped before the end. */
  readonly whole: boolean;
  readonly comparedBytes: number;
  /** First byte that differs, from the beginning of the range. */
  readonly firstDifference?: number;
  readonly differentBlocks: number;
  /** The first of them, neighbours joined. */
  readonly ranges: readonly DifferentRange[];
}

export interface CompareParts {
  readonly left: Endpoint;
  readonly right: Endpoint;
  readonly range: Range;
  /** What differences are counted in. */
  readonly blockBytes: number;
  /** Nothing further is compared after the first difference. */
  readonly firstOnly: boolean;
  readonly stopped: () => boolean;
  readonly progress: (doneBytes: number) => void;
}

const DEPTH = 8;
/** Differences are listed to this number of ranges; the others are counted. */
const LISTED_RANGES = 16;

/** Rejects with `TransferError`. */
export async function compareRange(parts: CompareParts): Promise<Comparison> {
  const { left, right, range, firstOnly, stopped, progress } = parts;
  const found: { index: number; first: number; blocks: number; ranges: DifferentRange[] }[] = [];
  let comparedBytes = 0;

  const work = async (cells: Cells): Promise<void> => {
    const { at, length } = placeOf(range, cells);
    if (!cells.zeros) {
      const [one, other] = await Promise.all([
        left.read(range.fromOffset + at, length),
        right.read(range.toOffset + at, length),
      ]);
      if (!equalBytes(one, other)) found.push({ index: cells.index, ...differences(one, other, at, parts.blockBytes) });
    }
    comparedBytes += length;
    progress(comparedBytes);
  };
  const ends = [
    { end: left, offset: range.fromOffset },
    { end: right, offset: range.toOffset },
  ];
  try {
    const enough = (): boolean => stopped() || (firstOnly && found.length > 0);
    const whole = await pump({ next: cellsOf(range, 0, ends), work, depth: DEPTH, stopped: enough });
    found.sort((one, other) => one.index - other.index);
    return {
      whole,
      comparedBytes,
      ...(found[0] && { firstDifference: found[0].first }),
      differentBlocks: found.reduce((sum, { blocks }) => sum + blocks, 0),
      ranges: joined(found.flatMap(({ ranges }) => ranges)).slice(0, LISTED_RANGES),
    };
  } catch (error) {
    throw new TransferError(error, 'compared', comparedBytes, range.length);
  }
}

/** Of two cells that are known to differ. */
function differences(one: Uint8Array, other: Uint8Array, at: number, blockBytes: number) {
  const ranges: DifferentRange[] = [];
  let first = -1;
  let blocks = 0;
  for (let offset = 0; offset < one.length; offset += blockBytes) {
    const [left, right] = [one.subarray(offset, offset + blockBytes), other.subarray(offset, offset + blockBytes)];
    if (equalBytes(left, right)) continue;
    if (first < 0) first = at + offset + left.findIndex((byte, index) => byte !== right[index]);
    blocks += 1;
    const last = ranges.at(-1);
    if (last && last.offset + last.length === at + offset) {
      ranges[ranges.length - 1] = { offset: last.offset, length: last.length + left.length };
    } else if (ranges.length <= LISTED_RANGES) ranges.push({ offset: at + offset, length: left.length });
  }
  return { first, blocks, ranges };
}

/** Across the edges of cells too. */
function joined(ranges: readonly DifferentRange[]): DifferentRange[] {
  const whole: DifferentRange[] = [];
  for (const range of ranges) {
    const last = whole.at(-1);
    if (last && last.offset + last.length === range.offset) {
      whole[whole.length - 1] = { offset: last.offset, length: last.length + range.length };
    } else whole.push(range);
  }
  return whole;
}
