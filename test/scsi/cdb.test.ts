import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  BLOCK_OPTION,
  blockCdb,
  byteCheck,
  decodeBlockCdb,
  decodeInquiryCdb,
  decodeModeSelectCdb,
  decodeModeSenseCdb,
  decodeReadCapacity16Cdb,
  decodeReportLunsCdb,
  decodeReportOpcodesCdb,
  decodeRequestSenseCdb,
  decodeStartStopCdb,
  inquiryCdb,
  modeSense10Cdb,
  modeSense6Cdb,
  readCapacity10Cdb,
  readCapacity16Cdb,
  readCdb,
  reportLunsCdb,
  reportOpcodesCdb,
  requestSenseCdb,
  synchronizeCacheCdb,
  testUnitReadyCdb,
  writeCdb,
} from '../../src/scsi/cdb.ts';
import { cdbLength, OPCODE } from '../../src/scsi/opcode.ts';

/** Written by hand from the CDB tables of SPC-4 clause 6 and SBC-3 clause 5. */
const GOLDEN: readonly (readonly [string, () => Uint8Array, string])[] = [
  ['TEST UNIT READY', testUnitReadyCdb, '00 00 00 00 00 00'],
  ['REQUEST SENSE, 252 bytes', () => requestSenseCdb(252), '03 00 00 00 fc 00'],
  ['REQUEST SENSE in descriptor format', () => requestSenseCdb(64, true), '03 01 00 00 40 00'],
  ['standard INQUIRY', () => inquiryCdb(96), '12 00 00 00 60 00'],
  ['INQUIRY of VPD page 83h, 512 bytes', () => inquiryCdb(512, 0x83), '12 01 83 02 00 00'],
  ['INQUIRY of VPD page 00h', () => inquiryCdb(255, 0), '12 01 00 00 ff 00'],
  ['READ(6) of 256 blocks', () => blockCdb(OPCODE.read6, 0x1fffff, 256), '08 1f ff ff 00 00'],
  ['WRITE(6)', () => blockCdb(OPCODE.write6, 0x012345, 3), '0a 01 23 45 03 00'],
  ['READ(10)', () => readCdb(0x12345678, 0x9abc), '28 00 12 34 56 78 00 9a bc 00'],
  ['READ(10) of the last 32-bit LBA', () => readCdb(0xffffffff, 1), '28 00 ff ff ff ff 00 00 01 00'],
  ['READ(16) beyond 32 bits', () => readCdb(0x1_0000_0000, 1), '88 00 00 00 00 01 00 00 00 00 00 00 00 01 00 00'],
  [
    'READ(16) that ends beyond 32 bits',
    () => readCdb(0xffffffff, 2),
    '88 00 00 00 00 00 ff ff ff ff 00 00 00 02 00 00',
  ],
  ['READ(16) of 65536 blocks', () => readCdb(0, 65536), '88 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00'],
  ['READ(12)', () => blockCdb(OPCODE.read12, 0x11223344, 0x55667788), 'a8 00 11 22 33 44 55 66 77 88 00 00'],
  ['WRITE(10)', () => writeCdb(8, 1), '2a 00 00 00 00 08 00 00 01 00'],
  ['WRITE(10) with FUA', () => writeCdb(8, 1, true), '2a 08 00 00 00 08 00 00 01 00'],
  ['WRITE(16) with FUA', () => writeCdb(2 ** 40, 1, true), '8a 08 00 00 01 00 00 00 00 00 00 00 00 01 00 00'],
  ['VERIFY(10), BYTCHK 1', () => blockCdb(OPCODE.verify10, 5, 6, 0x02), '2f 02 00 00 00 05 00 00 06 00'],
  [
    'COMPARE AND WRITE',
    () => blockCdb(OPCODE.compareAndWrite, 0x0102030405, 7),
    '89 00 00 00 00 01 02 03 04 05 00 00 00 07 00 00',
  ],
  ['SYNCHRONIZE CACHE(10) of everything', synchronizeCacheCdb, '35 00 00 00 00 00 00 00 00 00'],
  ['MODE SENSE(6) of all pages', () => modeSense6Cdb(0x3f, 252), '1a 00 3f 00 fc 00'],
  ['MODE SENSE(6), changeable control page', () => modeSense6Cdb(0x0a, 255, 1), '1a 00 4a 00 ff 00'],
  ['MODE SENSE(10) of the caching page', () => modeSense10Cdb(0x08, 512), '5a 00 08 00 00 00 00 02 00 00'],
  ['READ CAPACITY(10)', readCapacity10Cdb, '25 00 00 00 00 00 00 00 00 00'],
  ['READ CAPACITY(16)', () => readCapacity16Cdb(), '9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00'],
  ['REPORT LUNS, 16 KiB', () => reportLunsCdb(16384, 2), 'a0 00 02 00 00 00 00 00 40 00 00 00'],
  ['RSOC of WRITE SAME(16)', () => reportOpcodesCdb(512, 1, 0x93), 'a3 0c 01 93 00 00 00 00 02 00 00 00'],
];

describe('CDB builders', () => {
  it.each(GOLDEN)('%s', (_name, build, expected) => {
    expect(toHex(build())).toBe(expected.replaceAll(' ', ''));
  });

  it('throw on what does not fit', () => {
    expect(() => blockCdb(OPCODE.read6, 0x200000, 1)).toThrow(/lba/);
    expect(() => blockCdb(OPCODE.read6, 0, 0)).toThrow(/blockCount/);
    expect(() => blockCdb(OPCODE.read6, 0, 257)).toThrow(/blockCount/);
    expect(() => blockCdb(OPCODE.read10, 2 ** 32, 1)).toThrow(/lba/);
    expect(() => blockCdb(OPCODE.read10, 0, 65536)).toThrow(/blockCount/);
    expect(() => blockCdb(OPCODE.read16, 2 ** 53, 1)).toThrow(/lba/);
    expect(() => blockCdb(OPCODE.compareAndWrite, 0, 256)).toThrow(/blockCount/);
    expect(() => blockCdb(OPCODE.read10, -1, 1)).toThrow(/lba/);
    expect(() => blockCdb(OPCODE.read10, 0.5, 1)).toThrow(/lba/);
    expect(() => blockCdb(0x7f, 0, 1)).toThrow(/no fixed CDB length/);
    expect(() => inquiryCdb(65536)).toThrow(/allocationLength/);
    expect(() => modeSense6Cdb(0x40, 4)).toThrow(/page/);
  });
});

describe('block CDB decoder', () => {
  const decode = (hex: string) => {
    const result = decodeBlockCdb(fromHex(hex.replaceAll(' ', '')));
    if (!result.ok) throw new Error(result.violation.field);
    return result.value;
  };

  it('reads every form', () => {
    expect(decode('08 1f ff fe 00 00')).toMatchObject({ lba: 0x1ffffe, blockCount: 256 });
    expect(decode('08 ff ff ff 01 00')).toMatchObject({ lba: 0x1fffff, blockCount: 1 });
    expect(decode('28 18 12 34 56 78 00 9a bc 00')).toEqual({
      lba: 0x12345678,
      blockCount: 0x9abc,
      protect: 0,
      options: 0x18,
    });
    expect(decode('aa e0 ff ff ff ff ff ff ff ff 00 00')).toMatchObject({
      lba: 0xffffffff,
      blockCount: 0xffffffff,
      protect: 7,
    });
    expect(decode('8a 00 00 1f ff ff ff ff ff ff 00 00 00 01 00 00')).toMatchObject({
      lba: 2 ** 53 - 1,
      blockCount: 1,
    });
  });

  it('takes every LBA above 2^53 - 1 for one that no unit has', () => {
    for (const lba of ['0020000000000000', '8000000000000000', 'ffffffffffffffff', '7fffffffffffffff']) {
      expect(decode(`88 00 ${lba} 00 00 00 01 00 00`).lba).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('reads one length byte of COMPARE AND WRITE', () => {
    expect(decode('89 00 00 00 00 00 00 00 00 09 ff ff ff 02 00 00').blockCount).toBe(2);
  });

  it('reads BYTCHK', () => {
    expect(
      [0x00, 0x02, 0x04, 0x06].map((options) =>
        byteCheck(decode(`2f ${options.toString(16).padStart(2, '0')} 00 00 00 00 00 00 01 00`)),
      ),
    ).toEqual([0, 1, 2, 3]);
    expect(BLOCK_OPTION.forceUnitAccess | BLOCK_OPTION.disablePageOut).toBe(0x18);
  });
});

describe('CDB decoders', () => {
  it('read their fields', () => {
    expect(decodeInquiryCdb(inquiryCdb(511))).toEqual({ ok: true, value: { page: undefined, allocationLength: 511 } });
    expect(decodeInquiryCdb(fromHex('1201b0012300'))).toEqual({
      ok: true,
      value: { page: 0xb0, allocationLength: 0x123 },
    });
    expect(decodeInquiryCdb(fromHex('120080002400'))).toMatchObject({ ok: false });
    expect(decodeModeSenseCdb(fromHex('1a08c3ff1200'))).toEqual({
      ok: true,
      value: {
        pageControl: 3,
        page: 3,
        subpage: 0xff,
        disableBlockDescriptors: true,
        longLba: false,
        allocationLength: 0x12,
      },
    });
    expect(decodeModeSenseCdb(fromHex('5a103f00000000010200'))).toMatchObject({
      value: { longLba: true, disableBlockDescriptors: false, allocationLength: 0x102 },
    });
    expect(decodeModeSelectCdb(fromHex('151100000c00'))).toEqual({
      ok: true,
      value: { pageFormat: true, savePages: true, parameterListLength: 12 },
    });
    expect(decodeModeSelectCdb(fromHex('55100000000000010000'))).toMatchObject({ value: { parameterListLength: 256 } });
    expect(decodeStartStopCdb(fromHex('1b0000003200'))).toEqual({
      ok: true,
      value: { start: false, loadEject: true, noFlush: false, powerCondition: 3 },
    });
    expect(decodeReportOpcodesCdb(fromHex('a30c839e0010000002000000'))).toEqual({
      ok: true,
      value: { options: 3, opcode: 0x9e, serviceAction: 0x10, withTimeouts: true, allocationLength: 512 },
    });
  });

  /** Every truncation of every CDB is a violation, never a partial value and never a throw. */
  it('refuse every truncation', () => {
    const decoders = [
      [decodeInquiryCdb, inquiryCdb(96)],
      [decodeRequestSenseCdb, requestSenseCdb(18)],
      [decodeReportLunsCdb, reportLunsCdb(16)],
      [decodeReadCapacity16Cdb, readCapacity16Cdb()],
      [decodeModeSenseCdb, modeSense6Cdb(8, 4)],
      [decodeModeSenseCdb, modeSense10Cdb(8, 4)],
      [decodeModeSelectCdb, fromHex('151000000000')],
      [decodeModeSelectCdb, fromHex('55100000000000000000')],
      [decodeStartStopCdb, fromHex('1b0000000100')],
      [decodeReportOpcodesCdb, reportOpcodesCdb(512)],
      ...Object.values(OPCODE).map(
        (opcode) => [decodeBlockCdb, new Uint8Array(cdbLength(opcode)!).fill(opcode, 0, 1)] as const,
      ),
    ] as const;
    for (const [decode, cdb] of decoders) {
      expect(decode(cdb).ok).toBe(true);
      for (let length = 0; length < cdb.length; length++)
        expect(decode(cdb.subarray(0, length)).ok, `${toHex(cdb)} cut at ${length}`).toBe(false);
    }
  });

  it('refuse operation codes without a fixed length', () => {
    for (const opcode of [0x60, 0x7e, 0x7f, 0xc0, 0xff]) {
      expect(decodeBlockCdb(new Uint8Array(32).fill(opcode, 0, 1)).ok).toBe(false);
    }
  });
});
