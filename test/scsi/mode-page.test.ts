import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  decodeModeData,
  encodeCachingPage,
  encodeControlPage,
  encodeModeData,
  isWriteProtectSet,
  nothingChangeable,
  writeProtectChangeable,
} from '../../src/scsi/mode-page.ts';

const hex = (text: string) => text.replaceAll(' ', '');

/** By hand from SPC-4 7.5 and SBC-3 6.4. */
const CACHING = hex('08 12 04 00 0000 0000 0000 0000 00 00 0000 00 000000');
const CONTROL = hex('0a 0a 02 10 00 40 0000 012c 0000');
const DATA = {
  deviceSpecific: 0x90,
  blockDescriptor: { blockCount: 0x20000, blockSize: 512 },
  pages: [encodeCachingPage(true), encodeControlPage(false)],
};

describe('mode parameters', () => {
  it('have a caching page', () => {
    expect(toHex(encodeCachingPage(true))).toBe(CACHING);
    expect(encodeCachingPage(false)[2]).toBe(0);
  });

  it('have a control page', () => {
    expect(toHex(encodeControlPage(false))).toBe(CONTROL);
    expect(toHex(nothingChangeable(encodeControlPage(false)))).toBe(hex('0a 0a 00000000 00000000 0000'));
  });

  it('have SWP in the control page, and in its changeable mask', () => {
    expect(toHex(encodeControlPage(true))).toBe(hex('0a 0a 02 10 08 40 0000 012c 0000'));
    expect(toHex(writeProtectChangeable())).toBe(hex('0a 0a 00000800 00000000 0000'));
    expect([encodeControlPage(true), encodeControlPage(false), fromHex('0a00')].map(isWriteProtectSet)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('come with the header of MODE SENSE(6)', () => {
    expect(toHex(encodeModeData(DATA, 4, false))).toBe(hex('2b 00 90 08 00020000 00 000200') + CACHING + CONTROL);
    expect(toHex(encodeModeData({ deviceSpecific: 0x10, pages: [] }, 4, false))).toBe(hex('03 00 10 00'));
  });

  it('come with the header of MODE SENSE(10)', () => {
    expect(toHex(encodeModeData(DATA, 8, false))).toBe(
      hex('002e 00 90 00 00 0008 00020000 00 000200') + CACHING + CONTROL,
    );
    expect(toHex(encodeModeData(DATA, 8, true))).toBe(
      hex('0036 00 90 01 00 0010 0000000000020000 00000000 00000200') + CACHING + CONTROL,
    );
  });

  it('say "too many" where a short block descriptor cannot hold the count', () => {
    const data = { ...DATA, blockDescriptor: { blockCount: 2 ** 33, blockSize: 4096 } };
    expect(toHex(encodeModeData(data, 4, false)).slice(8, 24)).toBe('ffffffff00001000');
  });

  it('are read back', () => {
    for (const [header, longLba] of [
      [4, false],
      [8, false],
      [8, true],
    ] as const) {
      expect(decodeModeData(encodeModeData(DATA, header, longLba), header)).toEqual({
        ok: true,
        value: {
          deviceSpecific: 0x90,
          blockDescriptor: DATA.blockDescriptor,
          pages: [
            { page: 8, subpage: 0, bytes: fromHex(CACHING) },
            { page: 10, subpage: 0, bytes: fromHex(CONTROL) },
          ],
        },
      });
    }
  });

  it('are read with subpages', () => {
    expect(decodeModeData(fromHex(hex('00 00 00 00 4a 01 0002 aabb')), 4)).toMatchObject({
      value: { pages: [{ page: 10, subpage: 1, bytes: fromHex('4a010002aabb') }] },
    });
  });

  it('are a violation where a page or descriptor is cut, and never throw', () => {
    const whole = encodeModeData(DATA, 8, false);
    const boundaries = new Set([16, 36, 48]);
    for (let length = 0; length <= whole.length; length++) {
      expect(decodeModeData(whole.subarray(0, length), 8).ok, `cut at ${length}`).toBe(boundaries.has(length));
    }
    expect(decodeModeData(fromHex('0000000700000000000000'), 4).ok).toBe(false);
  });
});
