import { beforeEach, describe, expect, it } from 'vitest';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { COMMAND_LIST } from '../../../src/scsi/opcode-table.ts';
import { channelFixture, EVERYTHING, memoryUnit, type Fixture, type MemoryUnit } from './channel-fixture.ts';

/** A removable unit: START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL. */

const EJECT = '1b 00 00 00 02 00';
const LOAD = '1b 00 00 00 03 00';
const PREVENT = '1e 00 00 00 01 00';
const ALLOW = '1e 00 00 00 00 00';
const READY = '00 00 00 00 00 00';

let unit: MemoryUnit;
let fixture: Fixture;
const verdict = async (cdb: string, nexus = 'a') => (await fixture.send(cdb, { nexus })).verdict;

beforeEach(async () => {
  unit = memoryUnit(EVERYTHING);
  fixture = await channelFixture([unit]);
  fixture.server.nexusOpened('b');
  await fixture.settle('b');
});

describe('a removable unit', () => {
  it('says so', async () => {
    expect((await fixture.send('12 00 00 00 24 00')).dataIn![1]).toBe(0x80);
    const { send } = await channelFixture();
    expect((await send('12 00 00 00 24 00')).dataIn![1]).toBe(0);
    expect((await send(PREVENT)).verdict).toBe('5/20/00');
  });

  it('ejects and loads its medium; the others hear that there is one again', async () => {
    expect(await verdict(EJECT)).toBe('good');
    expect(await verdict(EJECT)).toBe('good');
    expect(unit.calls).toEqual(['flush']);
    expect([await verdict(READY), await verdict(READY, 'b')]).toEqual(['2/3a/02', '2/3a/02']);
    const sense = (await fixture.send('03 00 00 00 12 00')).dataIn!;
    expect([sense[2], sense[12], sense[13]]).toEqual([2, 0x3a, 2]);
    expect(await verdict(LOAD)).toBe('good');
    expect(await verdict(LOAD)).toBe('good');
    expect([await verdict(READY), await verdict(READY, 'b'), await verdict(READY, 'b')]).toEqual([
      'good',
      '6/28/00',
      'good',
    ]);
  });

  it('does not flush where it is told not to', async () => {
    expect(await verdict('1b 00 00 00 06 00')).toBe('good');
    expect([unit.calls, await verdict(READY)]).toEqual([[], '2/3a/02']);
  });

  it('has in its medium what it was given once it is stopped, unless it is told not to', async () => {
    // STOP; STOP and NO_FLUSH; START; STANDBY; STANDBY and NO_FLUSH; ACTIVE; IDLE.
    for (const [byte4, calls] of [
      ['00', ['flush']],
      ['04', []],
      ['01', []],
      ['30', ['flush']],
      ['34', []],
      ['10', []],
      ['20', []],
    ] as const) {
      unit.calls.length = 0;
      expect(await verdict(`1b 00 00 00 ${byte4} 00`)).toBe('good');
      expect([byte4, unit.calls]).toEqual([byte4, calls]);
    }
    expect(await verdict(EJECT)).toBe('good');
    unit.calls.length = 0;
    expect([await verdict('1b 00 00 00 00 00'), unit.calls]).toEqual(['good', []]);
  });

  it('has its medium moved by no power condition, and by no START without LOEJ', async () => {
    for (let power = 1; power < 16; power++) expect(await verdict(`1b010000${power.toString(16)}200`)).toBe('good');
    for (const byte4 of ['00', '01', '04', '05']) expect(await verdict(`1b 01 00 00 ${byte4} 00`)).toBe('good');
    expect(await verdict(READY)).toBe('good');
  });

  it.each(COMMAND_LIST.map((command) => [command.title, command] as const))(
    'without a medium, %s',
    async (_title, command) => {
      await verdict(EJECT);
      const cdb = new Uint8Array(16).fill(0xff, 2, 10);
      cdb.set([command.opcode, command.serviceAction ?? 0]);
      const answered = (await fixture.send(cdb)).verdict;
      if (command.needsMedium) expect(answered).toBe('2/3a/02');
      else expect(answered).not.toMatch(/^2/);
    },
  );
});

describe('PREVENT ALLOW MEDIUM REMOVAL', () => {
  it('keeps the medium where it is, in or out, until every nexus allows it', async () => {
    expect(await verdict(PREVENT)).toBe('good');
    expect(await verdict(PREVENT, 'b')).toBe('good');
    for (const nexus of ['a', 'b']) expect(await verdict(EJECT, nexus)).toBe('5/53/02');
    expect(await verdict(ALLOW)).toBe('good');
    expect(await verdict(EJECT)).toBe('5/53/02');
    expect(await verdict(ALLOW, 'b')).toBe('good');
    expect(await verdict(EJECT)).toBe('good');
    expect(await verdict(PREVENT)).toBe('good');
    expect(await verdict(LOAD)).toBe('5/53/02');
    expect(await verdict(ALLOW)).toBe('good');
    expect(await verdict(LOAD)).toBe('good');
  });

  it('ends with the nexus, a reset of the unit and one of the target', async () => {
    const ends = [
      () => fixture.server.nexusLost('b'),
      () => fixture.server.reset('logical-unit', encodeLunField(0), 'a'),
      () => fixture.server.reset('target', encodeLunField(0), 'a'),
    ];
    for (const end of ends) {
      await fixture.settle('b');
      await verdict(PREVENT, 'b');
      expect(await verdict(EJECT)).toBe('5/53/02');
      end();
      await fixture.settle('a');
      expect(await verdict(EJECT)).toBe('good');
      expect(await verdict(LOAD)).toBe('good');
    }
  });

  it('knows no obsolete values', async () => {
    for (const value of ['02', '03']) expect(await verdict(`1e 00 00 00 ${value} 00`)).toBe('5/24/00');
  });

  it('is looked at again after the cache was written', async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const slow: MemoryUnit = { ...memoryUnit(EVERYTHING), flush: () => held };
    fixture = await channelFixture([slow]);
    await fixture.settle('b');
    const eject = verdict(EJECT);
    expect(await verdict(PREVENT, 'b')).toBe('good');
    letGo();
    expect([await eject, await verdict(READY)]).toEqual(['5/53/02', 'good']);
  });
});
