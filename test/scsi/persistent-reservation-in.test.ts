import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { encodeFullStatus, encodeReadKeys, encodeReadReservation } from '../../src/scsi/persistent-reservation.ts';
import {
  decodeFullStatus,
  decodeReadKeys,
  decodeReadReservation,
  decodeReservationCapabilities,
  persistentInCdb,
} from '../../src/scsi/persistent-reservation-in.ts';
import { persistentOut, reservationTypeOf, reservationWords } from '../../src/scsi/persistent-reservation-out.ts';

const A = '00000000000000a1';
const B = 'ffffffffffffffb2';

describe('PERSISTENT RESERVE IN', () => {
  it('asks for what it means (SPC-4 table 186)', () => {
    expect(toHex(persistentInCdb(3, 0x1234))).toBe('5e030000000000123400');
  });

  it('reads keys, and how many there are where not all came', () => {
    const answer = encodeReadKeys(7, [A, B]);
    expect(decodeReadKeys(answer)).toEqual({ ok: true, value: { generation: 7, keys: [A, B], wholeLength: 24 } });
    expect(decodeReadKeys(answer.subarray(0, 20))).toMatchObject({ value: { keys: [A], wholeLength: 24 } });
  });

  it('reads who holds what, by hand-written bytes', () => {
    const answer = fromHex(`0000000900000010${B}000000000005`.padEnd(48, '0'));
    expect(decodeReadReservation(answer)).toEqual({
      ok: true,
      value: { generation: 9, held: { key: B, type: 5 } },
    });
    expect(decodeReadReservation(encodeReadReservation(1, undefined))).toMatchObject({ value: { held: undefined } });
    expect(decodeReadReservation(answer.subarray(0, 12)).ok).toBe(false);
  });

  it('reads every registration with its port, also of other transports', () => {
    const answer = encodeFullStatus(3, [
      { key: A, port: 'iqn.2026-11.example:a,i,0x800000000001', holds: 3 },
      { key: B, port: 'iqn.2026-11.example:b,i,0x800000000002', holds: undefined },
    ]);
    expect(decodeFullStatus(answer)).toMatchObject({
      value: {
        generation: 3,
        registrations: [
          { key: A, port: 'iqn.2026-11.example:a,i,0x800000000001', holds: 3, relativeTargetPort: 1 },
          { key: B, port: 'iqn.2026-11.example:b,i,0x800000000002', holds: undefined },
        ],
      },
    });
    const fibre = `00000004000030${A}00000000000000000000000100000018`;
    const whole = fromHex(`0000000400000030${fibre.slice(14)}${'00'.repeat(8)}5000000000000001${'00'.repeat(8)}`);
    expect(decodeFullStatus(whole)).toMatchObject({
      value: { registrations: [{ key: A, port: `${'00'.repeat(8)}5000000000000001${'00'.repeat(8)}` }] },
    });
    for (let length = 8; length < answer.length; length += 1)
      expect(decodeFullStatus(answer.subarray(0, length)).ok).toBe(true);
  });

  it('reads capabilities with their types', () => {
    expect(decodeReservationCapabilities(Uint8Array.of(0, 8, 0x1d, 0x81, 0xea, 0x01, 0, 0))).toEqual({
      ok: true,
      value: {
        throughPowerLossCapable: true,
        throughPowerLossActive: true,
        compatibleReserve: true,
        specifyInitiatorPorts: true,
        allTargetPorts: true,
        types: [1, 3, 5, 6, 7, 8],
      },
    });
    expect(decodeReservationCapabilities(Uint8Array.of(0, 8, 0, 0, 0, 0))).not.toHaveProperty('value.types');
  });
});

describe('PERSISTENT RESERVE OUT', () => {
  it('has service action, type and both keys in their places (SPC-4 tables 203, 207)', () => {
    const { cdb, list } = persistentOut({ action: 'preempt', key: A, serviceActionKey: B, type: 6 });
    expect(toHex(cdb)).toBe('5f040600000000001800');
    expect(toHex(list)).toBe(`${A}${B}${'00'.repeat(8)}`);
    const { cdb: registering, list: kept } = persistentOut({
      action: 'registerAndIgnoreExistingKey',
      serviceActionKey: A,
      throughPowerLoss: true,
    });
    expect(toHex(registering)).toBe('5f060000000000001800');
    expect(toHex(kept)).toBe(`${'00'.repeat(8)}${A}0000000001000000`);
  });

  it('names types, and finds them again', () => {
    for (const type of [1, 3, 5, 6, 7, 8]) expect(reservationTypeOf(reservationWords(type))).toBe(type);
    expect(reservationWords(15)).toBe('type 15');
    expect(reservationTypeOf('anything')).toBeUndefined();
  });
});
