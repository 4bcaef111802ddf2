import { equalBytes } from '../../base/bytes.ts';
import { DifferenceList, type DifferentRange } from './difference-list.ts';
import type { Endpoint } from './endpoint.ts';
import { cellsOf, placeOf, type Range } from './range.ts';
import { pump, type Cells } from './pump.ts';
import { TransferError } from './transfer-error.ts';

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
  const list = new DifferenceList(LISTED_RANGES);
  let comparedBytes = 0;
  let differentBlocks = 0;
  let firstDifference = Infinity;

  const work = async (cells: Cells): Promise<void> => {
    const { at, length } = placeOf(range, cells);
    if (!cells.zeros) {
      const [one, other] = await Promise.all([
        left.read(range.fromOffset + at, length),
        right.read(range.toOffset + at, length),
      ]);
      if (!equalBytes(one, other)) {
        const { first, blocks, ranges } = differences(one, other, at, parts.blockBytes);
        firstDifference = Math.min(firstDifference, first);
        differentBlocks += blocks;
        for (const different of ranges) list.add(different);
      }
    }
    comparedBytes += length;
    progress(comparedBytes);
  };
  const ends = [
    { end: left, offset: range.fromOffset },
    { end: right, offset: range.toOffset },
  ];
  try {
    const enough = (): boolean => stopped() || (firstOnly && differentBlocks > 0);
    const whole = await pump({ next: cellsOf(range, 0, ends), work, depth: DEPTH, stopped: enough });
    return {
      whole,
      comparedBytes,
      ...(differentBlocks > 0 && { firstDifference }),
      differentBlocks,
      ranges: list.first(),
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
