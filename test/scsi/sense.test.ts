import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeSense, encodeDescriptorSense, encodeFixedSense } from '../../src/scsi/sense.ts';
import { describeSense } from '../../src/scsi/sense-words.ts';

/** By hand from SPC-4 4.5.3 (fixed) and 4.5.2 (descriptor). */
const LBA_OUT_OF_RANGE = { key: 5, asc: 0x21, ascq: 0 };
const FIELD = { key: 5, asc: 0x24, ascq: 0, field: { inCdb: true, byte: 2, bit: 5 } };
const MISCOMPARE = { key: 0xe, asc: 0x1d, ascq: 0, information: 0x1ff };
const SEGMENT = { key: 0xa, asc: 0x0d, ascq: 1, commandSpecific: 3 };
const GOLDEN = [
  ['fixed', encodeFixedSense(LBA_OUT_OF_RANGE), '70 00 05 00000000 0a 00000000 21 00 00 000000'],
  ['fixed with a field pointer', encodeFixedSense(FIELD), '70 00 05 00000000 0a 00000000 24 00 00 cd0002'],
  ['fixed with INFORMATION', encodeFixedSense(MISCOMPARE), 'f0 00 0e 000001ff 0a 00000000 1d 00 00 000000'],
  [
    'fixed with COMMAND-SPECIFIC INFORMATION',
    encodeFixedSense(SEGMENT),
    '70 00 0a 00000000 0a 00000003 0d 01 00 000000',
  ],
  [
    'descriptor with COMMAND-SPECIFIC INFORMATION',
    encodeDescriptorSense(SEGMENT),
    '72 0a 0d 01 000000 0c 01 0a 0000 0000000000000003',
  ],
  ['descriptor', encodeDescriptorSense(LBA_OUT_OF_RANGE), '72 05 21 00 000000 00'],
  ['descriptor with a field pointer', encodeDescriptorSense(FIELD), '72 05 24 00 000000 08 02 06 0000 cd0002 00'],
  [
    'descriptor with INFORMATION',
    encodeDescriptorSense(MISCOMPARE),
    '72 0e 1d 00 000000 0c 00 0a 80 00 00000000000001ff',
  ],
] as const;

describe('sense data', () => {
  it.each(GOLDEN)('%s', (_name, bytes, expected) => {
    expect(toHex(bytes)).toBe(expected.replaceAll(' ', ''));
  });

  it('is read in both formats', () => {
    for (const sense of [LBA_OUT_OF_RANGE, FIELD, MISCOMPARE]) {
      expect(decodeSense(encodeFixedSense(sense))).toEqual({ ok: true, value: { deferred: false, ...sense } });
      expect(decodeSense(encodeDescriptorSense(sense))).toEqual({ ok: true, value: { deferred: false, ...sense } });
    }
  });

  it('keeps 64-bit INFORMATION in descriptor format and leaves it out of fixed format', () => {
    const sense = { key: 3, asc: 0x11, ascq: 0, information: 2 ** 40 };
    expect(decodeSense(encodeDescriptorSense(sense))).toMatchObject({ value: sense });
    expect(encodeFixedSense(sense)[0]).toBe(0x70);
  });

  it('knows deferred errors', () => {
    expect(decodeSense(fromHex('7100030000000000'))).toEqual({
      ok: true,
      value: { deferred: true, key: 3, asc: 0, ascq: 0 },
    });
    expect(decodeSense(fromHex('7303110000000000'))).toEqual({
      ok: true,
      value: { deferred: true, key: 3, asc: 0x11, ascq: 0 },
    });
  });

  it('reads fixed format only as far as it says that it reaches', () => {
    const bytes = encodeFixedSense(LBA_OUT_OF_RANGE);
    bytes[7] = 4;
    expect(decodeSense(bytes)).toMatchObject({ value: { key: 5, asc: 0, ascq: 0 } });
  });

  /** 4 bytes are the least that says anything in fixed format, 8 in descriptor format. */
  it('is total at every truncation', () => {
    for (const [, bytes] of GOLDEN) {
      const fixed = (bytes[0]! & 0x7f) === 0x70;
      for (let length = 0; length < bytes.length; length++) {
        expect(decodeSense(bytes.subarray(0, length)).ok).toBe(length >= (fixed ? 4 : 8));
      }
    }
  });

  it('is total for every response code and every descriptor length', () => {
    for (let code = 0; code < 256; code++) {
      const bytes = new Uint8Array(24).fill(code, 0, 1);
      expect(decodeSense(bytes).ok).toBe((code & 0x7f) >= 0x70 && (code & 0x7f) <= 0x73);
    }
    for (let length = 0; length < 256; length++) {
      const bytes = Uint8Array.of(
        0x72,
        5,
        0x24,
        0,
        0,
        0,
        0,
        16,
        0x00,
        length,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        2,
        6,
        0,
        0,
      );
      expect(decodeSense(bytes).ok).toBe(true);
    }
  });

  it('is said in the words of the standard', () => {
    expect(describeSense(LBA_OUT_OF_RANGE)).toBe('ILLEGAL REQUEST 5/21/00: logical block address out of range');
    expect(describeSense({ key: 6, asc: 0x29, ascq: 0 })).toBe(
      'UNIT ATTENTION 6/29/00: power on, reset, or bus device reset occurred',
    );
    expect(describeSense({ key: 2, asc: 0x08, ascq: 0 })).toBe('NOT READY 2/08/00: logical unit communication failure');
    expect(describeSense({ key: 4, asc: 0x80, ascq: 1 })).toBe('HARDWARE ERROR 4/80/01: vendor specific');
    expect(describeSense({ key: 3, asc: 0x77, ascq: 0x01 })).toContain('does not know');
  });
});
