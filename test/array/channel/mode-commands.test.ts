import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { channelFixture, memoryUnit, type Fixture } from './channel-fixture.ts';

/** By hand from SPC-4 7.5 and SBC-3 6.4: WCE 1, DPOFUA 1, fixed format sense. */
const CACHING = '0812040000000000000000000000000000000000';
const CONTROL = '0a0a021000400000012c0000';
const BLOCKS = '0000004000000200';

const sense = async (fixture: Fixture, cdb: string) => toHex((await fixture.send(cdb)).dataIn!);

describe('MODE SENSE', () => {
  it('(6) gives all pages with a block descriptor', async () => {
    const fixture = await channelFixture();
    expect(await sense(fixture, '1a 00 3f 00 ff 00')).toBe('2b001008' + BLOCKS + CACHING + CONTROL);
    expect(await sense(fixture, '1a 00 3f ff ff 00')).toBe('2b001008' + BLOCKS + CACHING + CONTROL);
  });

  it('gives each page alone as it stands among all', async () => {
    const fixture = await channelFixture();
    expect(await sense(fixture, '1a 08 08 00 ff 00')).toBe('17001000' + CACHING);
    expect(await sense(fixture, '1a 08 0a 00 ff 00')).toBe('0f001000' + CONTROL);
    expect(await sense(fixture, '5a 08 0a 00 000000 00ff 00')).toBe('0012001000000000' + CONTROL);
  });

  it('(10) gives a long block descriptor to who understands it', async () => {
    const fixture = await channelFixture([memoryUnit({ blockSize: 4096, blockCount: 2 ** 33 })]);
    expect(await sense(fixture, '5a 10 0a 00 000000 00ff 00')).toBe(
      '002200100100001000000002000000000000000000001000' + CONTROL,
    );
    expect(await sense(fixture, '5a 00 0a 00 000000 00ff 00')).toBe('001a001000000008ffffffff00001000' + CONTROL);
  });

  it('says that of a volume SWP is changeable, and of other units nothing', async () => {
    const kinds = ['volume', 'journal', 'virtual', 'command-device'] as const;
    for (const kind of kinds) {
      const fixture = await channelFixture([memoryUnit({ kind })]);
      expect(await sense(fixture, '1a 08 7f 00 ff 00')).toBe(
        `230010000812${'00'.repeat(18)}0a0a0000${kind === 'volume' ? '08' : '00'}${'00'.repeat(7)}`,
      );
    }
    const fixture = await channelFixture();
    expect(await sense(fixture, '1a 08 bf 00 ff 00')).toBe('23001000' + CACHING + CONTROL);
    expect((await fixture.send('1a 08 ff 00 ff 00')).verdict).toBe('5/39/00');
  });

  it('has the WP bit of a unit that takes no writes', async () => {
    const unit = memoryUnit();
    const fixture = await channelFixture([unit]);
    unit.setAccess('read-only');
    expect(await sense(fixture, '1a 08 0a 00 04 00')).toBe('0f009000');
    unit.setAccess('none');
    expect(await sense(fixture, '1a 08 0a 00 04 00')).toBe('0f001000');
  });

  it('cuts to every allocation length', async () => {
    const fixture = await channelFixture();
    const whole = await sense(fixture, '1a 00 3f 00 ff 00');
    for (let length = 0; length < 256; length++) {
      expect(await sense(fixture, `1a003f00${length.toString(16).padStart(2, '0')}00`)).toBe(
        whole.slice(0, length * 2),
      );
    }
  });

  it('knows no other page and no subpage', async () => {
    const { send } = await channelFixture();
    for (let page = 0; page < 64; page++) {
      const known = [0x08, 0x0a, 0x3f].includes(page);
      const cdb = (subpage: number) => Uint8Array.of(0x1a, 0, page, subpage, 255, 0);
      expect((await send(cdb(0))).verdict, `page ${page}`).toBe(known ? 'good' : '5/24/00');
      expect((await send(cdb(1))).verdict).toBe('5/24/00');
    }
  });
});

describe('MODE SELECT', () => {
  const select = (list: string, byte1 = 0x10) => {
    const data = fromHex(list.replaceAll(' ', ''));
    return [Uint8Array.of(0x15, byte1, 0, 0, data.length, 0), { data }] as const;
  };

  it('accepts what changes nothing', async () => {
    const { send } = await channelFixture();
    for (const list of [
      '',
      '00000000',
      '00000000' + CONTROL,
      '00000000' + CACHING + CONTROL,
      '00000008' + BLOCKS + CONTROL,
      '000000080000000000000200',
      '000000008a' + CONTROL.slice(2),
    ]) {
      expect((await send(...select(list))).verdict, `list ${list}`).toBe('good');
    }
  });

  it('(10) accepts a list of its own form', async () => {
    const { send } = await channelFixture();
    const data = fromHex('0000000000000008' + BLOCKS + CONTROL);
    const reply = await send('55 10 00 00 00 00 00 001c 00', { data });
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 28 });
  });

  it('refuses what would change something', async () => {
    const { send } = await channelFixture();
    const swp = '00000000' + CONTROL.replace('0a0a021000', '0a0a021008');
    const command = await channelFixture([memoryUnit({ kind: 'journal' })]);
    expect((await command.send(...select(swp))).verdict).toBe('5/26/00');
    for (const list of [
      '00000000' + CACHING.replace('081204', '081200'),
      '000000000a0a021018400000012c0000',
      '000000000a0a021008400000012d0000',
      '000000080000000000001000',
      '000000080000002000000200',
      '000000001c0a' + '00'.repeat(10),
      '000000004a010002aabb',
    ]) {
      expect((await send(...select(list))).verdict, `list ${list}`).toBe('5/26/00');
    }
  });

  const protect = (on: boolean) => select(`000000000a0a0210${on ? '08' : '00'}4000000 12c0000`.replace(' ', ''));
  const WRITE = ['2a 00 00000005 00 0001 00', { data: new Uint8Array(512) }] as const;

  it('sets SWP: writes are refused, the other nexuses are told', async () => {
    const unit = memoryUnit();
    const { send, settle } = await channelFixture([unit]);
    await settle('b');
    expect((await send(...protect(true))).verdict).toBe('good');
    expect(toHex((await send('1a 08 0a 00 ff 00')).dataIn!)).toBe('0f0090000a0a021008400000012c0000');
    expect(toHex((await send('1a 08 8a 00 ff 00')).dataIn!)).toBe('0f0090000a0a021000400000012c0000');
    expect((await send(...WRITE)).verdict).toBe('7/27/02');
    expect((await send('28 00 00000005 00 0001 00')).verdict).toBe('good');
    expect((await send('00 00 00 00 00 00', { nexus: 'b' })).verdict).toBe('6/2a/01');
    expect((await send(WRITE[0], { ...WRITE[1], nexus: 'b' })).verdict).toBe('7/27/02');
    expect((await send(...protect(true))).verdict).toBe('good');
    expect((await send('00 00 00 00 00 00', { nexus: 'b' })).verdict).toBe('good');
    expect((await send(...protect(false))).verdict).toBe('good');
    expect((await send('00 00 00 00 00 00', { nexus: 'b' })).verdict).toBe('6/2a/01');
    expect((await send(...WRITE)).verdict).toBe('good');
    expect(unit.calls).toEqual(['read 5+1', 'write 5+1']);
  });

  it('keeps SWP of each unit apart, and gives it up at a reset', async () => {
    const { send, server, settle } = await channelFixture([memoryUnit({ lun: 0 }), memoryUnit({ lun: 1 })]);
    for (const scope of ['logical-unit', 'target'] as const) {
      expect((await send(...protect(true))).verdict).toBe('good');
      expect((await send(WRITE[0], { ...WRITE[1], lun: 1 })).verdict).toBe('good');
      expect((await send(...WRITE)).verdict).toBe('7/27/02');
      await server.reset(scope, encodeLunField(0), 'a');
      await settle('a');
      expect((await send(...WRITE)).verdict).toBe('good');
    }
  });

  it('changes nothing where one page of the list is wrong', async () => {
    const { send } = await channelFixture();
    const list = '00000000' + CONTROL.replace('0a0a021000', '0a0a021008') + CACHING.replace('081204', '081200');
    expect((await send(...select(list))).verdict).toBe('5/26/00');
    expect((await send(...WRITE)).verdict).toBe('good');
  });

  it('refuses lists that are cut, PF 0 and SP 1', async () => {
    const { send } = await channelFixture();
    const whole = '00000000' + CONTROL;
    for (let length = 1; length < whole.length / 2; length++) {
      const { verdict } = await send(...select(whole.slice(0, length * 2)));
      expect(verdict, `cut at ${length}`).toBe(length === 4 ? 'good' : '5/1a/00');
    }
    expect((await send(...select('00000000', 0x00))).verdict).toBe('5/24/00');
    expect((await send(...select('00000000', 0x11))).verdict).toBe('5/24/00');
    expect((await send('15 10 00 00 10 00', { data: fromHex('00000000') })).verdict).toBe('5/1a/00');
  });
});
