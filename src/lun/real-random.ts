import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../base/random.ts';

/** The machine's cryptographic source of randomness. */
export function createRealRandom(): Random {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    below: (limit) => randomInt(limit),
  };
}
