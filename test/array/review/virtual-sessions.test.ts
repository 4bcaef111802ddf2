import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteInterface } from '../../../src/array/remote-interface.ts';
import { createVirtualUnit } from '../../../src/array/virtual-unit.ts';
import { LunError, type Lun, type LunOpener } from '../../../src/lun/lun.ts';
import { createMemoryLun } from '../../../src/lun/memory-lun.ts';
import { ScsiFault } from '../../../src/scsi/fault.ts';
import { NOTHING } from '../../support/served-array.ts';
import { block, Host, persistentOut, READ, RESERVE, Served, volume, WRITE } from '../virtual-volume-world.ts';

/** How long the session of a host at the far array lasts, and what is left there after it. */

const MAIN = 1;
const OTHER = 2;
const LUNS = [MAIN, OTHER];

let osaka: Served;
let tokyo: Served;
const hosts: Host[] = [];

beforeEach(async () => {
  osaka = await new Served('osaka', {
    volumes: LUNS.map((lun) => volume(lun, { removable: true })),
    remotes: [],
    lunMap: [],
  }).start();
  tokyo = await new Served('tokyo', {
    volumes: [],
    remotes: [{ serial: osaka.serial, name: 'osaka', portals: [osaka.url] }],
    lunMap: LUNS.map((lun) => ({ lun, name: `osaka-${lun}`, targetSerial: osaka.serial, targetLun: lun })),
  }).start();
});

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  await tokyo.stop();
  await osaka.stop();
});

async function hostAt(at: Served, name: string, port = 1): Promise<Host> {
  const host = new Host(at, name, port);
  hosts.push(host);
  return host.ready(...LUNS);
}

/** By asking again: what comes first in place of `before`. */
async function after(before: string, ask: () => Promise<string>): Promise<string> {
  for (let left = 1000; left > 0; left -= 1) {
    const said = await ask();
    if (said !== before) return said;
  }
  return before;
}

describe('what a host has reserved at the far array', () => {
  const grant = (...luns: number[]) => ({
    ...NOTHING,
    initiators: [{ name: 'iqn.2026-11.example:near-host', luns }],
  });

  it.each([
    ['the LUN is unmapped', () => tokyo.array.management.unmapLun(MAIN)],
    [
      'the host may not see the LUN any more',
      async () => {
        tokyo.access = grant(OTHER);
        tokyo.array.accessChanged();
      },
    ],
  ])('is free once %s, though other LUNs keep the session there', async (_when, end) => {
    tokyo.access = grant(...LUNS);
    const direct = await hostAt(osaka, 'far-host');
    const through = await hostAt(tokyo, 'near-host');
    expect(await through.verdict(MAIN, RESERVE)).toBe('good');
    expect(await through.verdict(MAIN, PREVENT)).toBe('good');
    expect(await through.verdict(OTHER, RESERVE)).toBe('good');
    expect(await direct.verdict(MAIN, READ)).toBe('conflict');
    await end();
    expect(await after('conflict', () => direct.verdict(MAIN, READ))).toBe('good');
    expect(await after('5/53/02', () => direct.verdict(MAIN, EJECT))).toBe('good');
    expect([await through.verdict(MAIN, READ), await direct.verdict(OTHER, READ)]).toEqual(['5/25/00', 'conflict']);
  });

  it('may be lost with each line, which the host hears each time', async () => {
    const through = await hostAt(tokyo, 'near-host');
    expect(await persistentOut(through, MAIN, 'register', { newKey: 1 })).toBe('good');
    for (const _loss of [1, 2]) {
      osaka.portal.drop((name) => name.includes('tokyo'));
      expect([await through.verdict(MAIN, READ), await through.verdict(MAIN, READ)]).toEqual(['6/29/07', 'good']);
    }
  });
});

const PREVENT = '1e 00 00 00 01 00';
const EJECT = '1b 00 00 00 02 00';

describe('the portal of a host at the far array', () => {
  const refuse = (kind: 'no-path' | 'refused-for-safety', path: string) => new LunError(kind, path, `${path}: ${kind}`);

  function bench() {
    const failures = new Map<string, 'no-path' | 'refused-for-safety'>();
    const tried: string[] = [];
    const opener: LunOpener = {
      async open(path): Promise<Lun> {
        tried.push(path);
        const failing = failures.get(path.slice(0, path.lastIndexOf('/')));
        if (failing) throw refuse(failing, path);
        const disk = createMemoryLun({ path, capacity: { blockSize: 512, blockCount: 8 } });
        const serial = `OSAKA-000${path.at(-1)}`;
        return { ...disk, identify: async () => ({ ...(await disk.identify()), serial }) };
      },
    };
    const remote = createRemoteInterface(opener, () => [
      { serial: 'OSAKA', name: 'osaka', portals: ['iscsi://a/t', 'iscsi://b/t'] },
    ]);
    return { failures, tried, remote };
  }

  it('is another one once the first is away, also while a LUN that nobody uses has not noticed', async () => {
    const { failures, tried, remote } = bench();
    await remote.openFor('host', 'OSAKA', 1);
    failures.set('iscsi://a/t', 'no-path');
    expect((await remote.openFor('host', 'OSAKA', 2)).path).toBe('iscsi://b/t/2');
    failures.delete('iscsi://a/t');
    expect((await remote.openFor('host', 'OSAKA', 3)).path).toBe('iscsi://b/t/3');
    expect(tried).toEqual(['iscsi://a/t/1', 'iscsi://a/t/2', 'iscsi://b/t/2', 'iscsi://b/t/3']);
  });

  it('stays where the session there lasts, and only the LUN is not to be had', async () => {
    const { failures, tried, remote } = bench();
    await remote.openFor('host', 'OSAKA', 1);
    failures.set('iscsi://a/t', 'refused-for-safety');
    await expect(remote.openFor('host', 'OSAKA', 2)).rejects.toThrow('refused-for-safety');
    expect(tried).toEqual(['iscsi://a/t/1', 'iscsi://a/t/2']);
  });
});

describe('more commands than a virtual volume has under way', () => {
  it('are for later, as where a task set is full: no failure of the disk', async () => {
    const disk = createMemoryLun({ path: 'iscsi://a/t/1', capacity: { blockSize: 512, blockCount: 8 } });
    const answers: (() => void)[] = [];
    const slow: Lun = {
      ...disk,
      capacity: async () => ({ blockSize: 512, blockCount: 8 }),
      read: () => new Promise((done) => answers.push(() => done(new Uint8Array(512)))),
    };
    const unit = createVirtualUnit({
      lun: 1,
      name: 'virtual',
      serial: 'TOKYO-0001',
      worldWideName: new Uint8Array(16),
      resolve: async () => slow,
      resolveFor: async () => slow,
    });
    await unit.prepare();
    const reads = Array.from({ length: 1024 }, () => unit.read(0, 1));
    const refused: unknown = await unit.read(0, 1).catch((error: unknown) => error);
    expect(refused instanceof ScsiFault && refused.status).toBe(0x28);
    for (const answer of answers) answer();
    await Promise.all(reads);
    const again = unit.read(0, 1);
    await Promise.resolve();
    answers.at(-1)!();
    expect(answers).toHaveLength(1025);
    expect(await again).toHaveLength(512);
  });
});

describe('a write that may be lost with the line', () => {
  it("is owned up to at its host's own flush, also where another host flushed before", async () => {
    const [writer, other] = [await hostAt(tokyo, 'near-host'), await hostAt(tokyo, 'neighbour')];
    expect(await writer.verdict(MAIN, WRITE, block(1))).toBe('good');
    osaka.portal.drop((name) => name.includes('tokyo'));
    const flushes: string[] = [];
    for (const host of [other, other, writer, writer]) flushes.push(await host.verdict(MAIN, FLUSH));
    expect(flushes).toEqual(['4/08/00', 'good', '4/08/00', 'good']);
  });
});

const FLUSH = '35 00 00000000 00 0000 00';

describe('two virtual volumes that stand for each other', () => {
  it('are found out at once, in few sessions, and say so', async () => {
    const { management } = osaka.array;
    await management.addRemote({ serial: tokyo.serial, name: 'tokyo', portals: [tokyo.url] });
    await management.mapLun({ lun: 9, name: 'ring', targetSerial: tokyo.serial, targetLun: 9 });
    const back = { lun: 9, name: 'ring', targetSerial: osaka.serial, targetLun: 9 };
    await tokyo.array.management.mapLun(back);
    const through = await hostAt(tokyo, 'near-host');
    expect(await after('6/29/00', () => through.verdict(9, READ))).toBe('4/44/00');
    expect(await through.verdict(9, READ)).toBe('4/44/00');
    const said = tokyo.log.filter((line) => line.includes('in a ring'));
    expect(said).toEqual([expect.stringMatching(/^LUN 9 \(ring\), mapped to LUN 9 of array OSAKA: .*leads back/)]);
    const sessions = [tokyo, osaka].map(({ portal }) => portal.sessions().length);
    expect(Math.max(...sessions)).toBeLessThan(16);
    expect(await through.verdict(MAIN, READ)).toBe('good');
  });
});

describe('three virtual volumes, each of which stands for the next one', () => {
  it('serve a host that is named and numbered like an array', async () => {
    const host = await hostAt(tokyo, 'lookalike.remote', 0x47);
    expect(await host.verdict(MAIN, READ)).toBe('good');
  });

  it('end with the error of a ring, in few sessions, and cost other volumes nothing', async () => {
    const kyoto = await new Served('kyoto', { volumes: [volume(MAIN)], remotes: [], lunMap: [] }).start();
    try {
      const ring = [tokyo, osaka, kyoto];
      for (const [index, { array }] of ring.entries()) {
        const next = ring[(index + 1) % ring.length]!;
        const portals = [next.url];
        if (index > 0)
          await array.management.addRemote({ serial: next.serial, name: next.serial.toLowerCase(), portals });
        await array.management.mapLun({ lun: 9, name: 'ring', targetSerial: next.serial, targetLun: 9 });
      }
      const through = await hostAt(tokyo, 'near-host');
      const direct = await hostAt(osaka, 'far-host');
      for (const host of [through, direct]) {
        expect(await after('6/29/00', () => host.verdict(9, READ))).toBe('4/44/00');
        expect(await host.verdict(MAIN, READ)).toBe('good');
      }
      const sessions = ring.map(({ portal }) => portal.sessions().length);
      expect(Math.max(...sessions)).toBeLessThan(32);
    } finally {
      await kyoto.stop();
    }
  });
});
