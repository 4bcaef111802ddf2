import { toHex } from './bytes.ts';

/** The one source of randomness, ids included, so that a simulation can be repeated from its seed. */
export interface Random {
  /** `length` random bytes in a new array. */
  bytes(length: number): Uint8Array;
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
}

/** `byteLength` random bytes as lower-case hex: request ids (16), generation ids (8). */
export function randomHex(random: Random, byteLength: number): string {
  return toHex(random.bytes(byteLength));
}
