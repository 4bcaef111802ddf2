import type { Random } from '../../src/base/random.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** One thing that bytes from outside reach, and what may never come of any bytes. */
export interface Fuzzer {
  readonly name: string;
  /** The oracle, in a sentence. */
  readonly promise: string;
  /** Plays some inputs, all drawn from `random`; answers with how many. Throws where the promise is broken. */
  round(random: Random): Promise<number> | number;
}

export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
}

/** Rounds of one fuzzer; a failure names the round that repeats it. */
export async function play(fuzzer: Fuzzer, seed: number, rounds: number): Promise<number> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  let executions = 0;
  try {
    for (let round = seed; round < seed + rounds; round += 1) {
      try {
        executions += await fuzzer.round(createSeededRandom(round * 0x9e37_79b1 + fuzzer.name.length));
        await new Promise((resolve) => setImmediate(resolve));
        if (unhandled.length > 0) throw unhandled[0];
      } catch (error) {
        const replay = `npm run fuzz -- --only ${fuzzer.name} --seed ${round}`;
        throw new FuzzFailure(`${fuzzer.name}: ${fuzzer.promise}; ${describe(error)}\nreplay: ${replay}`, {
          cause: error,
        });
      }
    }
  } finally {
    process.off('unhandledRejection', note);
  }
  return executions;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function ensure(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new FuzzFailure(what());
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

export function chance(random: Random, oneIn: number): boolean {
  return random.below(oneIn) === 0;
}

/** Numbers at which lengths and counters go wrong, and any other. */
export function oddNumber(random: Random, byteCount: number): number {
  const limit = 2 ** (8 * byteCount);
  const edges = [
    0,
    1,
    2,
    3,
    7,
    8,
    255,
    256,
    511,
    512,
    4095,
    4096,
    8191,
    8192,
    65_535,
    65_536,
    2 ** 31,
    limit - 2,
    limit - 1,
  ];
  const edge = pick(random, edges) % limit;
  return chance(random, 3) ? random.below(Math.min(limit, 2 ** 32)) : edge;
}

/** One of the ways in which bytes on a disk or a wire get spoilt; may be as long as before, shorter or longer. */
export function spoil(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(Math.max(1, bytes.length));
  const length = Math.min(bytes.length - at, 1 + random.below(chance(random, 4) ? 600 : 8));
  const copy = Uint8Array.from(bytes);
  switch (random.below(7)) {
    case 0:
      copy[at]! ^= 1 << random.below(8);
      return copy;
    case 1:
      copy.set(random.bytes(length), at);
      return copy;
    case 2:
      copy.fill(pick(random, [0, 0xff]), at, at + length);
      return copy;
    case 3:
      return copy.slice(0, at);
    case 4:
      return Uint8Array.from([...copy.subarray(0, at), ...random.bytes(length), ...copy.subarray(at)]);
    case 5:
      copy.copyWithin(at, random.below(Math.max(1, bytes.length)), at + length);
      return copy;
    default:
      return Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(at + length)]);
  }
}
