import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeLunField, encodeLunField, LUN_LIMIT } from '../../src/scsi/lun-field.ts';
import { decodeReportLuns, encodeReportLuns } from '../../src/scsi/report-luns.ts';

describe('LUN field', () => {
  /** SAM-5 4.7.7.2 and 4.7.7.3. */
  it.each([
    [0, '0000000000000000'],
    [1, '0001000000000000'],
    [255, '00ff000000000000'],
    [256, '4100000000000000'],
    [4660, '5234000000000000'],
    [16383, '7fff000000000000'],
  ])('%i', (lun, expected) => {
    expect(toHex(encodeLunField(lun))).toBe(expected);
    expect(decodeLunField(fromHex(expected))).toEqual({ ok: true, value: lun });
  });

  it('holds every LUN', () => {
    for (let lun = 0; lun <= LUN_LIMIT; lun++)
      expect(decodeLunField(encodeLunField(lun))).toEqual({ ok: true, value: lun });
  });

  it('reads flat space addressing below 256', () => {
    expect(decodeLunField(fromHex('4005000000000000'))).toEqual({ ok: true, value: 5 });
  });

  it.each([
    '8001000000000000',
    'c101000000000000',
    '0101000000000000',
    '0001000100000000',
    '0001000000000001',
    '',
    '0001',
  ])('refuses %s', (hex) => {
    expect(decodeLunField(fromHex(hex)).ok).toBe(false);
  });

  it('throws on a LUN that it cannot hold', () => {
    for (const lun of [-1, 16384, 1.5, Number.NaN]) expect(() => encodeLunField(lun)).toThrow(RangeError);
  });
});

describe('REPORT LUNS data', () => {
  const DATA = '00000018 00000000 0000000000000000 0007000000000000 4100000000000000'.replaceAll(' ', '');

  it('is a length, then LUN fields', () => {
    expect(toHex(encodeReportLuns([0, 7, 256]))).toBe(DATA);
    expect(toHex(encodeReportLuns([]))).toBe('0000000000000000');
  });

  it('is read up to where it was cut, and says how long it is', () => {
    const bytes = fromHex(DATA);
    for (let length = 0; length <= bytes.length; length++) {
      const result = decodeReportLuns(bytes.subarray(0, length));
      expect(result.ok).toBe(length >= 8);
      if (!result.ok) continue;
      expect(result.value.luns).toEqual([0, 7, 256].slice(0, Math.floor((length - 8) / 8)));
      expect(result.value.wholeLength).toBe(32);
    }
  });

  it('keeps LUN fields of other forms apart', () => {
    const bytes = fromHex('0000001000000000c1010000000000000001000000000000');
    expect(decodeReportLuns(bytes)).toEqual({
      ok: true,
      value: { luns: [1], others: ['c101000000000000'], wholeLength: 24 },
    });
  });
});
