import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { inquiryCdb, reportLunsCdb } from '../../../src/scsi/cdb.ts';
import { channelFixture, memoryUnit } from './channel-fixture.ts';

const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);

describe('INQUIRY', () => {
  it('names the unit by its kind', async () => {
    const kinds = ['volume', 'virtual', 'journal', 'command-device'] as const;
    const fixture = await channelFixture(kinds.map((kind, lun) => memoryUnit({ lun, kind })));
    const names = [];
    for (const lun of [0, 1, 2, 3])
      names.push(text((await fixture.send(inquiryCdb(96), { lun })).dataIn!.subarray(8, 36)));
    expect(names).toEqual([
      'CDCTL   VOLUME          0.1 ',
      'CDCTL   VIRTUAL VOLUME  0.1 ',
      'CDCTL   JOURNAL VOLUME  0.1 ',
      'CDCTL   COMMAND DEVICE  0.1 ',
    ]);
  });

  it('cuts to every allocation length and keeps the additional length', async () => {
    const { send } = await channelFixture();
    const whole = (await send(inquiryCdb(65535))).dataIn!;
    expect(whole.length).toBe(5 + whole[4]!);
    for (let length = 0; length <= 255; length++) {
      expect((await send(inquiryCdb(length))).dataIn).toEqual(whole.subarray(0, length));
    }
    expect(toHex((await send(inquiryCdb(511))).dataIn!)).toBe(toHex((await send(inquiryCdb(512))).dataIn!));
  });

  it('lists vital product data pages in ascending order, and answers each of them', async () => {
    const { send } = await channelFixture();
    const list = (await send(inquiryCdb(255, 0))).dataIn!;
    expect(toHex(list)).toBe('00000006008083b0b1b2');
    for (let page = 0; page < 256; page++) {
      const reply = await send(inquiryCdb(4096, page));
      if (list.subarray(4).includes(page)) {
        expect(reply.dataIn![1]).toBe(page);
        expect(reply.dataIn!.length).toBe(4 + reply.dataIn![2]! * 256 + reply.dataIn![3]!);
        expect((await send(inquiryCdb(4, page))).dataIn).toEqual(reply.dataIn!.subarray(0, 4));
      } else {
        expect(reply.verdict).toBe('5/24/00');
      }
    }
  });

  it('gives serial number, NAA name and port names', async () => {
    const { send } = await channelFixture([memoryUnit({ lun: 10 })], { targetName: 'iqn.2026-11.io.cdctl:tokyo' });
    expect(text((await send(inquiryCdb(255, 0x80))).dataIn!.subarray(4))).toBe('TOKYO01-000A');
    const identification = (await send(inquiryCdb(255, 0x83))).dataIn!;
    expect(toHex(identification.subarray(4, 24))).toBe('01030010600a0b8000112233000000000000000a');
    expect(text(identification)).toContain('CDCTL   TOKYO01-000A');
    expect(text(identification)).toContain('iqn.2026-11.io.cdctl:tokyo,t,0x0001\0');
  });

  it('limits transfers to 32 MiB and 65536 blocks, and COMPARE AND WRITE to a byte', async () => {
    const fixture = await channelFixture([memoryUnit({ lun: 0 }), memoryUnit({ lun: 1, blockSize: 4096 })]);
    const limits = async (lun: number) =>
      toHex((await fixture.send(inquiryCdb(255, 0xb0), { lun })).dataIn!.subarray(4, 20));
    expect(await limits(0)).toBe('00ff0008000100000000080000000000');
    expect(await limits(1)).toBe('00ff0001000020000000010000000000');
  });

  it('refuses a page without EVPD', async () => {
    const { send } = await channelFixture();
    const reply = await send('12 00 83 00 ff 00');
    expect(reply.verdict).toBe('5/24/00');
    expect(toHex(reply.sense!.subarray(15, 18))).toBe('c00002');
  });
});

describe('REPORT LUNS', () => {
  const units = () => [3, 1, 300].toSorted((left, right) => left - right).map((lun) => memoryUnit({ lun }));

  it('lists the units, also to a LUN 0 without a unit', async () => {
    const { send } = await channelFixture(units());
    for (const select of [0, 2]) {
      const reply = await send(reportLunsCdb(4096, select), { lun: 0 });
      expect(toHex(reply.dataIn!)).toBe('000000180000000000010000000000000003000000000000412c000000000000');
    }
    expect(toHex((await send(reportLunsCdb(4096, 1), { lun: 3 })).dataIn!)).toBe('0000000000000000');
    expect((await send(reportLunsCdb(4096, 3))).verdict).toBe('5/24/00');
  });

  it('cuts to the allocation length and keeps the list length', async () => {
    const { send } = await channelFixture(units());
    const whole = (await send(reportLunsCdb(4096))).dataIn!;
    for (let length = 0; length <= whole.length; length++) {
      expect((await send(reportLunsCdb(length))).dataIn).toEqual(whole.subarray(0, length));
    }
  });

  it('shows a nexus only its own units', async () => {
    const { send } = await channelFixture(units(), { lunVisible: (nexus, lun) => nexus === 'b' || lun === 1 });
    expect((await send(reportLunsCdb(4096), { nexus: 'a', lun: 1 })).dataIn!.length).toBe(16);
    expect((await send(reportLunsCdb(4096), { nexus: 'b', lun: 1 })).dataIn!.length).toBe(32);
    expect((await send('00 00 00 00 00 00', { lun: 3 })).verdict).toBe('5/25/00');
    expect((await send(inquiryCdb(36), { lun: 3 })).dataIn![0]).toBe(0x7f);
  });
});

describe('a LUN without a unit', () => {
  it('answers INQUIRY with 7Fh and REQUEST SENSE with the reason, and refuses the rest', async () => {
    const { send } = await channelFixture([memoryUnit({ lun: 1 })]);
    for (const lun of [0, 2, 16383]) {
      expect((await send(inquiryCdb(36), { lun })).dataIn![0]).toBe(0x7f);
      expect((await send(inquiryCdb(36, 0x80), { lun })).verdict).toBe('5/25/00');
      const sense = (await send('03 00 00 00 12 00', { lun })).dataIn!;
      expect([sense[2], sense[12]]).toEqual([5, 0x25]);
      for (const cdb of ['000000000000', '28000000000000000100', '25000000000000000000', '0c0000000000']) {
        expect((await send(cdb, { lun })).verdict).toBe('5/25/00');
      }
    }
    expect((await send(reportLunsCdb(16), { lun: 2 })).verdict).toBe('5/25/00');
  });

  it('is what a LUN field of another form means', async () => {
    const { server } = await channelFixture();
    const reply = await server.execute({
      nexus: 'a',
      lun: Uint8Array.of(0xc1, 1, 0, 0, 0, 0, 0, 0),
      cdb: reportLunsCdb(16),
      dataOut: new Uint8Array(0),
      expectedDataOut: 0,
      expectedDataIn: 16,
    });
    expect(reply.sense![12]).toBe(0x25);
  });
});

describe('REQUEST SENSE', () => {
  it('says nothing where there is nothing to say, in either format', async () => {
    const { send } = await channelFixture();
    expect(toHex((await send('03 00 00 00 ff 00')).dataIn!)).toBe('700000000000000a' + '00'.repeat(10));
    expect(toHex((await send('03 01 00 00 ff 00')).dataIn!)).toBe('7200000000000000');
    for (let length = 0; length <= 18; length++) {
      expect((await send(Uint8Array.of(3, 0, 0, 0, length, 0))).dataIn!.length).toBe(length);
    }
  });

  it('says that the unit is not ready', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    unit.setAccess('none');
    const sense = (await send('03 00 00 00 12 00')).dataIn!;
    expect([sense[2], sense[12], sense[13]]).toEqual([2, 4, 7]);
  });
});
