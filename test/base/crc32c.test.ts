import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { slowCrc32c } from '../support/slow-crc32c.ts';

/** RFC 7143 appendix A.4 (from RFC 3720 B.4); the digest bytes there stand least significant first. */
const RFC_VECTORS: readonly [string, Uint8Array, number][] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a91_36aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8_ab43],
  ['32 bytes counting up', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd_794e],
  ['32 bytes counting down', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113f_db5c],
];

describe('crc32c', () => {
  it('gives the check value of the polynomial', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe306_9283);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it.each(RFC_VECTORS)('agrees with the RFC on %s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('agrees with the bitwise definition at every length and alignment', () => {
    const random = createSeededRandom(1).bytes(700);
    for (let offset = 0; offset < 8; offset += 1) {
      for (const length of [0, 1, 3, 7, 8, 9, 47, 48, 127, 128, 129, 131, 135, 136, 511, 512, 600]) {
        const bytes = random.subarray(offset, offset + length);
        expect(crc32c(bytes), `${length} at ${offset}`).toBe(slowCrc32c(bytes));
      }
    }
  });

  it('goes on from a checksum', () => {
    const bytes = createSeededRandom(2).bytes(400);
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(slowCrc32c(bytes));
    }
  });
});
