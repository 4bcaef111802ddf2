import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { COMMAND_LIST } from '../../../src/scsi/opcode-table.ts';
import { encodeTransportId } from '../../../src/scsi/persistent-reservation.ts';
import { channelFixture, EVERYTHING, memoryUnit, pattern, type Fixture, type MemoryUnit } from './channel-fixture.ts';

/** Persistent reservations over the wire: every service action, the access matrix, and who is told of what. */

const KEY = { a: '00000000000000a1', b: '00000000000000b2', c: '00000000000000c3' } as const;
const ZERO = '0'.repeat(16);
const READY = '00 00 00 00 00 00';
const READ = '28 00 00000000 00 0001 00';
const WRITE = '2a 00 00000000 00 0001 00';
const ACTION = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
  registerAndMove: 7,
} as const;
const TYPE = { we: 1, ea: 3, wero: 5, earo: 6, wear: 7, eaar: 8 } as const;

/** Never registered, so that it is never told of anything. */
const OBSERVER = 'observer';

type Nexus = keyof typeof KEY;

let fixture: Fixture;
let unit: MemoryUnit;

beforeEach(async () => {
  unit = memoryUnit(EVERYTHING);
  fixture = await channelFixture([unit]);
  for (const nexus of ['b', 'c', OBSERVER]) await open(nexus);
});

async function open(nexus: string): Promise<void> {
  fixture.server.nexusOpened(nexus);
  await fixture.settle(nexus);
}

interface OutOptions {
  readonly key?: string;
  readonly newKey?: string;
  readonly type?: number;
  readonly flags?: string;
}

async function out(nexus: string, action: keyof typeof ACTION, options: OutOptions = {}): Promise<string> {
  const { key = ZERO, newKey = ZERO, type = 0, flags = '00' } = options;
  const cdb = Uint8Array.of(0x5f, ACTION[action], type, 0, 0, 0, 0, 0, 24, 0);
  const data = fromHex(`${key}${newKey}00000000${flags}000000`);
  return (await fixture.send(cdb, { nexus, data })).verdict;
}

async function inData(action: number): Promise<string> {
  const cdb = Uint8Array.of(0x5e, action, 0, 0, 0, 0, 0, 0x40, 0, 0);
  return toHex((await fixture.send(cdb, { nexus: OBSERVER })).dataIn!);
}

async function register(...nexuses: Nexus[]): Promise<void> {
  for (const nexus of nexuses) expect(await out(nexus, 'register', { newKey: KEY[nexus] })).toBe('good');
}

const reserve = (nexus: Nexus, type: number) => out(nexus, 'reserve', { key: KEY[nexus], type });
const ready = async (nexus: string) => (await fixture.send(READY, { nexus })).verdict;
const keys = async (): Promise<string[]> => (await inData(0)).slice(16).match(/.{16}/g) ?? [];
const generation = async () => Number.parseInt((await inData(0)).slice(0, 8), 16);
/** Key and type, or undefined. */
async function held(): Promise<readonly [string, number] | undefined> {
  const data = await inData(1);
  return data.length === 16 ? undefined : [data.slice(16, 32), Number.parseInt(data.slice(42, 44), 16)];
}

describe('REGISTER', () => {
  it('keeps the key of each nexus, and counts', async () => {
    await register('a', 'b');
    expect(await inData(0)).toBe(`0000000200000010${KEY.a}${KEY.b}`);
    expect(await out('a', 'register', { key: KEY.a, newKey: KEY.c })).toBe('good');
    expect(await inData(0)).toBe(`0000000300000010${KEY.c}${KEY.b}`);
    expect(await out('a', 'register', { key: KEY.c })).toBe('good');
    expect(await inData(0)).toBe(`0000000400000008${KEY.b}`);
  });

  it('wants the key that the nexus has, and 0 of one that has none', async () => {
    expect(await out('a', 'register', { key: KEY.a, newKey: KEY.a })).toBe('status 18');
    await register('a');
    for (const key of [ZERO, KEY.b]) expect(await out('a', 'register', { key, newKey: KEY.b })).toBe('status 18');
    expect(await inData(0)).toBe(`0000000100000008${KEY.a}`);
  });

  it('of nothing by nobody does nothing', async () => {
    expect(await out('a', 'register')).toBe('good');
    expect(await out('a', 'registerAndIgnore', { key: KEY.b })).toBe('good');
    expect(await generation()).toBe(0);
  });

  it('AND IGNORE EXISTING KEY takes any key', async () => {
    expect(await out('a', 'registerAndIgnore', { key: KEY.c, newKey: KEY.a })).toBe('good');
    expect(await out('a', 'registerAndIgnore', { key: KEY.c, newKey: KEY.b })).toBe('good');
    expect(await keys()).toEqual([KEY.b]);
    expect(await out('a', 'registerAndIgnore', { key: KEY.c })).toBe('good');
    expect([await keys(), await generation()]).toEqual([[], 3]);
  });

  it('keeps 128 of one initiator and 256 of all, however often ports come and go', async () => {
    const port = (initiator: number, isid: number): string => `iqn.2026-11.test:${initiator},i,0x80000000${isid}`;
    const comes = async (nexus: string, options: OutOptions): Promise<string> => {
      await open(nexus);
      const verdict = await out(nexus, 'register', options);
      fixture.server.nexusLost(nexus);
      return verdict;
    };
    for (let initiator = 0; initiator < 2; initiator += 1) {
      for (let isid = 1000; isid < 1128; isid += 1) {
        expect(await comes(port(initiator, isid), { newKey: KEY.a })).toBe('good');
      }
      expect(await comes(port(initiator, 2000), { newKey: KEY.b })).toBe('5/55/04');
    }
    expect(await comes(port(9, 1000), { newKey: KEY.b })).toBe('5/55/04');
    expect(await generation()).toBe(256);
    expect(await comes(port(1, 1127), { key: KEY.a, newKey: KEY.b })).toBe('good');
    expect(await comes(port(1, 1127), { key: KEY.b })).toBe('good');
    expect(await comes(port(9, 1000), { newKey: KEY.b })).toBe('good');
  });

  it('refuses what REPORT CAPABILITIES denies', async () => {
    expect(await inData(2)).toBe('00080080ea010000');
    for (const action of ['register', 'registerAndIgnore'] as const) {
      for (const flags of ['01', '04', '08']) {
        expect(await out('a', action, { newKey: KEY.a, flags })).toBe('5/26/00');
      }
    }
    expect(await keys()).toEqual([]);
  });

  it('refuses lists of another length', async () => {
    for (const length of [0, 8, 23, 25, 48]) {
      const cdb = Uint8Array.of(0x5f, 0, 0, 0, 0, 0, 0, 0, length, 0);
      expect((await fixture.send(cdb, { data: new Uint8Array(length) })).verdict, `${length} bytes`).toBe('5/1a/00');
    }
    const short = await fixture.send('5f 00 00 0000 00000018 00', { data: new Uint8Array(20) });
    expect(short.verdict).toBe('5/1a/00');
  });

  it('outlives the session and a reset, and is of one unit', async () => {
    await register('a');
    await reserve('a', TYPE.ea);
    fixture.server.nexusLost('a');
    await fixture.server.reset('logical-unit', encodeLunField(0), 'b');
    await fixture.server.reset('target', encodeLunField(0), 'b');
    await open('a');
    for (const nexus of ['b', OBSERVER]) await fixture.settle(nexus);
    expect([await keys(), await held()]).toEqual([[KEY.a], [KEY.a, TYPE.ea]]);
    expect((await fixture.send(READ, { nexus: 'b' })).verdict).toBe('status 18');
    expect((await fixture.send(READ)).verdict).toBe('good');
    fixture.units.splice(0, 1, memoryUnit({ lun: 1 }));
    fixture.server.lunListChanged();
    fixture.units.splice(0, 1, unit);
    await fixture.settle(OBSERVER);
    expect(await keys()).toEqual([]);
  });
});

describe('READ FULL STATUS', () => {
  it('names each initiator port and what it holds', async () => {
    const port = 'iqn.2026-11.a:host,i,0x00023d000001';
    await open(port);
    await out(port, 'register', { newKey: KEY.a });
    await register('b');
    await out(port, 'reserve', { key: KEY.a, type: TYPE.wero });
    const own = toHex(encodeTransportId(port));
    const other = toHex(encodeTransportId('b'));
    const descriptor = (key: string, rest: string, id: string) =>
      `${key}00000000${rest}000000000001${(id.length / 2).toString(16).padStart(8, '0')}${id}`;
    const body = descriptor(KEY.a, '0105', own) + descriptor(KEY.b, '0000', other);
    expect(await inData(3)).toBe(`00000002${(body.length / 2).toString(16).padStart(8, '0')}${body}`);
    await out(port, 'release', { key: KEY.a, type: TYPE.wero });
    await fixture.settle('b');
    await reserve('b', TYPE.wear);
    const shared = descriptor(KEY.a, '0107', own) + descriptor(KEY.b, '0107', other);
    expect((await inData(3)).slice(16)).toBe(shared);
  });

  it('and the others are cut to the allocation length, which ADDITIONAL LENGTH is not', async () => {
    await register('a', 'b');
    for (const action of [0, 1, 2, 3]) {
      const whole = await inData(action);
      for (let length = 0; length < 80; length++) {
        const reply = await fixture.send(Uint8Array.of(0x5e, action, 0, 0, 0, 0, 0, 0, length, 0));
        expect(toHex(reply.dataIn!)).toBe(whole.slice(0, length * 2));
      }
    }
  });
});

describe('RESERVE and RELEASE', () => {
  it('are of registered nexuses with their key', async () => {
    expect(await reserve('a', TYPE.we)).toBe('status 18');
    await register('a');
    expect(await out('a', 'reserve', { key: KEY.b, type: TYPE.we })).toBe('status 18');
    expect(await out('a', 'release', { key: KEY.b, type: TYPE.we })).toBe('status 18');
    expect(await out('b', 'release', { key: KEY.b, type: TYPE.we })).toBe('status 18');
    expect(await held()).toBeUndefined();
  });

  it('know six types and the scope of the unit', async () => {
    await register('a');
    for (let type = 0; type < 256; type++) {
      const known = Object.values<number>(TYPE).includes(type);
      expect(await reserve('a', type), `type ${type}`).toBe(known ? 'good' : '5/24/00');
      if (!known) continue;
      expect(await held()).toEqual([type >= 7 ? ZERO : KEY.a, type]);
      expect(await out('a', 'release', { key: KEY.a, type })).toBe('good');
    }
    expect(await generation()).toBe(1);
  });

  it('leave an existing reservation to its holder', async () => {
    await register('a', 'b');
    expect(await reserve('a', TYPE.we)).toBe('good');
    expect(await reserve('a', TYPE.we)).toBe('good');
    expect(await reserve('a', TYPE.ea)).toBe('status 18');
    expect(await reserve('b', TYPE.we)).toBe('status 18');
    expect(await out('b', 'release', { key: KEY.b, type: TYPE.we })).toBe('good');
    expect(await held()).toEqual([KEY.a, TYPE.we]);
    for (const type of [TYPE.ea, 0x11]) expect(await out('a', 'release', { key: KEY.a, type })).toBe('5/26/04');
    expect(await out('a', 'release', { key: KEY.a, type: TYPE.we })).toBe('good');
    expect(await out('a', 'release', { key: KEY.a, type: TYPE.we })).toBe('good');
    expect(await held()).toBeUndefined();
  });

  it('of all registrants are of every registrant', async () => {
    await register('a', 'b');
    await reserve('a', TYPE.eaar);
    expect(await reserve('b', TYPE.eaar)).toBe('good');
    expect(await reserve('b', TYPE.wear)).toBe('status 18');
    expect(await out('b', 'release', { key: KEY.b, type: TYPE.eaar })).toBe('good');
    expect(await held()).toBeUndefined();
  });

  it.each([
    ['we', false],
    ['ea', false],
    ['wero', true],
    ['earo', true],
    ['wear', true],
    ['eaar', true],
  ] as const)('%s: RELEASE tells the other registrants: %s', async (name, tells) => {
    await register('a', 'b');
    await reserve('a', TYPE[name]);
    await out('a', 'release', { key: KEY.a, type: TYPE[name] });
    expect([await ready('a'), await ready('b'), await ready('c')]).toEqual([
      'good',
      tells ? '6/2a/04' : 'good',
      'good',
    ]);
  });

  it.each([
    ['we', undefined, 'good'],
    ['ea', undefined, 'good'],
    ['wero', undefined, '6/2a/04'],
    ['earo', undefined, '6/2a/04'],
    ['wear', [ZERO, 7], 'good'],
    ['eaar', [ZERO, 8], 'good'],
  ] as const)('%s: when the holder unregisters', async (name, remains, told) => {
    await register('a', 'b');
    await reserve('a', TYPE[name]);
    expect(await out('a', 'register', { key: KEY.a })).toBe('good');
    expect(await held()).toEqual(remains);
    expect([await ready('a'), await ready('b')]).toEqual(['good', told]);
    expect(await out('b', 'register', { key: KEY.b })).toBe('good');
    expect(await held()).toBeUndefined();
  });
});

describe('the access matrix', () => {
  const MATRIX = [
    // type, a registered other reads, writes; an unregistered other reads, writes
    ['we', true, false, true, false],
    ['ea', false, false, false, false],
    ['wero', true, true, true, false],
    ['earo', true, true, false, false],
    ['wear', true, true, true, false],
    ['eaar', true, true, false, false],
  ] as const;

  it.each(MATRIX)('of %s', async (name, registeredReads, registeredWrites, othersRead, othersWrite) => {
    await register('a', 'b');
    await reserve('a', TYPE[name]);
    const rights = async (nexus: string) => [
      (await fixture.send(READ, { nexus })).verdict === 'good',
      (await fixture.send(WRITE, { nexus, data: pattern(512) })).verdict === 'good',
    ];
    expect(await rights('a')).toEqual([true, true]);
    expect(await rights('b')).toEqual([registeredReads, registeredWrites]);
    expect(await rights('c')).toEqual([othersRead, othersWrite]);
    expect(unit.calls.filter((call) => call.startsWith('write'))).toHaveLength(registeredWrites ? 2 : 1);
  });

  /** SPC-4 table 63 and SBC-3 table 6, by title; what needs no right at all. */
  const FREE = [
    'TEST UNIT READY',
    'REQUEST SENSE',
    'INQUIRY',
    'READ CAPACITY(10)',
    'READ CAPACITY(16)',
    'REPORT LUNS',
    'REPORT SUPPORTED OPERATION CODES',
    'PERSISTENT RESERVE IN, READ KEYS',
    'PERSISTENT RESERVE IN, READ RESERVATION',
    'PERSISTENT RESERVE IN, REPORT CAPABILITIES',
    'PERSISTENT RESERVE IN, READ FULL STATUS',
    'PREVENT ALLOW MEDIUM REMOVAL',
  ];
  const READS = /^(READ(?! CAP)|VERIFY|PRE-FETCH|MODE SENSE|GET LBA STATUS|READ DEFECT)/;

  it.each(COMMAND_LIST.map((command) => [command.title, command] as const))('holds for %s', async (title, command) => {
    const cdb = new Uint8Array(16);
    cdb[0] = command.opcode;
    cdb[1] = command.serviceAction ?? 0;
    const passes = async () => (await fixture.send(cdb, { nexus: 'c' })).verdict !== 'status 18';
    await register('a');
    await reserve('a', TYPE.we);
    const underWrite = await passes();
    await out('a', 'release', { key: KEY.a, type: TYPE.we });
    await reserve('a', TYPE.ea);
    const underExclusive = await passes();
    if (title.startsWith('PERSISTENT RESERVE OUT')) return;
    expect([underWrite, underExclusive]).toEqual([FREE.includes(title) || READS.test(title), FREE.includes(title)]);
  });

  it('lets units be started and media be released', async () => {
    await register('a');
    await reserve('a', TYPE.ea);
    const verdict = async (cdb: string) => (await fixture.send(cdb, { nexus: 'c' })).verdict;
    expect(await verdict('1b 00 00 00 01 00')).toBe('good');
    for (const byte4 of ['00', '02', '11', '30']) expect(await verdict(`1b 00 00 00 ${byte4} 00`)).toBe('status 18');
    expect(await verdict('1e 00 00 00 00 00')).toBe('good');
    expect(await verdict('1e 00 00 00 01 00')).toBe('status 18');
  });
});

describe('CLEAR', () => {
  it('takes everything, and tells every other registrant', async () => {
    await register('a', 'b', 'c');
    await reserve('a', TYPE.ea);
    expect(await out('b', 'clear', { key: KEY.a })).toBe('status 18');
    expect(await out('b', 'clear', { key: KEY.b })).toBe('good');
    expect([await ready('a'), await ready('b'), await ready('c')]).toEqual(['6/2a/03', 'good', '6/2a/03']);
    expect([await keys(), await held(), await generation()]).toEqual([[], undefined, 4]);
  });
});

describe('PREEMPT', () => {
  it('removes registrations where there is no reservation', async () => {
    await register('a', 'b', 'c');
    expect(await out('a', 'preempt', { key: KEY.a, newKey: KEY.b })).toBe('good');
    expect([await ready('a'), await ready('b'), await ready('c')]).toEqual(['good', '6/2a/05', 'good']);
    expect([await keys(), await generation()]).toEqual([[KEY.a, KEY.c], 4]);
    expect(await out('a', 'preempt', { key: KEY.a, newKey: KEY.b })).toBe('status 18');
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.a })).toBe('status 18');
    expect(await out('a', 'preempt', { key: KEY.a })).toBe('5/26/00');
    expect(await out('a', 'preempt', { key: KEY.a, newKey: KEY.a })).toBe('good');
    expect(await keys()).toEqual([KEY.c]);
  });

  it('takes the reservation over from the holder', async () => {
    await register('a', 'b', 'c');
    await reserve('a', TYPE.ea);
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.a, type: 2 })).toBe('5/24/00');
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.a, type: TYPE.we })).toBe('good');
    expect([await keys(), await held()]).toEqual([
      [KEY.b, KEY.c],
      [KEY.b, TYPE.we],
    ]);
    expect([await ready('a'), await ready('b'), await ready('c')]).toEqual(['6/2a/05', 'good', '6/2a/04']);
    expect((await fixture.send(WRITE, { data: pattern(512) })).verdict).toBe('status 18');
  });

  it('of the same type tells those who stay nothing', async () => {
    await register('a', 'b', 'c');
    await reserve('a', TYPE.wero);
    await out('b', 'preempt', { key: KEY.b, newKey: KEY.a, type: TYPE.wero });
    expect([await ready('a'), await ready('c')]).toEqual(['6/2a/05', 'good']);
  });

  it('of another than the holder leaves the reservation', async () => {
    await register('a', 'b', 'c');
    await reserve('a', TYPE.wero);
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.c, type: TYPE.ea })).toBe('good');
    expect([await keys(), await held()]).toEqual([
      [KEY.a, KEY.b],
      [KEY.a, TYPE.wero],
    ]);
  });

  it('by the holder of its own key makes it another reservation', async () => {
    await register('a', 'b');
    await reserve('a', TYPE.wero);
    expect(await out('a', 'preempt', { key: KEY.a, newKey: KEY.a, type: TYPE.ea })).toBe('good');
    expect([await keys(), await held()]).toEqual([
      [KEY.a, KEY.b],
      [KEY.a, TYPE.ea],
    ]);
    expect(await ready('b')).toBe('6/2a/04');
  });

  it('of key 0 takes a reservation of all registrants over', async () => {
    await register('a', 'b', 'c');
    await reserve('a', TYPE.eaar);
    expect(await out('b', 'preempt', { key: KEY.b, type: TYPE.we })).toBe('good');
    expect([await keys(), await held()]).toEqual([[KEY.b], [KEY.b, TYPE.we]]);
    expect([await ready('a'), await ready('c')]).toEqual(['6/2a/05', '6/2a/05']);
  });

  it('of one of all registrants leaves it to the others', async () => {
    await register('a', 'b');
    await reserve('a', TYPE.eaar);
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.a, type: TYPE.we })).toBe('good');
    expect([await keys(), await held()]).toEqual([[KEY.b], [ZERO, TYPE.eaar]]);
    expect(await out('b', 'preempt', { key: KEY.b, newKey: KEY.b, type: TYPE.we })).toBe('good');
    expect([await keys(), await held()]).toEqual([[], undefined]);
  });

  it('AND ABORT ends the tasks of the preempted before it ends itself', async () => {
    let arrive = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const slow = memoryUnit({
      read: async (_lba, count) => {
        arrive();
        await held;
        return new Uint8Array(count * 512);
      },
    });
    fixture = await channelFixture([slow]);
    for (const nexus of ['b', OBSERVER]) await open(nexus);
    await register('a', 'b');
    await reserve('a', TYPE.wero);
    const order: string[] = [];
    const orWrite = fixture
      .send('8b 00 0000000000000000 00000001 0000', { data: pattern(512) })
      .then(({ verdict }) => order.push(`write ${verdict}`));
    await arrived;
    const preempt = out('b', 'preemptAndAbort', { key: KEY.b, newKey: KEY.a, type: TYPE.we }).then((verdict) =>
      order.push(`preempt ${verdict}`),
    );
    while ((await keys()).includes(KEY.a)) await Promise.resolve();
    expect((await fixture.send(WRITE, { data: pattern(512) })).verdict).toBe('6/2a/05');
    expect((await fixture.send(WRITE, { data: pattern(512) })).verdict).toBe('status 18');
    expect(order).toEqual([]);
    letGo();
    await Promise.all([orWrite, preempt]);
    expect(order).toEqual(['write status 40', 'preempt good']);
    expect(slow.calls).toEqual(['read 0+1']);
  });
});

describe('REGISTER AND MOVE', () => {
  const PORT = 'iqn.2026-11.a:other,i,0x00023d000009';

  async function move(nexus: string, options: OutOptions & { readonly to?: string; readonly port?: string } = {}) {
    const { key = ZERO, newKey = ZERO, type = 0, flags = '00', to = PORT, port = '0001' } = options;
    const id = toHex(encodeTransportId(to));
    const data = fromHex(`${key}${newKey}00${flags}${port}${(id.length / 2).toString(16).padStart(8, '0')}${id}`);
    const cdb = Uint8Array.of(0x5f, ACTION.registerAndMove, type, 0, 0, 0, 0, 0, data.length, 0);
    return (await fixture.send(cdb, { nexus, data })).verdict;
  }

  it('hands the reservation to a port, which need not have a session', async () => {
    await register('a');
    await reserve('a', TYPE.wero);
    expect(await move('a', { key: KEY.a, newKey: KEY.c })).toBe('good');
    expect([await keys(), await held(), await generation()]).toEqual([[KEY.a, KEY.c], [KEY.c, TYPE.wero], 2]);
    await open(PORT);
    expect(await out(PORT, 'release', { key: KEY.c, type: TYPE.wero })).toBe('good');
  });

  it('needs room for the port as REGISTER does', async () => {
    await register('a');
    await reserve('a', TYPE.we);
    const others = async (): Promise<number> => (await keys()).length;
    for (let isid = 0; isid < 128; isid += 1) await open(`other,i,0x${isid}`);
    for (let isid = 0; isid < 128; isid += 1) await out(`other,i,0x${isid}`, 'registerAndIgnore', { newKey: KEY.b });
    expect(await others()).toBe(129);
    expect(await move('a', { key: KEY.a, newKey: KEY.c, to: 'other,i,0x00023d000009' })).toBe('5/55/04');
    expect([await others(), await held()]).toEqual([129, [KEY.a, TYPE.we]]);
    expect(await move('a', { key: KEY.a, newKey: KEY.c })).toBe('good');
  });

  it('with UNREG gives up the own registration', async () => {
    await register('a');
    await reserve('a', TYPE.ea);
    expect(await move('a', { key: KEY.a, newKey: KEY.c, flags: '02' })).toBe('good');
    expect([await keys(), await held()]).toEqual([[KEY.c], [KEY.c, TYPE.ea]]);
    expect((await fixture.send(READ)).verdict).toBe('status 18');
  });

  it('is refused to who holds nothing alone, and where it names nothing sensible', async () => {
    await register('a', 'b');
    expect(await move('a', { key: KEY.a, newKey: KEY.c })).toBe('status 18');
    await reserve('a', TYPE.eaar);
    expect(await move('a', { key: KEY.a, newKey: KEY.c })).toBe('status 18');
    await out('a', 'release', { key: KEY.a, type: TYPE.eaar });
    await fixture.settle('b');
    await reserve('a', TYPE.we);
    expect(await move('b', { key: KEY.b, newKey: KEY.c })).toBe('status 18');
    expect(await move('a', { key: KEY.b, newKey: KEY.c })).toBe('status 18');
    expect(await move('a', { key: KEY.a })).toBe('5/26/00');
    for (const options of [{ port: '0002' }, { flags: '01' }, { to: 'no port at all' }]) {
      expect(await move('a', { key: KEY.a, newKey: KEY.c, ...options })).toBe('5/26/00');
    }
    expect([await keys(), await held()]).toEqual([
      [KEY.a, KEY.b],
      [KEY.a, TYPE.we],
    ]);
  });
});

describe('the two methods of reservation', () => {
  it('exclude each other', async () => {
    await register('b');
    for (const cdb of ['16 00 00 00 00 00', '17 00 00 00 00 00']) {
      for (const nexus of ['a', 'b']) expect((await fixture.send(cdb, { nexus })).verdict).toBe('status 18');
    }
    await out('b', 'register', { key: KEY.b });
    expect((await fixture.send('16 00 00 00 00 00')).verdict).toBe('good');
    for (const nexus of ['a', 'b']) {
      expect((await fixture.send('5e 00 00 00 00 00 00 00 08 00', { nexus })).verdict).toBe('status 18');
      expect(await out(nexus, 'register', { newKey: KEY.b })).toBe('status 18');
    }
    expect((await fixture.send('17 00 00 00 00 00')).verdict).toBe('good');
    await register('b');
  });
});
