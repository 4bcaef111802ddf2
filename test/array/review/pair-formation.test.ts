import { describe, expect, it } from 'vitest';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import {
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  restoreAll,
  acquireAll,
  resync,
  purgeRequest,
  sleep,
  stamp,
  until,
} from './world.ts';

describe('pair formation', () => {
  it('loses no write to a pair that joins a running group between its two commands', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
      await tokyo.lun('log').write(40, stamp(7, 4096));
      await cycle(world, tokyo.operations, osaka.operations);
      await osaka.operations.createPair(pairRequest('auxiliary', 'log'));
      await cycleUntilPair(world);
      await expectSame(world, 'log');
    }));

  it('loses none after a restart of the primary in between, or without a copy', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.operations.createPair({ ...pairRequest('primary', 'log'), noCopy: true });
      await tokyo.lun('log').write(40, stamp(7, 4096));
      await cycle(world, tokyo.operations, osaka.operations);
      await tokyo.lun('log').write(80, stamp(8, 4096));
      await tokyo.lun('log').flush();
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      await acquireAll(world, tokyo.operations, osaka.operations);
      await restoreAll(world, osaka.operations);
      await osaka.operations.createPair({ ...pairRequest('auxiliary', 'log'), noCopy: true });
      await cycleUntilPair(world);
      await expectSame(world, 'log');
    }));

  it('does not take an auxiliary formed anew for a copy of a primary that was told of one long ago', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await tokyo.lun('data').write(3, stamp(3));
      await formPair(world, 'data');
      await cycleUntilPair(world);
      osaka.kill();
      for (const name of world.disks.osaka.list()) await world.disks.osaka.remove(name);
      await osaka.start();
      await expect(osaka.operations.createPair(pairRequest('auxiliary', 'data'))).rejects.toMatchObject({
        status: 'wrong-state',
      });
    }));

  it('does not add a pair as primary to a group that was swapped meanwhile', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const { generation, readSequence: sequence } = await osaka.operations.showJournal('oradb');
      const stall = world.disks.tokyo.stall(`lun-${LUNS.tokyo.log}.data`);
      const adding = tokyo.operations.createPair(pairRequest('primary', 'log'));
      adding.catch(() => undefined);
      while (stall.begun() === 0) await sleep(world, 1);
      await tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      stall.resume();
      await expect(adding).rejects.toMatchObject({ status: 'wrong-state' });
      expect(await tokyo.operations.showPairs('oradb')).toHaveLength(1);
      tokyo.kill();
      await tokyo.start();
    }));
});

describe('a primary that is to follow the other side after a takeover', () => {
  it('keeps a pair that only it has formed, and what hosts wrote to it', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
      await tokyo.lun('log').write(40, stamp(7, 4096), { forceUnitAccess: true });
      await acquireAll(world, tokyo.operations, osaka.operations);
      await restoreAll(world, osaka.operations);
      await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await expect(resync(osaka.operations, tokyo.operations)).rejects.toMatchObject({ status: 'wrong-state' });
      expect((await tokyo.operations.showJournal('oradb')).role).toBe('primary');
      await tokyo.operations.deletePair('oradb', 'log');
      await resync(osaka.operations, tokyo.operations);
      await cycleUntilPair(world, osaka.operations, tokyo.operations);
      expect(await tokyo.lun('log').read(40, 1)).toEqual(stamp(7, 4096));
    }));
});

describe('a takeover of volumes whose copy had not ended', () => {
  it.each(['tokyo', 'osaka'] as const)('leaves the whole volumes as they are until one is given up: %s', (kept) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      for (let lba = 0; lba < 2048; lba += 128) await tokyo.lun('data').write(lba, stamp(9));
      await formPair(world, 'data');
      const begun = async (): Promise<boolean> => (await osaka.operations.showPairs('oradb'))[0]!.copyChunks > 0;
      await until(world, 'the copy has begun', begun, 1);
      await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: true, giveUpDamaged: false });
      const [from, to] = kept === 'tokyo' ? [tokyo, osaka] : [osaka, tokyo];
      for (const refused of [resync(osaka.operations, tokyo.operations), resync(tokyo.operations, osaka.operations)])
        await expect(refused).rejects.toMatchObject({ status: 'split-brain' });
      expect((await tokyo.lun('data').read(1920, 1))[0]).toBe(9);
      const before = await from.lun('data').read(0, 2048);
      await resync(from.operations, to.operations, true);
      await cycleUntilPair(world, from.operations, to.operations);
      await expectSame(world, 'data');
      expect(Buffer.compare(await from.lun('data').read(0, 2048), before)).toBe(0);
    }),
  );
});

describe('purge', () => {
  it('does not forget differences on the word of a purge that was sent before a resync', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await tokyo.lun('data').write(3, stamp(3));
      await formPair(world, 'data');
      await acquireAll(world, tokyo.operations, osaka.operations);
      await sleep(world, 200);
      const late = await purgeRequest(osaka.operations);
      expect(late.copiedPairs).toBe('0000000000000001');
      await tokyo.operations.splitGroup('oradb');
      await osaka.operations.splitGroup('oradb');
      await tokyo.lun('data').write(900, stamp(9));
      await resync(tokyo.operations, osaka.operations);
      await tokyo.operations.purge(late).catch(() => undefined);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});
