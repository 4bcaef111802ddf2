import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { decodeCapacity16 } from '../../src/scsi/capacity.ts';
import { reportInquiry } from '../../src/scsi/inquiry-report.ts';
import { decodeModeData } from '../../src/scsi/mode-page.ts';
import { reportMode } from '../../src/scsi/mode-report.ts';
import { reportVpd, type VpdReport } from '../../src/scsi/vpd-report.ts';
import { VPD_TABLE } from '../../src/scsi/vpd-table.ts';

/** Bytes as tgt 1.0.85 sent them; the values as sg_vpd, sg_inq and sg_modes (sg3-utils 1.46) read them. */

function valuesOf({ fields }: { fields: VpdReport['fields'] }): Record<string, unknown> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', ''));

describe('vital product data', () => {
  it('of block limits has each number in its place', () => {
    const page = Buffer.alloc(64);
    page.set([0, 0xb0, 0, 0x3c, 0x01, 0x80]);
    page.writeUInt16BE(0x0102, 6);
    for (const [at, value] of [
      [8, 0x0a0b0c0d],
      [12, 2048],
      [16, 77],
      [20, 0xffffffff],
      [24, 256],
      [28, 128],
      [44, 91],
      [48, 92],
      [52, 93],
      [56, 94],
      [60, 95],
    ] as const) {
      page.writeUInt32BE(value, at);
    }
    page.writeBigUInt64BE(0x1_0000_0001n, 36);
    expect(valuesOf(reportVpd(0xb0, page))).toEqual({
      writeSameNonZero: true,
      maximumCompareAndWriteLength: 128,
      optimalTransferLengthGranularity: 0x0102,
      maximumTransferLength: 0x0a0b0c0d,
      optimalTransferLength: 2048,
      maximumPrefetchLength: 77,
      maximumUnmapBlockCount: 0xffffffff,
      maximumUnmapDescriptorCount: 256,
      optimalUnmapGranularity: 128,
      unmapGranularityAlignmentValid: false,
      maximumWriteSameLength: 0x1_0000_0001,
      maximumAtomicTransferLength: 91,
      atomicAlignment: 92,
      atomicTransferLengthGranularity: 93,
      maximumAtomicTransferLengthWithBoundary: 94,
      maximumAtomicBoundarySize: 95,
    });
  });

  it('of provisioning tells what gives space back', () => {
    expect(valuesOf(reportVpd(0xb2, bytes('00b20004 00e40200')))).toEqual({
      thresholdExponent: 0,
      unmap: true,
      writeSame16Unmap: true,
      writeSame10Unmap: true,
      readsAsZeros: 'zeros',
      anchor: false,
      provisioningGroupDescriptor: false,
      provisioningType: 'thin',
      thresholdPercentage: 0,
    });
  });

  it('of characteristics tells a rotating disk from one that is not', () => {
    expect(valuesOf(reportVpd(0xb1, bytes('00b10004 00010000')))).toMatchObject({ mediumRotationRate: 'not rotating' });
    expect(valuesOf(reportVpd(0xb1, bytes('00b10004 1c200003')))).toMatchObject({
      mediumRotationRate: 7200,
      nominalFormFactor: '2.5 inch',
    });
  });

  it('of identification names units and ports', () => {
    const page = bytes('00830026 0103 0008 3000000100000001 6194 0004 00000002 5395 0004 00000003') as Uint8Array;
    const whole = new Uint8Array([...page.subarray(0, 2), 0, page.length - 4, ...page.subarray(4)]);
    expect(reportVpd(0x83, whole).fields).toEqual([
      { name: 'logical unit, NAA', value: '3000000100000001' },
      { name: 'target port, relative target port', value: '2' },
      { name: 'target port, target port group', value: '3' },
    ]);
  });

  it('of third party copy tells what a copy may be made of', () => {
    const parameters = bytes('0004001c 00000000 0010 0020 00001000 00000200 00000000 00000000 00000000');
    const descriptors = bytes('00080004 02 02 e4 00');
    const body = [...parameters, ...descriptors];
    const page = new Uint8Array([0, 0x8f, 0, body.length, ...body]);
    expect(valuesOf(reportVpd(0x8f, page))).toEqual({
      maximumCscdDescriptors: 16,
      maximumSegmentDescriptors: 32,
      maximumDescriptorListLength: 4096,
      maximumInlineDataLength: 512,
      'supported descriptors': '02 e4',
    });
  });

  it('of the mode page policy and of the ports have a line each', () => {
    expect(reportVpd(0x87, bytes('00870008 08000300 3fff0000')).fields).toEqual([
      { name: 'mode page 08', value: 'per nexus' },
      { name: 'mode page 3f/ff', value: 'shared' },
    ]);
    const port = bytes('0000 0001 0000 0000 0000 000c 6193 0008 5000000000000001');
    expect(reportVpd(0x88, new Uint8Array([0, 0x88, 0, port.length, ...port])).fields).toEqual([
      { name: 'port 1', value: '5000000000000001' },
    ]);
  });

  it('is total: every page cut off anywhere, and every page of ones, is a report', () => {
    for (const page of [...VPD_TABLE.keys(), 0x42, 0xc3]) {
      const whole = new Uint8Array(68).fill(0xff);
      whole.set([0, page, 0, 64]);
      for (let length = 0; length <= whole.length; length += 1) {
        const report = reportVpd(page, whole.subarray(0, length));
        expect(report.page).toBe(page.toString(16).padStart(2, '0'));
        if (length < 4) expect(report.problem).toContain('bytes');
      }
    }
  });
});

describe('standard INQUIRY data', () => {
  it('is in words', () => {
    const data = bytes(
      '00000512 3d000002 4945542020202020 5649525455414c2d4449534b20202020 30303031' +
        '0000000000000000 0000000000000000 0000000000 00 04c0 0960 0300 0000',
    );
    const report = reportInquiry(data);
    expect(report).toMatchObject({
      ok: true,
      value: {
        vendor: 'IET',
        product: 'VIRTUAL-DISK',
        revision: '0001',
        deviceType: 'disk',
        version: 'SPC-3',
        standards: ['SBC-3', 'iSCSI', 'SPC-3'],
        removable: false,
      },
    });
  });
});

describe('mode data', () => {
  it('tells write protection and the write cache', () => {
    const data = bytes(
      '001f 00 80 00000000' + '08120400ffff0000ffffffff801400000000 0000' + '0a0a021008000000000002 00',
    );
    const mode = decodeModeData(data, 8);
    if (!mode.ok) throw new Error(mode.violation.field);
    expect(reportMode(mode.value)).toMatchObject({
      writeProtected: true,
      forceUnitAccess: false,
      writeCache: true,
      softwareWriteProtect: true,
    });
    expect(reportMode({ ...mode.value, deviceSpecific: 0x10, pages: [] })).toEqual({
      writeProtected: false,
      forceUnitAccess: true,
      pages: [],
    });
  });
});

describe('READ CAPACITY(16)', () => {
  it('tells physical blocks, alignment, provisioning and protection', () => {
    expect(decodeCapacity16(bytes('00000000000fffff 00000200 05 03 c007' + '00'.repeat(16)))).toEqual({
      ok: true,
      value: {
        blockSize: 512,
        blockCount: 1048576,
        physicalExponent: 3,
        thin: true,
        readsZeros: true,
        lowestAlignedLba: 7,
        protectionType: 3,
      },
    });
  });
});
