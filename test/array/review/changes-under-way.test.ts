import { describe, expect, it } from 'vitest';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import {
  acquireAll,
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  restoreAll,
  resync,
  sleep,
  stamp,
  until,
} from './world.ts';

describe('a change while hosts write', () => {
  it('lets a write that waited for the end of its group through, as one to a volume on its own', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const stall = world.disks.tokyo.stall('state');
      const deleting = tokyo.operations.deletePair('oradb', '');
      while (stall.begun() === 0) await sleep(world, 1);
      const writing = tokyo.lun('data').write(5, stamp(5));
      await sleep(world, 5);
      stall.resume();
      await deleting;
      await writing;
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(5);
    }));

  it('keeps a write that waited for the end of its pair, over a power cut after its flush', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      const stall = world.disks.tokyo.stall('state');
      const deleting = tokyo.operations.deletePair('oradb', 'data');
      while (stall.begun() === 0) await sleep(world, 1);
      const writing = tokyo.lun('data').write(5, stamp(5));
      await sleep(world, 5);
      stall.resume();
      await Promise.all([deleting, writing]);
      await tokyo.lun('data').flush();
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(5);
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(5);
    }));
});

describe('a change while journal is being read', () => {
  it('survives that the group of a worker is dissolved', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(1, stamp(1));
      await sleep(world, 50);
      const stall = world.disks.tokyo.stall(`lun-${LUNS.tokyo.journal}.journal`);
      await osaka.operations.acquire({ group: 'oradb', toSequence: 1 });
      while (stall.begun() === 0) await sleep(world, 1);
      await osaka.operations.deletePair('oradb', '');
      stall.resume();
      await sleep(world, 50);
      expect((await osaka.operations.showArray()).groupCount).toBe(0);
    }));

  it('keeps the new generation of a takeover, so that the fork is seen', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(1, stamp(1));
      await sleep(world, 50);
      const reading = world.disks.tokyo.stall(`lun-${LUNS.tokyo.journal}.journal`);
      await osaka.operations.acquire({ group: 'oradb', toSequence: 1 });
      while (reading.begun() === 0) await sleep(world, 1);
      const committing = world.disks.osaka.stall('state');
      const taking = osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      while (committing.begun() === 0) await sleep(world, 1);
      // The auxiliary meets its primary, which still answers, in the middle of the takeover.
      reading.resume();
      await sleep(world, 50);
      committing.resume();
      await taking;
      await sleep(world, 50);
      const { generation, lineage } = await osaka.operations.showJournal('oradb');
      expect(lineage).toHaveLength(2);
      const follow = { group: 'oradb', role: 'auxiliary' as const, discard: false, generation, lineage };
      await expect(tokyo.operations.resyncGroup(follow)).rejects.toMatchObject({ status: 'split-brain' });
    }));

  it('goes on after a deallocation with nothing else', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await tokyo.lun('data').write(0, stamp(1, 512 * 128));
      await cycleUntilPair(world);
      await cycle(world, tokyo.operations, osaka.operations);
      await tokyo.unit('data').deallocate!(0, 128);
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));
});

describe('a copy', () => {
  it('does not end as if the primary had not been suspended in between', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await tokyo.lun('data').write(0, stamp(1));
      await tokyo.lun('data').write(1000, stamp(1));
      await tokyo.operations.createPair(pairRequest('primary', 'data'));
      const stall = world.disks.osaka.stall('state');
      const creating = osaka.operations.createPair(pairRequest('auxiliary', 'data'));
      await until(world, 'about to be formed', () => stall.begun() > 0, 1);
      const meeting = world.disks.tokyo.stall(`lun-${LUNS.tokyo.journal}.journal`);
      stall.resume();
      await creating;
      const halfWay = world.disks.osaka.stall(`lun-${LUNS.osaka.data}.data`);
      meeting.resume();
      await until(world, 'copied, not flushed', () => halfWay.begun() > 0, 1);
      await tokyo.operations.splitGroup('oradb');
      await tokyo.lun('data').write(0, stamp(2));
      await tokyo.operations.resyncGroup({
        group: 'oradb',
        role: 'primary',
        discard: false,
        generation: '0'.repeat(16),
        lineage: [],
      });
      halfWay.resume();
      await sleep(world, 100);
      const [row] = await osaka.operations.showPairs('oradb');
      expect(row?.consistent).toBe(false);
    }));

  it('can be given up for a takeover that accepts it, although its primary never came back', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let lba = 0; lba < 5; lba += 1) await tokyo.lun('data').write(lba, stamp(lba + 1));
      await acquireAll(world, tokyo.operations, osaka.operations);
      await tokyo.operations.splitGroup('oradb');
      await osaka.operations.splitGroup('oradb');
      const { generation, lineage } = await tokyo.operations.showJournal('oradb');
      await osaka.operations.resyncGroup({ group: 'oradb', role: 'auxiliary', discard: false, generation, lineage });
      tokyo.kill();
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await sleep(world, 100);
      const taken = await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: true, giveUpDamaged: false });
      expect(taken.role).toBe('primary');
    }));
});

describe('a pair that an auxiliary gives up', () => {
  it('leaves a state of the primary behind, over a power cut too', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let value = 1; value <= 20; value += 1) await tokyo.lun('data').write(value, stamp(value));
      await acquireAll(world, tokyo.operations, osaka.operations);
      const stall = world.disks.osaka.stall(`lun-${LUNS.osaka.data}.data`);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await until(world, 'restored, not flushed', () => stall.begun() > 0, 1);
      const deleting = osaka.operations.deletePair('oradb', '');
      await sleep(world, 50);
      stall.resume();
      await deleting;
      osaka.kill();
      world.disks.osaka.powerCut((_name, { data }) => data[0] === 20);
      await osaka.start();
      const left = await osaka.lun('data').read(0, 21);
      const held = Array.from({ length: 20 }, (_, index) => left[(index + 1) * 512]!);
      const prefix = held.filter((value) => value > 0).length;
      expect(held).toEqual(held.map((_value, index) => (index < prefix ? index + 1 : 0)));
    }));
});

describe('numbers that begin lower again', () => {
  it('redo every write of the journal after a crash', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      for (let lba = 0; lba < 20; lba += 1) await tokyo.lun('data').write(lba, stamp(lba + 1));
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
      await osaka.operations.createPair(pairRequest('auxiliary', 'log'));
      await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: true, giveUpDamaged: false });
      await resync(osaka.operations, tokyo.operations, true);
      await cycleUntilPair(world, osaka.operations, tokyo.operations);
      const { generation, readSequence: sequence } = await tokyo.operations.showJournal('oradb');
      await osaka.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      await tokyo.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await tokyo.lun('log').write(3, stamp(9, 4096));
      tokyo.kill();
      await tokyo.start();
      await restoreAll(world, osaka.operations);
      expect((await tokyo.lun('log').read(3, 1))[0]).toBe(9);
    }));
});
