import { describe, expect, it } from 'vitest';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import type { FarUnit } from '../../../src/array/far/far-unit.ts';
import { channelFixture, memoryUnit } from './channel-fixture.ts';

/** What a nexus keeps: unit attentions and SPC-2 reservations. */

const READY = '00 00 00 00 00 00';
const RESERVE = '16 00 00 00 00 00';
const RELEASE = '17 00 00 00 00 00';
const REPORT_LUNS = 'a0 00 00 00 00 00 00 00 10 00 00 00';

const twoUnits = () => channelFixture([memoryUnit({ lun: 0 }), memoryUnit({ lun: 1 })]);

describe('unit attentions', () => {
  it('begin with power on, once for each unit', async () => {
    const { send, server } = await twoUnits();
    server.nexusOpened('b');
    for (const lun of [0, 1]) {
      expect((await send(READY, { nexus: 'b', lun })).verdict).toBe('6/29/00');
      expect((await send(READY, { nexus: 'b', lun })).verdict).toBe('good');
    }
  });

  it('begin anew when the nexus does, and also for a nexus that nobody announced', async () => {
    const { send, server } = await twoUnits();
    server.nexusLost('a');
    server.nexusOpened('a');
    expect((await send(READY)).verdict).toBe('6/29/00');
    expect((await send(READY, { nexus: 'z' })).verdict).toBe('6/29/00');
    expect((await send(READY, { nexus: 'z' })).verdict).toBe('good');
  });

  it('are handed over by REQUEST SENSE', async () => {
    const { send, server } = await twoUnits();
    server.nexusOpened('b');
    const sense = (await send('03 00 00 00 12 00', { nexus: 'b' })).dataIn!;
    expect([sense[2], sense[12], sense[13]]).toEqual([6, 0x29, 0]);
    expect((await send(READY, { nexus: 'b' })).verdict).toBe('good');
  });

  it('tell every nexus that the LUN list changed; REPORT LUNS settles it for all units', async () => {
    const { send, server, settle } = await twoUnits();
    await settle('b');
    server.lunListChanged();
    expect((await send(READY, { lun: 0 })).verdict).toBe('6/3f/0e');
    expect((await send(READY, { lun: 0 })).verdict).toBe('good');
    expect((await send(READY, { lun: 1 })).verdict).toBe('6/3f/0e');
    await send(REPORT_LUNS, { nexus: 'b' });
    expect((await send(READY, { nexus: 'b', lun: 0 })).verdict).toBe('good');
    expect((await send(READY, { nexus: 'b', lun: 1 })).verdict).toBe('good');
  });

  it('tell of capacity and access on the unit concerned, in order, once however often they came', async () => {
    const { send, server } = await twoUnits();
    server.capacityChanged(1);
    server.accessChanged(1);
    server.capacityChanged(1);
    expect((await send(READY, { lun: 0 })).verdict).toBe('good');
    expect((await send(READY, { lun: 1 })).verdict).toBe('6/2a/09');
    expect((await send(READY, { lun: 1 })).verdict).toBe('6/2a/01');
    expect((await send(READY, { lun: 1 })).verdict).toBe('good');
  });

  it('of power on make older ones pointless', async () => {
    const { send, server } = await twoUnits();
    server.capacityChanged(0);
    await server.reset('target', encodeLunField(0), 'a');
    expect((await send(READY, { lun: 0 })).verdict).toBe('6/29/00');
    expect((await send(READY, { lun: 0 })).verdict).toBe('good');
  });

  it('follow a reset on every nexus, the one that asked included', async () => {
    const { send, server, settle } = await twoUnits();
    await settle('b');
    await server.reset('logical-unit', encodeLunField(1), 'a');
    for (const nexus of ['a', 'b']) {
      expect((await send(READY, { nexus, lun: 0 })).verdict).toBe('good');
      expect((await send(READY, { nexus, lun: 1 })).verdict).toBe('6/29/00');
    }
    await server.reset('target', encodeLunField(0), 'b');
    for (const nexus of ['a', 'b']) {
      for (const lun of [0, 1]) expect((await send(READY, { nexus, lun })).verdict).toBe('6/29/00');
    }
  });
});

describe('SPC-2 reservations', () => {
  it('keep other nexuses out, MODE SENSE included, but not from identifying the unit', async () => {
    const { send, settle } = await twoUnits();
    await settle('b');
    expect((await send(RESERVE)).verdict).toBe('good');
    expect((await send(RESERVE)).verdict).toBe('good');
    for (const cdb of [READY, RESERVE, '1a 00 3f 00 ff 00', '28 00 00000000 00 0001 00', '35 00 00000000 00 0000 00']) {
      expect((await send(cdb, { nexus: 'b' })).verdict).toBe('status 18');
      expect((await send(cdb)).verdict).toBe('good');
    }
    for (const cdb of ['12 00 00 00 24 00', REPORT_LUNS, '03 00 00 00 12 00', '25 00 00000000 0000 00 00']) {
      expect((await send(cdb, { nexus: 'b' })).verdict).toBe('good');
    }
    expect((await send(READY, { nexus: 'b', lun: 1 })).verdict).toBe('good');
  });

  it('are released by the holder alone', async () => {
    const { send, settle } = await twoUnits();
    await settle('b');
    await send(RESERVE);
    expect((await send(RELEASE, { nexus: 'b' })).verdict).toBe('good');
    expect((await send(READY, { nexus: 'b' })).verdict).toBe('status 18');
    expect((await send(RELEASE)).verdict).toBe('good');
    expect((await send(READY, { nexus: 'b' })).verdict).toBe('good');
  });

  it('end with the nexus, a reset of the unit and a reset of the target', async () => {
    const { send, server, settle } = await twoUnits();
    await settle('b');
    const ends = [
      () => server.nexusLost('a'),
      () => server.reset('logical-unit', encodeLunField(0), 'b'),
      () => server.reset('target', encodeLunField(1), 'b'),
    ];
    for (const end of ends) {
      await settle('a');
      await send(RESERVE);
      expect((await send(READY, { nexus: 'b' })).verdict).toBe('status 18');
      end();
      await settle('b');
      expect((await send(READY, { nexus: 'b' })).verdict).toBe('good');
    }
  });

  it('end with the unit itself', async () => {
    const fixture = await twoUnits();
    await fixture.settle('b');
    await fixture.send(RESERVE, { lun: 1 });
    const [gone] = fixture.units.splice(1, 1);
    fixture.server.lunListChanged();
    fixture.units.push(gone!);
    await fixture.settle('b');
    expect((await fixture.send(READY, { nexus: 'b', lun: 1 })).verdict).toBe('good');
  });

  it('are never for a third party', async () => {
    const { send } = await twoUnits();
    for (const byte1 of [0x01, 0x10]) {
      for (const opcode of [0x16, 0x17])
        expect((await send(Uint8Array.of(opcode, byte1, 0, 0, 0, 0))).verdict).toBe('5/24/00');
    }
  });
});

describe('a reset', () => {
  it('needs a unit that is there', async () => {
    const { server } = await twoUnits();
    const mayReset = (lun: number) => server.mayReset?.('logical-unit', encodeLunField(lun), 'a');
    expect([0, 1, 2, 99].map(mayReset)).toEqual([true, true, false, false]);
  });
});

describe('a nexus that is lost while its command is under way', () => {
  it('is not begun anew by what the command would do next', async () => {
    const seen: string[] = [];
    const unit = memoryUnit();
    const far: FarUnit = {
      facts: () => undefined,
      learn: () => Promise.resolve(),
      pass: () => Promise.reject(new Error('not passed on')),
      as: (nexus) => {
        seen.push(nexus);
        return unit;
      },
      reset: () => Promise.resolve(),
      nexusLost: () => undefined,
      maskChanged: () => undefined,
      close: () => undefined,
    };
    const { server, units } = await channelFixture([unit]);
    units.splice(0, 1, { ...unit, far });
    server.nexusOpened('b');
    const facts = { nexus: 'b', lun: encodeLunField(0), expectedDataOut: 0, expectedDataIn: 96 };
    const task = { ...facts, cdb: Uint8Array.of(0x12, 0, 0, 0, 96, 0), dataOut: new Uint8Array(0), aborted: false };
    const reply = server.execute(task);
    task.aborted = true;
    server.nexusLost('b');
    expect((await reply).status).toBe(0x40);
    expect(seen).toEqual([]);
  });
});
