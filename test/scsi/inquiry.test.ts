import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeStandardInquiry, encodeStandardInquiry, VERSION_DESCRIPTOR } from '../../src/scsi/inquiry.ts';

const INQUIRY = {
  peripheralQualifier: 0,
  deviceType: 0,
  removable: false,
  thirdPartyCopy: true,
  version: 6,
  vendor: 'CDCTL',
  product: 'VOLUME',
  revision: '0.1',
  versionDescriptors: [
    VERSION_DESCRIPTOR.sam5,
    VERSION_DESCRIPTOR.spc4,
    VERSION_DESCRIPTOR.sbc3,
    VERSION_DESCRIPTOR.iscsi,
  ],
};

/** By hand from SPC-4 table 181. */
const GOLDEN = [
  '00 00 06 12 5b 08 00 02',
  '4344 4354 4c20 2020',
  '564f 4c55 4d45 2020 2020 2020 2020 2020',
  '302e 3120',
  '00'.repeat(22),
  '00a0 0460 04c0 0960 0000 0000 0000 0000',
  '00'.repeat(22),
]
  .join('')
  .replaceAll(' ', '');

/** What the QEMU emulated disk answers (36 bytes), written from its source's fields. */
const SHORT = '0000050200000000' + toHex(new TextEncoder().encode('QEMU    QEMU HARDDISK   2.5+')).padStart(56, '0');

describe('standard INQUIRY data', () => {
  it('is 96 bytes', () => {
    expect(toHex(encodeStandardInquiry(INQUIRY))).toBe(GOLDEN);
  });

  it('is read back', () => {
    expect(decodeStandardInquiry(fromHex(GOLDEN))).toEqual({ ok: true, value: INQUIRY });
  });

  it('marks a LUN without a unit with 7Fh', () => {
    expect(encodeStandardInquiry({ ...INQUIRY, peripheralQualifier: 3, deviceType: 0x1f })[0]).toBe(0x7f);
  });

  it('is read from a device that gives 36 bytes', () => {
    expect(decodeStandardInquiry(fromHex(SHORT))).toMatchObject({
      ok: true,
      value: { vendor: 'QEMU', product: 'QEMU HARDDISK', revision: '2.5+', versionDescriptors: [] },
    });
  });

  it('is total at every truncation', () => {
    const bytes = fromHex(GOLDEN);
    for (let length = 0; length <= bytes.length; length++) {
      expect(decodeStandardInquiry(bytes.subarray(0, length)).ok).toBe(length >= 36);
    }
  });

  it('never hands control characters of a device to a terminal', () => {
    const bytes = fromHex(GOLDEN);
    bytes.set([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x80, 0xff, 0x07], 8);
    expect(decodeStandardInquiry(bytes)).toMatchObject({ value: { vendor: '?[31m???' } });
  });

  it('throws on names that do not fit', () => {
    expect(() => encodeStandardInquiry({ ...INQUIRY, vendor: 'TOO LONG A NAME' })).toThrow(/printable ASCII/);
    expect(() => encodeStandardInquiry({ ...INQUIRY, product: 'caf\u00e9' })).toThrow(/printable ASCII/);
    expect(() => encodeStandardInquiry({ ...INQUIRY, versionDescriptors: Array.from({ length: 9 }, () => 1) })).toThrow(
      RangeError,
    );
  });
});
