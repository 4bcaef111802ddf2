import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeOverwriteList, decodeSanitizeCdb, sanitizeCdb } from '../../src/scsi/sanitize.ts';

describe('SANITIZE', () => {
  it('has a CDB in which what is reserved must be 0', () => {
    expect(toHex(sanitizeCdb(1, 0x0204, true))).toBe('48810000000000020400');
    expect(decodeSanitizeCdb(fromHex('48a20000000000000800'))).toEqual({
      ok: true,
      value: { immediate: true, allowExit: true, parameterListLength: 8 },
    });
    expect(decodeSanitizeCdb(fromHex('48420000000000000000')).ok).toBe(false);
    for (let byte = 2; byte < 7; byte += 1) {
      const cdb = sanitizeCdb(2);
      cdb[byte] = byte;
      expect(decodeSanitizeCdb(cdb).ok, `byte ${byte}`).toBe(false);
    }
    for (let length = 0; length < 10; length += 1)
      expect(decodeSanitizeCdb(sanitizeCdb(2).subarray(0, length)).ok).toBe(false);
  });

  it('OVERWRITE has a count and a pattern of at most a block', () => {
    expect(decodeOverwriteList(fromHex('82000003aabbccdd'), 512)).toEqual({
      ok: true,
      value: { passes: 2, invert: true, pattern: Uint8Array.of(0xaa, 0xbb, 0xcc) },
    });
    const refused = [
      '',
      '01000001',
      '0000000100',
      '2100000100',
      '0100000000',
      '0100000200',
      '01000201'.padEnd(1032, '0'),
    ];
    for (const list of refused) expect(decodeOverwriteList(fromHex(list), 512).ok, list.slice(0, 12)).toBe(false);
    expect(decodeOverwriteList(fromHex('01000200'.padEnd(1032, '0')), 512).ok).toBe(true);
  });
});
