import { describe, expect, it } from 'vitest';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import { LunError, type Lun } from '../../../src/lun/lun.ts';
import { describeArray } from '../../support/array-pair.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import {
  acquireAll,
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  resync,
  sleep,
  stamp,
  until,
  type World,
} from './world.ts';

interface Backed extends World {
  readonly near: VolatileLun;
  readonly far: VolatileLun;
}

/** Both data volumes lie on disks of others, 2048 blocks with data of their own; the log volumes are sparse files. */
function withBackings(work: (world: Backed) => Promise<void>): Promise<void> {
  let disks: { near: VolatileLun; far: VolatileLun };
  return inWorld((world) => work({ ...world, ...disks }), {
    backing: (array, volume) => (volume === 'data' ? `iscsi://${array}/iqn/1` : undefined),
    backings(clock) {
      disks = { near: createVolatileLun(clock, 2048), far: createVolatileLun(clock, 2048) };
      for (let lba = 0; lba < 2048; lba += 3) disks.near.put(lba, stamp(1 + (lba % 250)));
      disks.far.replace('DISK-2');
      return (path: string): Promise<Lun> => (path.includes('tokyo') ? disks.near : disks.far).open(path);
    },
  });
}

async function byteAt(world: World, lba: number, array: 'tokyo' | 'osaka' = 'tokyo'): Promise<number | undefined> {
  return (await world[array].lun('data').read(lba, 1))[0];
}

const condition = (world: World, array: 'tokyo' | 'osaka') =>
  world[array].array().management.show().backings[0]?.condition;

const reason = async (world: World, array: 'tokyo' | 'osaka') =>
  (await world[array].operations.showJournal('oradb')).suspendReason;

const senseOf = async (call: Promise<unknown>) => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof LunError ? error.sense : error;
};

async function untilReady(world: World, array: 'tokyo' | 'osaka'): Promise<void> {
  await until(world, `${array} is ready`, () => condition(world, array) === 'ready', 200);
}

/** Until a write or a flush has met the missing backing. */
async function untilAway(world: World, array: 'tokyo' | 'osaka'): Promise<void> {
  await until(world, `${array} is away`, () => condition(world, array) === 'away', 200);
}

describe('volumes on LUNs of others', () => {
  it('show what was there, and are copied and replicated whole', () =>
    withBackings(async (world) => {
      expect(await byteAt(world, 3)).toBe(4);
      await formPair(world, 'data');
      await world.tokyo.lun('data').write(5, stamp(200));
      await cycleUntilPair(world);
      await world.tokyo.lun('data').write(6, stamp(201));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await expectSame(world, 'data');
      expect([3, 4, 5, 6].map((lba) => world.far.content(lba, 1)[0])).toEqual([4, 0, 200, 201]);
      expect(world.near.content(6, 1)).toEqual(stamp(201));
    }));

  it('lone: answer NOT READY while the LUN is away, and have everything acknowledged when it is back', () =>
    withBackings(async (world) => {
      const lun = world.tokyo.lun('data');
      await lun.write(8, stamp(8));
      world.near.vanish({ powerCut: true });
      expect(await senseOf(lun.write(9, stamp(9)))).toMatchObject({ key: 0x02, asc: 0x08 });
      expect(await senseOf(lun.read(8, 1))).toMatchObject({ key: 0x02, asc: 0x08 });
      await world.tokyo.lun('log').write(0, stamp(1, 4096));
      world.near.comeBack();
      await untilReady(world, 'tokyo');
      expect(await byteAt(world, 8)).toBe(8);
      await lun.flush();
      expect([8, 9].map((lba) => world.near.content(lba, 1)[0])).toEqual([8, 10]);
    }));

  it('lone: end a write whose answer is lost with an outcome that nobody knows', () =>
    withBackings(async (world) => {
      const lun = world.tokyo.lun('data');
      const sense = senseOf(lun.write(9, stamp(200)));
      await until(world, 'done', () => world.near.content(9, 1)[0] === 200, 0.25);
      world.near.vanish();
      expect(await sense).toMatchObject({ key: 0x0b, asc: 0x08, ascq: 0x00 });
      world.near.comeBack();
      await untilReady(world, 'tokyo');
      expect(await byteAt(world, 9)).toBe(200);
    }));

  it('primary: suspend their pairs when they vanish, and get what the journal has for them', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      world.near.vanish({ powerCut: true });
      for (let lba = 10; lba < 14; lba += 1) await tokyo.lun('data').write(lba, stamp(lba));
      await tokyo.lun('log').write(2, stamp(77, 4096));
      await untilAway(world, 'tokyo');
      await until(world, 'suspended', async () => (await reason(world, 'tokyo')) === 'error');
      expect(await senseOf(tokyo.lun('data').read(10, 1))).toMatchObject({ key: 0x02 });
      await tokyo.lun('log').write(3, stamp(78, 4096));
      await expect(resync(tokyo.operations, osaka.operations)).rejects.toThrow(/backing of volume data is away/);
      world.near.comeBack();
      await untilReady(world, 'tokyo');
      for (let lba = 10; lba < 14; lba += 1) expect(await byteAt(world, lba)).toBe(lba);
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      await expectSame(world, 'log');
      expect(world.near.content(10, 1)).toEqual(stamp(10));
    }));

  it('primary: the journal keeps what they lack over restarts with the LUN still away', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      world.near.vanish({ powerCut: true });
      await tokyo.lun('data').write(10, stamp(10));
      await until(world, 'suspended', async () => (await reason(world, 'tokyo')) === 'error');
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect(await senseOf(tokyo.lun('data').read(10, 1))).toMatchObject({ key: 0x02 });
      await tokyo.lun('log').write(0, stamp(5, 4096));
      await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(/waits for the backing of volume data/);
      world.near.comeBack();
      await untilReady(world, 'tokyo');
      expect(await byteAt(world, 10)).toBe(10);
      expect(await reason(world, 'tokyo')).toBe('error');
      await tokyo.lun('data').write(11, stamp(11));
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('primary: a power cut of array and LUN at once takes nothing that was flushed', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let round = 0; round < 6; round += 1) {
        await tokyo.lun('data').write(20 + round, stamp(40 + round));
        await tokyo.lun('data').flush();
        await sleep(world, round * 4);
        tokyo.kill();
        world.disks.tokyo.powerCut();
        world.near.breakConnections({ powerCut: true });
        await tokyo.start();
        for (let past = 0; past <= round; past += 1) expect(await byteAt(world, 20 + past)).toBe(40 + past);
      }
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));

  it.each([
    ['after the suspension', true],
    ['before the suspension was durable', false],
  ] as const)(
    'primary: writes that a failed journal took along are named, and nothing is served before that: %s',
    (_when, suspended) =>
      withBackings(async (world) => {
        const { tokyo } = world;
        const management = () => tokyo.array().management;
        await formPair(world, 'data');
        await formPair(world, 'log');
        await cycleUntilPair(world);
        world.disks.tokyo.breakFlush('lun-20.journal');
        const stall = suspended ? undefined : world.disks.tokyo.stall('lun-11.data');
        world.near.vanish({ powerCut: true });
        for (let lba = 10; lba < 13; lba += 1) await tokyo.lun('data').write(lba, stamp(lba));
        await tokyo.lun('log').write(2, stamp(77, 4096));
        if (stall) await until(world, 'the other volume is flushed', () => stall.begun() > 0);
        else await until(world, 'suspended', () => tokyo.log.some((line) => line.includes('suspended: error')));
        tokyo.kill();
        world.disks.tokyo.powerCut((name) => name === 'lun-11.data');
        world.disks.tokyo.breakFlush('lun-20.journal', 0);
        stall?.resume();
        const described = describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], {
          clock: world.clock,
          random: createSeededRandom(1),
          storage: () => world.disks.tokyo,
          volumeBlocks: 2048,
          backing: (_array, volume) => (volume === 'data' ? 'iscsi://tokyo/iqn/1' : undefined),
        });
        expect(checkStorage(described, world.disks.tokyo).findings).toContainEqual(
          expect.objectContaining({
            severity: 'damage',
            file: 'lun-20.journal',
            meaning: expect.stringMatching(/may lack these 4 writes/),
            next: expect.stringMatching(/array volume give-up/),
          }),
        );
        await tokyo.start();
        world.near.comeBack();
        const said = /its journal had failed, and writes \d+ to \d+ are no longer in it/;
        await until(world, 'told', () => tokyo.log.some((line) => said.test(line)));
        await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(said);
        expect(await senseOf(tokyo.lun('data').read(10, 1))).toMatchObject({ key: 0x02 });
        const lost = { volume: 'data', group: 'oradb', role: 'primary', writes: 4, bytes: 0, unreadable: true };
        expect(management().lookAtGivingUp(10)).toMatchObject(lost);
        await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(said);
        expect(await management().giveUp(10)).toMatchObject(lost);
        await untilReady(world, 'tokyo');
        expect(management().lookAtGivingUp(10)).toBeUndefined();
        expect(await byteAt(world, 10)).toBe(world.near.content(10, 1)[0]);
        expect((await tokyo.lun('log').read(2, 1))[0]).toBe(77);
        expect(await reason(world, 'tokyo')).toBe('error');
        await world.osaka.operations.splitGroup('oradb');
        await resync(tokyo.operations, world.osaka.operations);
        await cycleUntilPair(world);
        await expectSame(world, 'data');
        await expectSame(world, 'log');
      }),
  );

  it('auxiliary: restoration stops while they are away, says so, and goes on', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let lba = 30; lba < 40; lba += 1) await tokyo.lun('data').write(lba, stamp(lba));
      await acquireAll(world, tokyo.operations, osaka.operations);
      world.far.vanish({ powerCut: true });
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await untilAway(world, 'osaka');
      const status = await osaka.operations.showJournal('oradb');
      expect(status.restoredSequence).toBeLessThan(readSequence);
      expect(status.errorText).toMatch(/backing of volume data is away/);
      expect(await senseOf(osaka.lun('data').read(30, 1))).toMatchObject({ key: 0x02 });
      world.far.comeBack();
      await untilReady(world, 'osaka');
      await until(world, 'restored', async () => {
        return (await osaka.operations.showJournal('oradb')).restoredSequence === readSequence;
      });
      await expectSame(world, 'data');
      expect(world.far.content(39, 1)).toEqual(stamp(39));
    }));

  it('a connection that breaks and comes back at once costs nobody anything', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let round = 0; round < 10; round += 1) {
        await tokyo.lun('data').write(50 + round, stamp(90 + round));
        await sleep(world, 11 + round);
        world.near.breakConnections({ powerCut: true });
        world.far.breakConnections({ powerCut: true });
        expect(await byteAt(world, 50 + round)).toBe(90 + round);
        await cycle(world, tokyo.operations, osaka.operations);
      }
      expect(await reason(world, 'tokyo')).toBe('none');
      await expectSame(world, 'data');
    }));
});

describe('a backing that will not come back', () => {
  async function giveUp(world: World, array: 'tokyo' | 'osaka') {
    const { management } = world[array].array();
    return management.giveUp(management.show().backings[0]!.lun);
  }
  const groups = (world: World, array: 'tokyo' | 'osaka') => world[array].array().management.show().groups;

  it('is given up with what it lacks, named before; the other pair goes on and can be dissolved', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      expect(await giveUp(world, 'tokyo')).toBeUndefined();
      world.near.vanish({ powerCut: true });
      for (let lba = 10; lba < 14; lba += 1) await tokyo.lun('data').write(lba, stamp(lba));
      await tokyo.lun('log').write(2, stamp(77, 4096));
      await untilAway(world, 'tokyo');
      await until(world, 'suspended', async () => (await reason(world, 'tokyo')) === 'error');
      await expect(tokyo.operations.deletePair('oradb')).rejects.toThrow(/DISK|no-path|away/);
      const lost = { volume: 'data', group: 'oradb', pair: 'data', role: 'primary', writes: 4, bytes: 4 * 512 };
      expect(tokyo.array().management.lookAtGivingUp(10)).toEqual(lost);
      expect(await giveUp(world, 'tokyo')).toEqual(lost);
      expect(await giveUp(world, 'tokyo')).toBeUndefined();
      await tokyo.lun('log').write(3, stamp(78, 4096));
      for (const { operations } of [tokyo, osaka]) await operations.deletePair('oradb');
      expect([groups(world, 'tokyo'), groups(world, 'osaka')]).toEqual([[], []]);
      expect((await tokyo.lun('log').read(2, 1))[0]).toBe(77);
      world.near.comeBack();
      await untilReady(world, 'tokyo');
      expect(await byteAt(world, 12)).toBe(1 + 12);
      await tokyo.lun('data').write(12, stamp(99));
    }));

  it('is given up by an array that started without it: the other volume gets what the journal has for it', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(10, stamp(10));
      await tokyo.lun('log').write(2, stamp(77, 4096));
      await tokyo.lun('log').flush();
      world.near.vanish({ powerCut: true });
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect(await senseOf(tokyo.lun('log').read(2, 1))).toMatchObject({ key: 0x02 });
      expect(await giveUp(world, 'tokyo')).toMatchObject({ pair: 'data', role: 'primary', writes: 1 });
      expect((await tokyo.lun('log').read(2, 1))[0]).toBe(77);
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect((await tokyo.lun('log').read(2, 1))[0]).toBe(77);
      for (const { operations } of [tokyo, osaka]) await operations.deletePair('oradb');
      expect(world.disks.tokyo.list().filter((name) => name.startsWith('differences'))).toEqual([]);
      expect(groups(world, 'tokyo')).toEqual([]);
    }));

  it('is given up by an auxiliary, whose other volume follows on', () =>
    withBackings(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      world.far.vanish({ powerCut: true });
      osaka.kill();
      world.disks.osaka.powerCut();
      await osaka.start();
      expect(await giveUp(world, 'osaka')).toMatchObject({ pair: 'data', role: 'auxiliary', writes: 0, bytes: 0 });
      await tokyo.operations.deletePair('oradb', 'data');
      await tokyo.lun('log').write(5, stamp(55, 4096));
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'log');
      for (const { operations } of [tokyo, osaka]) await operations.deletePair('oradb');
      expect(groups(world, 'osaka')).toEqual([]);
    }));
});

describe('who stands behind a volume', () => {
  it('is recorded, and nothing else is written to, nor one that has become smaller', () =>
    withBackings(async (world) => {
      const { tokyo } = world;
      await tokyo.lun('data').write(1, stamp(1));
      world.near.replace('ANOTHER');
      const before = world.near.counts.writes;
      expect(await senseOf(tokyo.lun('data').write(2, stamp(2)))).toMatchObject({ key: 0x02, asc: 0x04, ascq: 0x03 });
      expect(tokyo.array().management.show().backings[0]).toMatchObject({
        condition: 'away',
        identity: 'TEST DISK DISK-1',
        why: expect.stringMatching(/ANOTHER, and not TEST DISK DISK-1/),
      });
      world.near.replace('DISK-1');
      world.near.resize(2047);
      await sleep(world, 10_000);
      expect(tokyo.array().management.show().backings[0]?.why).toMatch(/2047 blocks .* the volume 2048/);
      expect(world.near.counts.writes).toBe(before);
      world.near.resize(2048);
      await untilReady(world, 'tokyo');
      expect(await byteAt(world, 1)).toBe(1);
    }));

  it('is told by its serial number where its name is one that others have, too', () =>
    withBackings(async (world) => {
      const { tokyo } = world;
      world.far.replace('beafrv1', '3000000100000001');
      const volume = { lun: 50, name: 'more', kind: 'volume', blockSize: 512, blockCount: 0 } as const;
      await tokyo.array().management.addVolume({ ...volume, backing: 'iscsi://osaka/iqn/1' });
      const report = () =>
        tokyo
          .array()
          .management.show()
          .backings.find(({ lun }) => lun === 50);
      expect(report()).toMatchObject({ condition: 'ready', identity: '3000000100000001, serial beafrv1' });
      world.far.replace('intruder');
      await sleep(world, 10_000);
      const writes = world.far.counts.writes;
      tokyo.kill();
      await tokyo.start();
      await until(world, 'refused', () => /serial intruder, and not/.test(report()?.why ?? ''));
      await sleep(world, 10_000);
      expect([report()?.condition, world.far.counts.writes]).toEqual(['away', writes]);
      world.far.replace('beafrv1');
      await until(world, 'ready', () => report()?.condition === 'ready', 200);
    }));

  it('is looked at before a volume is added: not twice, not this array itself, large enough', () =>
    withBackings(async (world) => {
      const { management } = world.tokyo.array();
      const volume = { name: 'more', kind: 'volume', blockSize: 512, blockCount: 0 } as const;
      const add = (lun: number, backing: string, blockCount = 0) =>
        management.addVolume({ ...volume, lun, backing, blockCount });
      await expect(add(50, 'iscsi://tokyo/iqn/1')).rejects.toThrow(/backing of LUN 10 already/);
      await expect(add(50, 'iscsi://tokyo/other-way/1')).rejects.toThrow(/backing of LUN 10 already/);
      await expect(add(50, 'iscsi://osaka/iqn/1', 2049)).rejects.toThrow(/has 2048 blocks/);
      world.far.replace('TK000001-000A');
      await expect(add(50, 'iscsi://osaka/iqn/1')).rejects.toThrow(/LUN of this array itself/);
      expect(management.show().volumes.some(({ lun }) => lun === 50)).toBe(false);
      world.far.replace('DISK-2');
      await add(50, 'iscsi://osaka/iqn/1');
      expect(management.show().volumes.find(({ lun }) => lun === 50)?.blockCount).toBe(2048);
    }));
});
