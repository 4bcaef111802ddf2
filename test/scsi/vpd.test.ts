import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Decoded } from '../../src/base/violation.ts';
import {
  decodeBlockLimits,
  decodeDeviceIdentification,
  decodeUnitSerial,
  decodeVpd,
  encodeBlockDeviceCharacteristics,
  encodeBlockLimits,
  encodeDeviceIdentification,
  encodeLogicalBlockProvisioning,
  encodeSupportedPages,
  encodeUnitSerial,
  worldWideNameOf,
} from '../../src/scsi/vpd.ts';

const hex = (text: string) => text.replaceAll(' ', '');
const NAA = fromHex('600a0b8000112233aabbccddeeff0011');

/** By hand from SPC-4 7.8 and SBC-3 6.5. */
const SERIAL = hex('00 80 00 0c') + toHex(new TextEncoder().encode('TOKYO01-000A'));
const IDENTIFICATION = hex(
  '00 83 00 30' +
    '01 03 00 10 600a0b8000112233aabbccddeeff0011' +
    '51 94 00 04 00000001' +
    '53 a8 00 10 69716e2e323032362d31312e613a6200',
);
const LIMITS = hex(
  '00 b0 00 3c 00 ff 0008 00010000 00000800 00000000 00100000 00000100 00000008 80000000 0000000000010000 00000100' +
    '00000008 00000008' +
    '00'.repeat(8),
);

const DESIGNATORS = [
  { codeSet: 1, association: 0, type: 3, value: NAA },
  { codeSet: 1, association: 1, type: 4, value: Uint8Array.of(0, 0, 0, 1) },
  { codeSet: 3, association: 2, type: 8, value: new TextEncoder().encode('iqn.2026-11.a:b\0') },
];

const BLOCK_LIMITS = {
  maximumCompareAndWrite: 255,
  optimalGranularity: 8,
  maximumTransfer: 65536,
  optimalTransfer: 2048,
  maximumPrefetch: 0,
  maximumWriteSame: 65536,
  maximumUnmap: 1_048_576,
  maximumUnmapDescriptors: 256,
  unmapGranularity: 8,
  maximumAtomic: 256,
  atomicGranularity: 8,
};

describe('VPD pages', () => {
  it.each([
    ['supported pages, ascending', encodeSupportedPages([0xb0, 0x00, 0x83, 0x80]), '00 00 00 04 00 80 83 b0'],
    ['unit serial number', encodeUnitSerial('TOKYO01-000A'), SERIAL],
    ['device identification', encodeDeviceIdentification(DESIGNATORS), IDENTIFICATION],
    ['block limits', encodeBlockLimits(BLOCK_LIMITS), LIMITS],
    ['block device characteristics', encodeBlockDeviceCharacteristics(), '00 b1 00 3c 0001' + '00'.repeat(58)],
    ['logical block provisioning of a full unit', encodeLogicalBlockProvisioning(false), '00 b2 00 04 00000000'],
    ['logical block provisioning of a thin unit', encodeLogicalBlockProvisioning(true), '00 b2 00 04 00 e4 02 00'],
  ])('%s', (_name, bytes, expected) => {
    expect(toHex(bytes)).toBe(hex(expected));
  });

  it('are read back', () => {
    expect(decodeUnitSerial(fromHex(SERIAL))).toEqual({ ok: true, value: 'TOKYO01-000A' });
    expect(decodeDeviceIdentification(fromHex(IDENTIFICATION))).toEqual({ ok: true, value: DESIGNATORS });
    expect(decodeBlockLimits(fromHex(LIMITS))).toEqual({ ok: true, value: BLOCK_LIMITS });
  });

  it('say how long they are even where they were cut', () => {
    const cut = decodeVpd(fromHex(SERIAL).subarray(0, 4), 0x80);
    expect(cut).toMatchObject({ ok: true, value: { contentLength: 12 } });
  });

  it('are violations where another page came', () => {
    expect(decodeVpd(fromHex(SERIAL), 0x83)).toMatchObject({ ok: false, violation: { got: '128', limit: '131' } });
  });

  it('are total at every truncation', () => {
    const decoders: readonly (readonly [string, (bytes: Uint8Array) => Decoded<unknown>, number])[] = [
      [SERIAL, decodeUnitSerial, 4],
      [IDENTIFICATION, decodeDeviceIdentification, 4],
      [LIMITS, decodeBlockLimits, 16],
    ];
    for (const [page, decode, least] of decoders) {
      const bytes = fromHex(page);
      for (let length = 0; length <= bytes.length; length++)
        expect(decode(bytes.subarray(0, length)).ok).toBe(length >= least);
    }
  });

  it('give only whole designators', () => {
    const result = decodeDeviceIdentification(fromHex(IDENTIFICATION).subarray(0, 30));
    expect(result).toEqual({ ok: true, value: DESIGNATORS.slice(0, 1) });
  });

  it('name the unit by NAA, then EUI-64, then SCSI name, and never by its port', () => {
    const eui = { codeSet: 1, association: 0, type: 2, value: fromHex('0011223344556677') };
    expect(worldWideNameOf([eui, ...DESIGNATORS])).toBe(toHex(NAA));
    expect(worldWideNameOf([eui])).toBe('0011223344556677');
    expect(worldWideNameOf(DESIGNATORS.slice(1))).toBe('');
  });
});
