import type { Random } from '../../src/base/random.ts';

/** mulberry32: the same seed yields the same bytes on every machine. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 1) bytes[at] = next();
      return bytes;
    },
    below: (limit) => Math.floor((next() / 2 ** 32) * limit),
  };
}

/** So many bytes, the same each time. */
export function seededBytes(length: number): Uint8Array {
  return createSeededRandom(length).bytes(length);
}
