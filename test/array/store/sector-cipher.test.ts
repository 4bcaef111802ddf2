import { createCipheriv } from 'node:crypto';
import { expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { createSectorCipher } from '../../../src/array/store/sector-cipher.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

/** The same by OpenSSL, a sector at a time. */
function reference(key: Uint8Array, data: Uint8Array, first: number): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += 512) {
    const tweak = Buffer.alloc(16);
    tweak.writeBigUInt64LE(BigInt(first + at / 512));
    const cipher = createCipheriv('aes-256-xts', key, tweak);
    result.set(cipher.update(data.subarray(at, at + 512)), at);
  }
  return result;
}

const random = createSeededRandom(5);
const key = random.bytes(64);
const cipher = createSectorCipher(key);

it.each([0, 1, 254, 255, 0xffff_ffff, 2 ** 32, 2 ** 44 + 3])(
  'is AES-256-XTS as OpenSSL has it, from sector %i',
  (first) => {
    for (const sectors of [1, 2, 8, 130]) {
      const clear = random.bytes(sectors * 512);
      const before = clear.slice();
      const encrypted = cipher.encrypt(clear, first);
      expect(clear).toEqual(before);
      expect(Buffer.compare(encrypted, reference(key, clear, first))).toBe(0);
      expect(Buffer.compare(cipher.decrypt(encrypted, first), clear)).toBe(0);
    }
  },
);

it('takes bytes from any place in memory', () => {
  const memory = random.bytes(512 + 8);
  for (let start = 0; start < 8; start += 1) {
    const clear = memory.subarray(start, start + 512);
    expect(Buffer.compare(cipher.encrypt(clear, 9), reference(key, clear, 9))).toBe(0);
  }
});

/** IEEE 1619-2007, annex B, vector 10: XTS-AES-256, data unit ffh. */
it('encrypts the data unit of the standard as the standard does', () => {
  const digits = '2718281828459045235360287471352662497757247093699959574966967627';
  const tweakDigits = '3141592653589793238462643383279502884197169399375105820974944592';
  const standard = createSectorCipher(fromHex(digits + tweakDigits));
  const clear = Uint8Array.from({ length: 512 }, (_, at) => at & 0xff);
  const encrypted = toHex(standard.encrypt(clear, 0xff));
  expect(encrypted.slice(0, 64)).toBe('1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b');
});
