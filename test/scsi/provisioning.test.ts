import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeDefectDataCdb, encodeNoDefects } from '../../src/scsi/defect-data.ts';
import { decodeUnmapList, encodeLbaStatus } from '../../src/scsi/provisioning.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', ''));

/** By hand from SBC-3 5.28.2. */
const LIST = '0026 0020 00000000 0000000000000010 00000008 00000000 ffffffffffffffff 00000001 00000000';

describe('UNMAP parameter lists', () => {
  it('hold ranges; an LBA that no Number can hold is beyond every unit', () => {
    expect(decodeUnmapList(hex(LIST))).toEqual({
      ok: true,
      value: [
        { lba: 16, blockCount: 8 },
        { lba: Number.POSITIVE_INFINITY, blockCount: 1 },
      ],
    });
  });

  it('end at BLOCK DESCRIPTOR DATA LENGTH and where the data end; half a descriptor does not count', () => {
    const whole = hex(LIST);
    for (let length = 0; length <= whole.length; length++) {
      const result = decodeUnmapList(whole.subarray(0, length));
      expect(result.ok).toBe(length >= 8);
      if (result.ok) expect(result.value).toHaveLength(Math.floor((length - 8) / 16));
    }
    expect(decodeUnmapList(hex(LIST.replace('0020', '001f')))).toMatchObject({ value: { length: 1 } });
    expect(decodeUnmapList(hex(LIST.replace('0020', '0000')))).toEqual({ ok: true, value: [] });
  });
});

describe('GET LBA STATUS data', () => {
  it('is a header and one descriptor for each run', () => {
    const runs = [
      { lba: 5, blockCount: 3, mapped: true },
      { lba: 8, blockCount: 0xffff_ffff, mapped: false },
    ];
    expect(toHex(encodeLbaStatus(runs))).toBe(
      '00000024 00000000 0000000000000005 00000003 00 000000 0000000000000008 ffffffff 01 000000'.replaceAll(' ', ''),
    );
  });
});

describe('READ DEFECT DATA', () => {
  it('repeats what was asked for, before no defects', () => {
    expect(decodeDefectDataCdb(hex('37 00 1d 00000000 1234 00'))).toEqual({
      ok: true,
      value: { wanted: 0x1d, allocationLength: 0x1234 },
    });
    expect(decodeDefectDataCdb(hex('b7 f8 00000000 00012345 00 00'))).toEqual({
      ok: true,
      value: { wanted: 0x18, allocationLength: 0x12345 },
    });
    expect([toHex(encodeNoDefects(0x1d, false)), toHex(encodeNoDefects(0x08, true))]).toEqual([
      '001d0000',
      '0008000000000000',
    ]);
    for (let length = 0; length < 10; length++) {
      expect(decodeDefectDataCdb(hex('37001d00000000123400').subarray(0, length)).ok).toBe(false);
    }
  });
});
