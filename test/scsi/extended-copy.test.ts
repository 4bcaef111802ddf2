import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  COPY_LIMIT,
  decodeCopyList,
  encodeCopyOperatingParameters,
  encodeCopyStatus,
} from '../../src/scsi/extended-copy.ts';

const hex = (text: string) => text.replaceAll(' ', '');

/** By hand from SPC-4 6.3.6.6 (E4h) and 6.3.7.5 (02h). */
const NAA = '600a0b80001122330000000000000001';
const UNIT = hex(`e4 00 0000 01 03 00 10 ${NAA} 00000000 00 000200`);
const SEGMENT = hex('02 02 0018 0000 0001 0000 0800 0000000000000010 0000000100000000');
const list = (units: string, segments: string, listId = '2a', usage = '10', inline = '00000000') =>
  fromHex(
    hex(
      `${listId} ${usage} ${(units.length / 2).toString(16).padStart(4, '0')} 00000000
       ${(segments.length / 2).toString(16).padStart(8, '0')} ${inline} ${units} ${segments}`.replaceAll('\n', ''),
    ),
  );

describe('EXTENDED COPY parameter lists', () => {
  it('name units by designator and segments by index', () => {
    expect(decodeCopyList(list(UNIT + UNIT, SEGMENT))).toEqual({
      ok: true,
      value: {
        listId: 0x2a,
        listIdUsage: 2,
        units: Array.from({ length: 2 }, () => ({
          designator: { codeSet: 1, association: 0, type: 3, value: fromHex(NAA) },
          deviceType: 0,
          blockSize: 512,
        })),
        segments: [
          {
            source: 0,
            destination: 1,
            blockCount: 2048,
            countsDestination: true,
            sourceLba: 16,
            destinationLba: 2 ** 32,
          },
        ],
      },
    });
  });

  it('may hold neither units nor segments, and no more than the limits', () => {
    const { cscdDescriptors, segmentDescriptors } = COPY_LIMIT;
    expect(decodeCopyList(list('', ''))).toMatchObject({ ok: true });
    expect(decodeCopyList(list(UNIT.repeat(cscdDescriptors), SEGMENT.repeat(segmentDescriptors))).ok).toBe(true);
    const faultOf = (bytes: Uint8Array) => decodeCopyList(bytes);
    expect(faultOf(list(UNIT.repeat(cscdDescriptors + 1), SEGMENT))).toEqual({ ok: false, fault: 'too-many-units' });
    expect(faultOf(list(UNIT, SEGMENT.repeat(segmentDescriptors + 1)))).toEqual({
      ok: false,
      fault: 'too-many-segments',
    });
    const both = list(UNIT.repeat(cscdDescriptors + 1), SEGMENT.repeat(segmentDescriptors));
    expect(faultOf(both)).toEqual({ ok: false, fault: 'list-length' });
  });

  it.each([
    ['another kind of unit', list(UNIT.replace('e4', 'e0'), SEGMENT), 'unit-type'],
    ['another kind of segment', list(UNIT, SEGMENT.replace('02', '03')), 'segment-type'],
    ['another length of segment', list(UNIT, SEGMENT.replace('0018', '001c')), 'list-length'],
    ['half a unit', list(UNIT.slice(32), SEGMENT), 'list-length'],
    ['half a segment', list(UNIT, SEGMENT.slice(0, 20)), 'list-length'],
    ['inline data', list(UNIT, SEGMENT, '01', '00', '00000001'), 'inline-data'],
  ])('are refused with %s', (_name, bytes, fault) => {
    expect(decodeCopyList(bytes)).toEqual({ ok: false, fault });
  });

  it('are refused at every truncation', () => {
    const whole = list(UNIT, SEGMENT);
    for (let length = 1; length < whole.length; length++) {
      expect(decodeCopyList(whole.subarray(0, length))).toEqual({ ok: false, fault: 'list-length' });
    }
  });

  it('take a designator that claims more than its room for what is there', () => {
    const result = decodeCopyList(list(UNIT.replace('030010', '0300ff'), ''));
    expect(result).toMatchObject({ ok: true });
    expect(result.ok && result.value.units[0]!.designator.value).toEqual(fromHex(`${NAA}00000000`));
  });
});

describe('RECEIVE COPY RESULTS data', () => {
  it('says how far a copy is', () => {
    const status = { segmentsProcessed: 2, bytesCopied: 0x12345 };
    expect(toHex(encodeCopyStatus({ state: 'in-progress', ...status }))).toBe(hex('00000008 00 0002 00 00012345'));
    expect(toHex(encodeCopyStatus({ state: 'completed', ...status }))).toBe(hex('00000008 01 0002 00 00012345'));
    expect(toHex(encodeCopyStatus({ state: 'failed', segmentsProcessed: 0, bytesCopied: 2 ** 32 }))).toBe(
      hex('00000008 02 0000 01 00400000'),
    );
  });

  it('says what the copy manager can do', () => {
    expect(toHex(encodeCopyOperatingParameters())).toBe(
      hex(`0000002a 01 000000 0010 0040 00000900 0ffff000 00000000 00000000 00000000 0000
           00ff ff 09 00 00 000000 02 02 e4`).replaceAll('\n', ''),
    );
  });
});
