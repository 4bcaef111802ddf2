import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeCapacity10, decodeCapacity16, encodeCapacity10, encodeCapacity16 } from '../../src/scsi/capacity.ts';

/** By hand from SBC-3 tables 61 and 63: the wire carries the last LBA, not the count. */
describe('READ CAPACITY data', () => {
  it('has 8 bytes', () => {
    expect(toHex(encodeCapacity10({ blockCount: 0x20000, blockSize: 512 }))).toBe('0001ffff00000200');
    expect(decodeCapacity10(fromHex('0001ffff00000200'))).toEqual({
      ok: true,
      value: { blockCount: 0x20000, blockSize: 512 },
    });
  });

  it('sends the initiator to the long form at 2^32 blocks', () => {
    expect(toHex(encodeCapacity10({ blockCount: 2 ** 32 - 1, blockSize: 512 }))).toBe('fffffffe00000200');
    expect(toHex(encodeCapacity10({ blockCount: 2 ** 32, blockSize: 512 }))).toBe('ffffffff00000200');
    expect(toHex(encodeCapacity10({ blockCount: 2 ** 40, blockSize: 512 }))).toBe('ffffffff00000200');
    expect(decodeCapacity10(fromHex('ffffffff00000200'))).toEqual({ ok: true, value: undefined });
  });

  it('has 32 bytes in the long form', () => {
    const bytes = encodeCapacity16({ blockCount: 2 ** 35, blockSize: 4096 });
    expect(toHex(bytes)).toBe(`00000007ffffffff00001000${'00'.repeat(20)}`);
    expect(decodeCapacity16(bytes)).toMatchObject({
      ok: true,
      value: { blockCount: 2 ** 35, blockSize: 4096, physicalExponent: 0, thin: false },
    });
  });

  it('tells physical blocks and thin provisioning', () => {
    const bytes = fromHex(`00000000000fffff00000200000380${'00'.repeat(17)}`);
    expect(decodeCapacity16(bytes)).toMatchObject({ value: { blockCount: 2 ** 20, physicalExponent: 3, thin: true } });
    const built = encodeCapacity16({ blockCount: 2 ** 20, blockSize: 512, physicalExponent: 3, thin: true });
    expect(toHex(built)).toBe(`00000000000fffff000002000003c0${'00'.repeat(17)}`);
    expect(() => encodeCapacity16({ blockCount: 1, blockSize: 512, physicalExponent: 16 })).toThrow(/physicalExponent/);
  });

  it('is total at every truncation', () => {
    const long = encodeCapacity16({ blockCount: 100, blockSize: 512 });
    for (let length = 0; length <= 32; length++)
      expect(decodeCapacity16(long.subarray(0, length)).ok).toBe(length >= 12);
    const short = long.subarray(4, 12);
    for (let length = 0; length <= 8; length++)
      expect(decodeCapacity10(short.subarray(0, length)).ok).toBe(length >= 8);
  });

  it.each([0, 1, 511, 513, 520, 131072])('refuses blocks of %i bytes', (blockSize) => {
    expect(decodeCapacity10(fromHex(`00000063${blockSize.toString(16).padStart(8, '0')}`)).ok).toBe(false);
  });

  it('refuses a capacity that no Number holds', () => {
    expect(decodeCapacity16(fromHex('ffffffffffffffff00000200')).ok).toBe(false);
  });
});
