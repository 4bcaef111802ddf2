import { describe, expect, it } from 'vitest';
import {
  bidirectionalReadLengthOf,
  encodeBidirectionalReadLength,
  encodeExtendedCdb,
} from '../../src/iscsi/additional-header.ts';
import { appendPdu } from '../../src/iscsi/framing.ts';
import { decodeScsiCommand, encodeDataOut } from '../../src/iscsi/initiator-pdus.ts';
import { encodeSense, senseOf } from '../../src/iscsi/target-pdus.ts';
import { slowPdu, type SlowPdu } from './slow-pdu.ts';

const tag = { initiatorTaskTag: 0xdeadbeef };
const tagField = [16, 4, 0xdeadbeef] as const;
const cdb = Uint8Array.from({ length: 16 }, (_, at) => at + 0xa0);

describe('additional headers', () => {
  const header = slowPdu({
    fields: [
      [0, 1, 1],
      [32, 16, Buffer.from(cdb).toString('hex')],
    ],
  });

  it('carry the rest of a long CDB', () => {
    const rest = Uint8Array.from([1, 2, 3, 4, 5]);
    const segment = encodeExtendedCdb(rest);
    expect(Buffer.from(segment).toString('hex')).toBe('000601000102030405000000');
    expect([...decodeScsiCommand(header, segment).cdb]).toEqual([...cdb, ...rest]);
  });

  it('carry the read length of a command that moves data both ways, after another segment too', () => {
    const both = Buffer.concat([encodeExtendedCdb(Uint8Array.of(7)), encodeBidirectionalReadLength(0x01020304)]);
    expect(both.toString('hex')).toBe('00020100070000000005020001020304');
    expect(bidirectionalReadLengthOf(both)).toBe(0x01020304);
  });

  it('are not believed where a length leads outside', () => {
    for (const hex of ['ffff0100', '00ff020001020304', '000002', '0000020000000000']) {
      expect(bidirectionalReadLengthOf(Buffer.from(hex, 'hex'))).toBeUndefined();
    }
  });
});

describe('framing', () => {
  const fields: SlowPdu['fields'] = [[0, 1, 5], [1, 1, 0x80], tagField];
  const dataOut = {
    final: true,
    lun: new Uint8Array(8),
    ...tag,
    targetTransferTag: 0,
    expStatSn: 0,
    dataSn: 0,
    bufferOffset: 0,
  };

  it.each([0, 1, 2, 3, 4, 5, 512])('of %i bytes: lengths, digests and padding', (length) => {
    const data = Uint8Array.from({ length }, (_, at) => at + 1);
    for (const digests of [
      { header: false, data: false },
      { header: true, data: false },
      { header: false, data: true },
      { header: true, data: true },
    ]) {
      const batch: Uint8Array[] = [];
      const additional = length === 5 ? '0002010007000000' : '';
      appendPdu(batch, encodeDataOut(dataOut), data, digests, additional ? Buffer.from(additional, 'hex') : undefined);
      const expected = slowPdu({ fields, additional, data, headerDigest: digests.header, dataDigest: digests.data });
      expect(Buffer.concat(batch).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
    }
  });

  it('does not copy the data', () => {
    const data = new Uint8Array(4096);
    const batch: Uint8Array[] = [];
    appendPdu(batch, encodeDataOut(dataOut), data, { header: false, data: false });
    expect(batch[1]).toBe(data);
  });
});

describe('sense data in a SCSI Response', () => {
  it('stands behind its length', () => {
    expect([...encodeSense(Uint8Array.of(0x70, 0, 5))]).toEqual([0, 3, 0x70, 0, 5]);
    expect([...senseOf(Uint8Array.of(0, 2, 9, 8, 7))!]).toEqual([9, 8]);
  });

  it('is undefined where the length is false', () => {
    for (const bytes of [[], [0], [0, 0], [0, 2, 1]]) expect(senseOf(Uint8Array.from(bytes))).toBeUndefined();
  });
});
