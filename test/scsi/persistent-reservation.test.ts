import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  decodePersistentInCdb,
  decodePersistentOutCdb,
  decodePersistentOutList,
  decodeRegisterAndMoveList,
  decodeTransportId,
  encodeFullStatus,
  encodeReadKeys,
  encodeReadReservation,
  encodeReservationCapabilities,
  encodeTransportId,
  isReservationType,
} from '../../src/scsi/persistent-reservation.ts';

const hex = (text: string) => text.replaceAll(' ', '');
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

/** All by hand from SPC-4 6.15, 6.16 and 7.6.4.6. */
const PORT = 'iqn.2026-11.a:b,i,0x00023d000001';
const TRANSPORT_ID = hex('45 00 0024') + ascii(PORT) + '00000000';
const KEY = '0123456789abcdef';

describe('PERSISTENT RESERVE IN data', () => {
  it.each([
    ['READ KEYS without keys', encodeReadKeys(7, []), '00000007 00000000'],
    ['READ KEYS', encodeReadKeys(0xffff_ffff, [KEY, '00000000000000aa']), `ffffffff 00000010 ${KEY} 00000000000000aa`],
    ['READ RESERVATION, none', encodeReadReservation(2, undefined), '00000002 00000000'],
    [
      'READ RESERVATION',
      encodeReadReservation(2, { key: KEY, type: 6 }),
      `00000002 00000010 ${KEY} 00000000 00 06 0000`,
    ],
    ['REPORT CAPABILITIES', encodeReservationCapabilities(), '0008 00 80 ea01 0000'],
    [
      'READ FULL STATUS',
      encodeFullStatus(3, [{ key: KEY, port: PORT, holds: 5 }]),
      `00000003 00000040 ${KEY} 00000000 01 05 00000000 0001 00000028 ${TRANSPORT_ID}`,
    ],
    [
      'READ FULL STATUS of one that holds nothing',
      encodeFullStatus(3, [{ key: KEY, port: 'a', holds: undefined }]),
      `00000003 00000030 ${KEY} 00000000 00 00 00000000 0001 00000018 45000014 61${'00'.repeat(19)}`,
    ],
  ])('%s', (_name, bytes, expected) => {
    expect(toHex(bytes)).toBe(hex(expected));
  });
});

describe('TransportIDs', () => {
  it('are an iSCSI name with its ISID, ended by zeros', () => {
    expect(toHex(encodeTransportId(PORT))).toBe(TRANSPORT_ID);
    expect(decodeTransportId(fromHex(TRANSPORT_ID))).toEqual({ ok: true, value: PORT });
    const upper = fromHex(TRANSPORT_ID);
    upper.set(Buffer.from(PORT.replace('23d', '23D')), 4);
    expect(decodeTransportId(upper)).toEqual({ ok: true, value: PORT });
  });

  it('are violations where they are cut, of another protocol, without an ISID or not ended', () => {
    const whole = fromHex(TRANSPORT_ID);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeTransportId(whole.subarray(0, length)).ok).toBe(false);
    }
    for (const bad of [
      TRANSPORT_ID.replace('45', '05'),
      TRANSPORT_ID.replace('45', '46'),
      `45000014${ascii('iqn.2026-11.a:b')}0000000000`,
      `45000014${ascii('iqn.2026-11.a:bbbbbb')}`,
      TRANSPORT_ID.replace(/00$/, '01'),
    ]) {
      expect(decodeTransportId(fromHex(bad)).ok, bad).toBe(false);
    }
  });
});

describe('PERSISTENT RESERVE OUT', () => {
  it('CDB and list are read', () => {
    expect(decodePersistentOutCdb(fromHex(hex('5f 01 16 0000 00000018 00')))).toEqual({
      ok: true,
      value: { scope: 1, type: 6, parameterListLength: 24 },
    });
    expect(decodePersistentInCdb(fromHex(hex('5e 00 0000000000 1234 00')))).toMatchObject({
      value: { allocationLength: 0x1234 },
    });
    const list = (flags: string) =>
      decodePersistentOutList(fromHex(hex(`${KEY} 1122334455667788 00000000 ${flags} 00 0000`)));
    expect(list('00')).toEqual({
      ok: true,
      value: {
        key: KEY,
        serviceActionKey: '1122334455667788',
        specifyInitiatorPorts: false,
        allTargetPorts: false,
        throughPowerLoss: false,
      },
    });
    expect(list('08')).toMatchObject({ value: { specifyInitiatorPorts: true, allTargetPorts: false } });
    expect(list('04')).toMatchObject({ value: { allTargetPorts: true, throughPowerLoss: false } });
    expect(list('01')).toMatchObject({ value: { throughPowerLoss: true, specifyInitiatorPorts: false } });
  });

  it('REGISTER AND MOVE list is read', () => {
    const list = hex(`${KEY} 1122334455667788 00 03 0001 00000028 ${TRANSPORT_ID}`);
    expect(decodeRegisterAndMoveList(fromHex(list))).toEqual({
      ok: true,
      value: {
        key: KEY,
        serviceActionKey: '1122334455667788',
        unregister: true,
        throughPowerLoss: true,
        relativeTargetPort: 1,
        transportId: PORT,
      },
    });
  });

  it('is a violation at every truncation', () => {
    const move = fromHex(hex(`${KEY} 1122334455667788 00 03 0001 00000028 ${TRANSPORT_ID}`));
    for (let length = 0; length < move.length; length++) {
      expect(decodeRegisterAndMoveList(move.subarray(0, length)).ok).toBe(false);
      if (length < 24) expect(decodePersistentOutList(move.subarray(0, length)).ok).toBe(false);
      if (length < 10) expect(decodePersistentOutCdb(move.subarray(0, length)).ok).toBe(false);
      if (length < 10) expect(decodePersistentInCdb(move.subarray(0, length)).ok).toBe(false);
    }
  });

  it('knows six types', () => {
    expect(Array.from({ length: 16 }, (_unused, type) => type).filter(isReservationType)).toEqual([1, 3, 5, 6, 7, 8]);
  });
});
