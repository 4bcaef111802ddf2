import { usageError } from '../cli-error.ts';
import { formatBytes } from '../values.ts';
import type { Endpoint } from './endpoint.ts';
import type { Cells } from './pump.ts';

/** The part of each end that is meant, and the cells that it is worked in. */
export interface Range {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly length: number;
  readonly cellBytes: number;
  readonly cellCount: number;
}

export interface RangeRequest {
  readonly fromOffset?: number;
  readonly toOffset?: number;
  readonly length?: number;
}

/** Bytes of one cell: one READ and one WRITE. */
const CELL_BYTES = 1024 * 1024;

/** `options`: what the offsets are called where they are given. */
export function chooseRange(
  from: Endpoint,
  to: Endpoint | undefined,
  request: RangeRequest,
  length: number,
  options: readonly [from: string, to: string] = ['--from-offset', '--to-offset'],
): Range {
  const { fromOffset = 0, toOffset = 0 } = request;
  checkInside(from, fromOffset, length, options[0]);
  if (to) checkInside(to, toOffset, length, options[1]);
  return { fromOffset, toOffset, length, cellBytes: CELL_BYTES, cellCount: Math.ceil(length / CELL_BYTES) };
}

export function notAtBlock(what: string, value: number, { name, unit }: Pick<Endpoint, 'name' | 'unit'>): Error {
  return usageError(
    `${what} of ${value} bytes is no whole number of blocks`,
    `a block of ${name} has ${unit} bytes`,
    'give multiples of it, or --pad where a file ends inside a block',
  );
}

function checkInside(end: Endpoint, offset: number, length: number, option: string): void {
  const { name, unit, byteLength } = end;
  if (offset % unit !== 0) throw notAtBlock(option, offset, end);
  if (length % unit !== 0) throw notAtBlock('the length', length, end);
  if (offset + length <= byteLength) return;
  throw usageError(
    `${formatBytes(length)} (${length} bytes) at byte ${offset} do not fit into ${name}`,
    `it has ${byteLength} bytes`,
    'give --length and offsets inside it',
  );
}

/** Where cells lie: bytes from the beginning of the range. */
export function placeOf({ cellBytes, length }: Range, { index, count }: Omit<Cells, 'zeros'>) {
  const at = index * cellBytes;
  return { at, length: Math.min(length - at, count * cellBytes) };
}

/** Cells taken together where they are known to be zeros: nothing is read, and little or nothing written. */
const ZERO_CELLS = 64;

/**
 * Hands out the cells from `first` on in order, one at a time, runs of zeros in larger groups. Every end in `ends` must know them
 * to be zeros. What an end says holds for the moment it says it: each run is asked for when its turn comes, not before.
 */
export function cellsOf(
  range: Range,
  first: number,
  ends: readonly { readonly end: Endpoint; readonly offset: number }[],
): () => Promise<Cells | undefined> {
  const known = ends.map(() => ({ zeros: false, until: 0 }));
  const asks = ends.length > 0 && ends.every(({ end }) => end.runAt !== undefined);
  let next = first;

  /** Byte of the range up to which everything from `at` on is zeros. */
  async function zerosUntil(at: number): Promise<number> {
    let until = Infinity;
    for (const [index, { end, offset }] of ends.entries()) {
      // That blocks are zeros holds for now only: a host may write there before the turn of the next cells.
      if (known[index]!.until <= at || known[index]!.zeros) {
        const run = await end.runAt!(offset + at);
        known[index] = { zeros: run.zeros, until: at + run.length };
      }
      if (!known[index]!.zeros) return at;
      until = Math.min(until, known[index]!.until);
    }
    return until;
  }

  return async () => {
    if (next >= range.cellCount) return undefined;
    const index = next;
    const at = index * range.cellBytes;
    const until = asks ? Math.min(await zerosUntil(at), range.length) : at;
    const whole = until === range.length ? range.cellCount - index : Math.floor((until - at) / range.cellBytes);
    const count = Math.max(1, Math.min(whole, ZERO_CELLS));
    next = index + count;
    return { index, count, zeros: whole > 0 };
  };
}
