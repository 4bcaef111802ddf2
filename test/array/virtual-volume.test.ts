import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isidOf } from '../../src/array/far/host-ports.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { NOTHING } from '../support/served-array.ts';
import {
  block,
  Host,
  persistentOut,
  READ,
  registeredPorts,
  RELEASE,
  RESERVE,
  Served,
  TEST_UNIT_READY,
  volume,
  WRITE,
} from './virtual-volume-world.ts';

/** What hosts do through a virtual volume, as the far array and its own hosts see it: over sockets, from the outside. */

/** LUNs of the far array; the near one shows each under the same number. */
const MAIN = 1;
const TWIN = 2;
const ERASABLE = 3;
const READ_ONLY = 4;
const JOURNAL = 5;
const COMMAND_DEVICE = 6;
/** A volume of the near array. */
const OWN = 20;
const ALL = [MAIN, TWIN, ERASABLE, READ_ONLY, JOURNAL, COMMAND_DEVICE];

const far = () =>
  new Served('osaka', {
    volumes: [
      volume(MAIN, { physicalBlockSize: 4096 }),
      volume(TWIN, { physicalBlockSize: 4096 }),
      volume(ERASABLE, { sanitizeMinimum: 1, removable: true }),
      volume(READ_ONLY, { readOnly: true }),
      volume(JOURNAL, { kind: 'journal' }),
      volume(COMMAND_DEVICE, { kind: 'command-device', blockCount: 4096 }),
    ],
    remotes: [],
    lunMap: [],
  });

const near = (osaka: Served) =>
  new Served('tokyo', {
    volumes: [volume(OWN)],
    remotes: [{ serial: osaka.serial, name: 'osaka', portals: [osaka.url] }],
    lunMap: ALL.map((lun) => ({ lun, name: `osaka-${lun}`, targetSerial: osaka.serial, targetLun: lun })),
  });

let osaka: Served;
let tokyo: Served;
const hosts: Host[] = [];

beforeEach(async () => {
  osaka = await far().start();
  tokyo = await near(osaka).start();
});

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  await tokyo.stop();
  await osaka.stop();
});

async function hostAt(at: Served, name: string, port = 1): Promise<Host> {
  const host = new Host(at, name, port);
  hosts.push(host);
  return host.ready(...ALL);
}

/** Through the virtual volumes, and with the far array itself. */
async function both(): Promise<{ through: Host; direct: Host }> {
  return { through: await hostAt(tokyo, 'near-host'), direct: await hostAt(osaka, 'far-host') };
}

/** The port of a host of the near array as the far array sees it. */
const portAtFar = (host: Host): string => `${tokyo.targetName}.remote,i,0x${toHex(isidOf(host.nexus))}`;

/** Waits, by asking again, for what the far array learns of by the end of a session. */
async function eventually(ask: () => Promise<string>, wanted: string): Promise<void> {
  for (let left = 50_000; left > 0; left -= 1) if ((await ask()) === wanted) return;
  expect(await ask()).toBe(wanted);
}

describe('a command through a virtual volume', () => {
  /** UNMAP of one range. */
  const unmapList = (lba: number, count: number): Uint8Array =>
    Uint8Array.of(0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 0, count, 0, 0, 0, 0);
  const pair = (expected: Uint8Array, written: Uint8Array): Uint8Array =>
    new Uint8Array(Buffer.concat([expected, written]));

  const commands: readonly (readonly [what: string, cdb: string, options?: { data?: Uint8Array; room?: number }])[] = [
    ['WRITE(10)', '2a 00 00000000 00 0008 00', { data: block(1, 8) }],
    ['WRITE(6), FUA(16)', '8a 08 0000000000000008 00000001 00 00', { data: block(2) }],
    ['READ(6)', '08 000000 09 00', { room: 4608 }],
    ['READ(12) with less room than it has', 'a8 00 00000000 00000002 00 00', { room: 512 }],
    ['READ(16) with more room', '88 00 0000000000000000 00000001 00 00', { room: 4096 }],
    ['READ beyond the end', '28 00 000007ff 00 0002 00', { room: 1024 }],
    ['READ longer than the limit', '88 00 0000000000000000 00020000 00 00', { room: 4096 }],
    ['READ with a PROTECT field', '28 20 00000000 00 0001 00', { room: 512 }],
    ['WRITE with too little data', '2a 00 00000010 00 0002 00', { data: block(3) }],
    ['WRITE with too much data', '2a 00 00000012 00 0001 00', { data: block(4, 2) }],
    ['COMPARE AND WRITE, equal', '89 00 0000000000000000 000000 01 00 00', { data: pair(block(1), block(5)) }],
    ['COMPARE AND WRITE, different', '89 00 0000000000000000 000000 01 00 00', { data: pair(block(6), block(7)) }],
    ['ORWRITE(16)', '8b 00 0000000000000001 00000001 00 00', { data: block(0x80) }],
    ['WRITE ATOMIC(16)', '9c 00 0000000000000020 0000 0004 00 00', { data: block(8, 4) }],
    ['WRITE ATOMIC(16) over its limit', '9c 00 0000000000000020 0000 ffff 00 00', { data: block(8, 4) }],
    ['WRITE SAME(10)', '41 00 00000080 00 0100 00', { data: block(9) }],
    ['WRITE SAME(16) with UNMAP', '93 08 0000000000000080 00000080 00 00', { data: block(0) }],
    ['UNMAP', '42 00 00000000 00 0018 00', { data: unmapList(0x100, 0x80) }],
    ['UNMAP beyond the end', '42 00 00000000 00 0018 00', { data: unmapList(0x7ff, 2) }],
    ['UNMAP with a broken list', '42 00 00000000 00 0018 00', { data: block(0).subarray(0, 7) }],
    ['GET LBA STATUS', '9e 12 0000000000000000 00000400 00 00', { room: 1024 }],
    ['VERIFY(10) that differs', '2f 02 00000000 00 0001 00', { data: block(1) }],
    ['SYNCHRONIZE CACHE(10)', '35 00 00000000 00 0000 00'],
    ['SYNCHRONIZE CACHE(16) beyond the end', '91 00 0000000000000800 00000001 00 00'],
    ['MODE SENSE(6)', '1a 00 3f 00 ff 00', { room: 255 }],
    ['READ CAPACITY(10)', '25 00 00000000 0000 00 00', { room: 8 }],
    ['READ CAPACITY(16)', '9e 10 0000000000000000 00000020 00 00', { room: 32 }],
    ['INQUIRY, block limits', '12 01 b0 00 ff 00', { room: 255 }],
    ['INQUIRY, characteristics', '12 01 b1 00 ff 00', { room: 255 }],
    ['INQUIRY, provisioning', '12 01 b2 00 ff 00', { room: 255 }],
    ['REPORT SUPPORTED OPERATION CODES', 'a3 0c 00 00 0000 00001000 00 00', { room: 4096 }],
    ['REQUEST SENSE', '03 00 00 00 fc 00', { room: 252 }],
    ['PERSISTENT RESERVE IN, capabilities', '5e 02 0000000000 00ff 00', { room: 255 }],
    ['an unknown operation code', 'c0 00 00 00 00 00 00 00 00 00'],
    ['an unknown service action', '9e 1f 0000000000000000 00000020 00 00', { room: 32 }],
    ['NACA', '00 00 00 00 00 04'],
  ];

  it('is answered as the far LUN answers it, to the last byte of data, sense and residual', async () => {
    const { through, direct } = await both();
    for (const [what, cdb, options] of commands) {
      const expected = await direct.send(TWIN, cdb, options);
      expect({ what, ...(await through.send(MAIN, cdb, options)) }).toEqual({ what, ...expected });
    }
    const [written, twin] = await Promise.all(
      [MAIN, TWIN].map((lun) => direct.send(lun, '28 00 00000000 00 0800 00', { room: 2048 * 512 })),
    );
    expect(toHex(written!.dataIn) === toHex(twin!.dataIn)).toBe(true);
    expect(await through.verdict(MAIN, READ)).toBe('good');
  });

  it('may be a SANITIZE, whose progress both sides see', async () => {
    const { through, direct } = await both();
    expect(await direct.verdict(ERASABLE, WRITE, block(0x77))).toBe('good');
    expect(await through.verdict(ERASABLE, '48 82 00000000000000 00 00'.replaceAll(' ', ''))).toBe('good');
    expect([await through.verdict(ERASABLE, TEST_UNIT_READY), await direct.verdict(ERASABLE, READ)]).toEqual([
      '2/04/1b',
      '2/04/1b',
    ]);
    const sense = async (host: Host) => (await host.send(ERASABLE, '03 00 00 00 fc 00', { room: 252 })).dataIn;
    expect(Buffer.from((await sense(through)).subarray(12, 16)).toString('hex')).toBe('041b0080');
    await eventually(() => through.verdict(ERASABLE, TEST_UNIT_READY), 'good');
    expect((await direct.send(ERASABLE, READ, { room: 512 })).dataIn).toEqual(block(0));
  });

  it('is refused by the far LUN where that is read-only, a journal or a command device', async () => {
    const { through, direct } = await both();
    const exclusive = [RESERVE, '89 00 0000000000000000 000000 01 00 00', '42 00 00000000 00 0000 00'];
    const refused = async (host: Host, lun: number) => [
      await host.verdict(lun, WRITE, block(1)),
      ...(await Promise.all(exclusive.map((cdb) => host.verdict(lun, cdb)))),
    ];
    expect(await refused(through, READ_ONLY)).toEqual(['7/27/00', 'good', '7/27/00', '7/27/00']);
    expect(await through.verdict(READ_ONLY, RELEASE)).toBe('good');
    for (const lun of [JOURNAL, COMMAND_DEVICE]) {
      const refusals = await refused(through, lun);
      await through.verdict(lun, RELEASE);
      expect(refusals).toEqual(await refused(direct, lun));
    }
    expect(await through.verdict(COMMAND_DEVICE, RESERVE)).toBe('5/20/00');
  });

  it('takes the medium out, for everybody', async () => {
    const { through, direct } = await both();
    expect(await through.verdict(ERASABLE, '1b 00 00 00 02 00')).toBe('good');
    expect(await direct.verdict(ERASABLE, READ)).toBe('2/3a/02');
    expect(await through.verdict(ERASABLE, '25 00 00000000 0000 00 00')).toBe('2/3a/02');
    expect(await direct.verdict(ERASABLE, '1b 00 00 00 03 00')).toBe('good');
    expect(await through.verdict(ERASABLE, TEST_UNIT_READY)).toBe('6/28/00');
    expect(await through.verdict(ERASABLE, TEST_UNIT_READY)).toBe('good');
  });
});

describe('EXTENDED COPY with a virtual volume', () => {
  /** Eight blocks from block 4 to block 20 (SPC-4 6.4). */
  async function copy(host: Host, from: number, to: number): Promise<string> {
    const units = [from, to].map((lun) => tokyo.array.units.unit(lun)!);
    const names = units.map(({ worldWideName }) => `e400000001030010${toHex(worldWideName)}0000000000000200`).join('');
    const segment = '02000018000000010000000800000000000000040000000000000014';
    const data = fromHex(`07000040000000000000001c00000000${names}${segment}`);
    return host.verdict(from, `83${'00'.repeat(9)}0000006c0000`, data);
  }

  it('is carried out by the near array, in the name of the host', async () => {
    const { through, direct } = await both();
    await through.ready(OWN);
    expect(await through.verdict(OWN, '2a 00 00000004 00 0008 00', block(0x66, 8))).toBe('good');
    expect(await copy(through, OWN, MAIN)).toBe('good');
    const there = await direct.send(MAIN, '28 00 00000014 00 0008 00', { room: 4096 });
    expect(there.dataIn).toEqual(block(0x66, 8));
    expect(await copy(through, MAIN, TWIN)).toBe('good');
    expect(await copy(through, MAIN, READ_ONLY)).toBe('a/27/00');
    expect(await direct.verdict(MAIN, RESERVE)).toBe('good');
    expect([await copy(through, OWN, MAIN), await copy(through, MAIN, OWN)]).toEqual(['conflict', 'conflict']);
  });
});

describe('LUN masking', () => {
  it('of the near array holds for what is behind it', async () => {
    tokyo.access = {
      ...NOTHING,
      initiators: [
        { name: 'iqn.2026-11.example:near-host', luns: [MAIN] },
        { name: 'iqn.2026-11.example:neighbour', luns: [TWIN] },
      ],
    };
    const host = new Host(tokyo, 'near-host');
    hosts.push(host);
    await host.ready(MAIN);
    expect(await host.verdict(MAIN, RESERVE)).toBe('good');
    expect([await host.verdict(TWIN, RESERVE), await host.verdict(TWIN, READ)]).toEqual(['5/25/00', '5/25/00']);
    expect([await host.reset(MAIN), await host.reset(TWIN)]).toEqual([0, 2]);
    const { direct } = { direct: await hostAt(osaka, 'far-host') };
    expect(await direct.verdict(TWIN, RESERVE)).toBe('good');
  });
});

describe('a virtual volume that is taken out of the LUN map', () => {
  it('leaves nothing at the far array', async () => {
    const { through, direct } = await both();
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    const ours = () => osaka.portal.sessions().filter(({ nexus }) => nexus === portAtFar(through)).length;
    expect(ours()).toBe(1);
    for (const lun of ALL) await tokyo.array.management.unmapLun(lun);
    await eventually(() => direct.verdict(MAIN, READ), 'good');
    await eventually(async () => `${await direct.verdict(MAIN, READ)}, ${ours()} sessions`, 'good, 0 sessions');
    expect(await through.verdict(MAIN, READ)).toBe('5/25/00');
  });
});

describe('an SPC-2 reservation', () => {
  it('keeps the others out, whichever way they come', async () => {
    const { through, direct } = await both();
    const neighbour = await hostAt(tokyo, 'neighbour');
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    expect([await direct.verdict(MAIN, READ), await neighbour.verdict(MAIN, READ)]).toEqual(['conflict', 'conflict']);
    expect(await through.verdict(MAIN, READ)).toBe('good');
    expect(await through.verdict(MAIN, RELEASE)).toBe('good');
    expect(await direct.verdict(MAIN, RESERVE)).toBe('good');
    expect([await through.verdict(MAIN, READ), await neighbour.verdict(MAIN, READ)]).toEqual(['conflict', 'conflict']);
  });

  it('ends with the session of the host', async () => {
    const { through, direct } = await both();
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    await through.close();
    await eventually(() => direct.verdict(MAIN, READ), 'good');
  });

  it('of a host that has logged out meets nobody here who comes after it', async () => {
    const { through } = await both();
    const neighbour = await hostAt(tokyo, 'neighbour');
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    expect(await neighbour.verdict(MAIN, READ)).toBe('conflict');
    await through.close();
    const answers = [
      neighbour.verdict(MAIN, READ),
      neighbour.verdict(MAIN, WRITE, block(7)),
      neighbour.verdict(MAIN, READ),
    ];
    expect(await Promise.all(answers)).toEqual(['good', 'good', 'good']);
  });

  it('ends where the host comes anew with the same port, and is not its own any more', async () => {
    const { through, direct } = await both();
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    const again = await hostAt(tokyo, 'near-host');
    expect(await direct.verdict(MAIN, RESERVE)).toBe('good');
    expect(await again.verdict(MAIN, READ)).toBe('conflict');
  });

  it('that is lost with the line to the far array is no secret to the host', async () => {
    const { through, direct } = await both();
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    expect(await through.verdict(TWIN, READ)).toBe('good');
    osaka.portal.drop((name) => name.includes('tokyo'));
    expect(await direct.verdict(MAIN, READ)).toBe('good');
    expect(await through.verdict(MAIN, READ)).toBe('6/29/07');
    expect(await through.verdict(MAIN, READ)).toBe('good');
    expect(await through.verdict(TWIN, READ)).toBe('good');
  });

  it('is broken by LOGICAL UNIT RESET, from either side', async () => {
    const { through, direct } = await both();
    expect(await direct.verdict(MAIN, RESERVE)).toBe('good');
    expect(await through.reset(MAIN)).toBe(0);
    expect([await through.verdict(MAIN, READ), await direct.verdict(MAIN, READ)]).toEqual(['6/29/00', '6/29/00']);
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    expect(await direct.reset(MAIN)).toBe(0);
    expect([await direct.verdict(MAIN, READ), await through.verdict(MAIN, READ)]).toEqual(['6/29/00', '6/29/00']);
    expect(await direct.verdict(MAIN, READ)).toBe('good');
  });

  it('is not broken by a reset that cannot reach the far array, and the host hears that', async () => {
    const { through } = await both();
    await osaka.portal.close();
    expect(await through.reset(MAIN)).toBe(255);
  });
});

describe('a persistent reservation', () => {
  const KEY = { through: 0xa1, direct: 0xb2, neighbour: 0xc3 } as const;

  it('is the own of each host: one of the near array, its neighbour, and one of the far array', async () => {
    const { through, direct } = await both();
    const neighbour = await hostAt(tokyo, 'neighbour');
    expect(await persistentOut(through, MAIN, 'register', { newKey: KEY.through })).toBe('good');
    expect(await persistentOut(direct, MAIN, 'register', { newKey: KEY.direct })).toBe('good');
    expect(await persistentOut(through, MAIN, 'reserve', { key: KEY.through, type: 5 })).toBe('good');
    const writes = [through, direct, neighbour].map((host) => host.verdict(MAIN, WRITE, block(1)));
    expect(await Promise.all(writes)).toEqual(['good', 'good', 'conflict']);
    const directPort = direct.nexus;
    expect(await registeredPorts(neighbour, MAIN)).toEqual([portAtFar(through), directPort]);
    expect(await registeredPorts(direct, MAIN)).toEqual([portAtFar(through), directPort]);
  });

  it.each([
    ['a host of the far array', 'direct', 'through'],
    ['a host through the virtual volume', 'through', 'direct'],
  ] as const)('is preempted by %s, and the other one hears of it', async (_who, winner, loser) => {
    const two = await both();
    for (const side of ['through', 'direct'] as const) {
      expect(await persistentOut(two[side], MAIN, 'register', { newKey: KEY[side] })).toBe('good');
    }
    expect(await persistentOut(two[loser], MAIN, 'reserve', { key: KEY[loser], type: 3 })).toBe('good');
    expect(await two[winner].verdict(MAIN, READ)).toBe('conflict');
    const preempt = { key: KEY[winner], newKey: KEY[loser], type: 3 };
    expect(await persistentOut(two[winner], MAIN, 'preempt', preempt)).toBe('good');
    expect(await two[loser].verdict(MAIN, READ)).toBe('6/2a/05');
    expect(await two[loser].verdict(MAIN, READ)).toBe('conflict');
    expect(await two[winner].verdict(MAIN, READ)).toBe('good');
  });

  it('that ends is told to those who were registered', async () => {
    const { through, direct } = await both();
    expect(await persistentOut(through, MAIN, 'register', { newKey: KEY.through })).toBe('good');
    expect(await persistentOut(direct, MAIN, 'register', { newKey: KEY.direct })).toBe('good');
    expect(await persistentOut(direct, MAIN, 'reserve', { key: KEY.direct, type: 5 })).toBe('good');
    expect(await persistentOut(direct, MAIN, 'release', { key: KEY.direct, type: 5 })).toBe('good');
    const { dataIn } = await through.send(MAIN, '03 00 00 00 fc 00', { room: 252 });
    expect([dataIn[2], dataIn[12], dataIn[13]]).toEqual([6, 0x2a, 0x04]);
    expect(await through.verdict(MAIN, READ)).toBe('good');
  });

  it('outlives the session of its host, a lost line and a restart of the near array', async () => {
    const { through, direct } = await both();
    expect(await persistentOut(through, MAIN, 'register', { newKey: KEY.through })).toBe('good');
    expect(await persistentOut(through, MAIN, 'reserve', { key: KEY.through, type: 3 })).toBe('good');
    await through.close();
    const again = await hostAt(tokyo, 'near-host');
    expect([await again.verdict(MAIN, WRITE, block(1)), await direct.verdict(MAIN, READ)]).toEqual([
      'good',
      'conflict',
    ]);

    osaka.portal.drop((name) => name.includes('tokyo'));
    expect(await again.verdict(MAIN, READ)).toBe('good');
    expect([await again.verdict(MAIN, WRITE, block(2)), await direct.verdict(MAIN, READ)]).toEqual([
      'good',
      'conflict',
    ]);
    await again.close();

    await tokyo.stop();
    await tokyo.start();
    const after = await hostAt(tokyo, 'near-host');
    expect([await after.verdict(MAIN, WRITE, block(3)), await direct.verdict(MAIN, READ)]).toEqual([
      'good',
      'conflict',
    ]);
    expect(await persistentOut(after, MAIN, 'reserve', { key: KEY.through, type: 3 })).toBe('good');
    const stranger = await hostAt(tokyo, 'near-host', 2);
    expect(await stranger.verdict(MAIN, READ)).toBe('conflict');
  });
});
