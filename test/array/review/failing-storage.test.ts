import { describe, expect, it } from 'vitest';
import { createWorker } from '../../../src/array/group/follower.ts';
import { openThinFile } from '../../../src/array/store/thin-file.ts';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import {
  acquireAll,
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  purgeRequest,
  resync,
  sleep,
  stamp,
  until,
} from './world.ts';

describe('storage that fails', () => {
  it('is asked again for a chunk whose place could not be made durable, and never taken for granted', async () => {
    const storage = createMemoryStorage();
    let broken = true;
    const flush = () => (broken ? Promise.reject(new Error('EIO')) : Promise.resolve());
    const map = { ...storage.open('map'), flush };
    const file = openThinFile(
      { data: storage.open('data'), map },
      { volumeBytes: 1 << 20, chunkBytes: 1 << 16, blockSize: 512 },
    );
    await expect(file.allocate(0, 512)).rejects.toThrow('EIO');
    await expect(file.allocate(0, 512)).rejects.toThrow('EIO');
    broken = false;
    await file.allocate(0, 512);
    expect(file.allocate(0, 512)).toBeUndefined();
  });

  it('suspends on a journal that cannot be flushed, and ends neither the array nor the application where volumes fail too', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      world.disks.tokyo.breakFlush(`lun-${LUNS.tokyo.journal}.journal`);
      world.disks.tokyo.breakFlush(`lun-${LUNS.tokyo.data}.data`, 1);
      await tokyo.lun('data').write(1, stamp(1));
      await sleep(world, 100);
      await tokyo.lun('data').write(2, stamp(2));
      await sleep(world, 100);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ suspendReason: 'error' });
      expect((await tokyo.lun('data').read(1, 1))[0]).toBe(1);
    }));

  it('lets a group work later whose journal fails in the moment that it is formed', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      world.disks.tokyo.breakFlush(`lun-${LUNS.tokyo.journal}.journal`, 1);
      const formed = tokyo.operations.createPair(pairRequest('primary', 'data'));
      const given = [];
      for (let block = 10; block < 40; block += 1) {
        given.push(tokyo.lun('data').write(block, stamp(block)).catch(String));
        await sleep(world, 0.2);
      }
      await formed;
      expect(new Set(await Promise.all(given)), 'none past the group').toEqual(new Set(['LunError: 2/4/3']));
      await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(/cannot work yet.*flush failed/);
      await expect(tokyo.lun('data').write(1, stamp(1))).rejects.toThrow('2/4/3');
      await sleep(world, 6_000);
      await tokyo.lun('data').write(1, stamp(1));
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});

describe('a power cut', () => {
  it('leaves no write to the auxiliary unknown where the journal had failed and its writes went to the volumes', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const journal = `lun-${LUNS.tokyo.journal}.journal`;
      const volume = `lun-${LUNS.tokyo.data}.data`;
      await formPair(world, 'data');
      await tokyo.lun('data').write(0, stamp(9));
      await cycleUntilPair(world);
      world.disks.tokyo.breakFlush(journal);
      const stall = world.disks.tokyo.stall(volume);
      await tokyo.lun('data').write(1, stamp(1));
      await until(world, 'the volume is flushed without its journal', () => stall.begun() > 0);
      tokyo.kill();
      world.disks.tokyo.powerCut((name) => name === volume);
      world.disks.tokyo.breakFlush(journal, 0);
      stall.resume();
      await tokyo.start();
      // Nothing tells a power cut, which may take what was not flushed, from a process that was killed, which must not.
      expect(await tokyo.array().management.giveUp(LUNS.tokyo.data)).toMatchObject({ writes: 1, unreadable: true });
      expect((await tokyo.lun('data').read(1, 1))[0]).toBe(1);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ suspendReason: 'error' });
      await resync(tokyo.operations, world.osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('takes nothing after the array was stopped, though its journal could not be flushed then', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const journal = `lun-${LUNS.tokyo.journal}.journal`;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(1, stamp(1));
      await tokyo.lun('data').flush();
      world.disks.tokyo.breakFlush(journal);
      await tokyo.lun('data').write(1, stamp(2));
      await tokyo.array().stop();
      tokyo.kill();
      world.disks.tokyo.powerCut();
      world.disks.tokyo.breakFlush(journal, 0);
      await tokyo.start();
      expect((await tokyo.lun('data').read(1, 1))[0]).toBe(2);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ suspendReason: 'error' });
      await world.osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, world.osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('brings no write back that it took, when its hole has been filled and freed', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const journal = `lun-${LUNS.tokyo.journal}.journal`;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const stall = world.disks.tokyo.stall(journal);
      await tokyo.lun('data').write(1, stamp(1));
      await tokyo.lun('data').write(7, stamp(77));
      tokyo.kill();
      // The metadata of the first record is lost, that of the second is not.
      world.disks.tokyo.powerCut((name, { offset }) => name === journal && offset !== (8 + 1) * 512);
      stall.resume();
      await tokyo.start();
      expect((await tokyo.lun('data').read(7, 1))[0]).toBe(0);
      await tokyo.lun('data').write(3, stamp(3));
      await tokyo.lun('data').flush();
      await acquireAll(world, tokyo.operations, osaka.operations);
      await tokyo.operations.purge(await purgeRequest(osaka.operations));
      tokyo.kill();
      await tokyo.start();
      expect((await tokyo.lun('data').read(7, 1))[0]).toBe(0);
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));
});

describe('a process that is killed', () => {
  it('names what its journal forgot, and serves nothing of the group before that is accepted', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const journal = `lun-${LUNS.tokyo.journal}.journal`;
      const volume = `lun-${LUNS.tokyo.data}.data`;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(1, stamp(1));
      await tokyo.lun('data').flush();
      world.disks.tokyo.breakFlush(journal);
      const stall = world.disks.tokyo.stall(volume);
      await tokyo.lun('data').write(1, stamp(2));
      await tokyo.lun('data').write(2, stamp(3));
      await until(world, 'the volume is flushed without its journal', () => stall.begun() > 0);
      tokyo.kill();
      // What could not be written counts as clean, and leaves the page cache where memory is short.
      world.disks.tokyo.powerCut((name) => name !== journal);
      world.disks.tokyo.breakFlush(journal, 0);
      stall.resume();
      await tokyo.start();
      const said = /its journal had failed, and writes 2 to 3 are no longer in it/;
      await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(said);
      await expect(tokyo.lun('data').read(1, 1)).rejects.toThrow('2/4/3');
      const { management } = tokyo.array();
      expect(await management.giveUp(LUNS.tokyo.data)).toMatchObject({ writes: 2, unreadable: true });
      expect((await tokyo.lun('data').read(1, 1))[0]).toBe(1);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ suspendReason: 'error' });
      await resync(tokyo.operations, world.osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('loses nothing where its journal still shows everything', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const journal = `lun-${LUNS.tokyo.journal}.journal`;
      const volume = `lun-${LUNS.tokyo.data}.data`;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      world.disks.tokyo.breakFlush(journal);
      const stall = world.disks.tokyo.stall(volume);
      await tokyo.lun('data').write(1, stamp(2));
      await until(world, 'the volume is flushed without its journal', () => stall.begun() > 0);
      tokyo.kill();
      world.disks.tokyo.breakFlush(journal, 0);
      stall.resume();
      await tokyo.start();
      expect((await tokyo.lun('data').read(1, 1))[0]).toBe(2);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ suspendReason: 'error' });
    }));
});

describe('a worker that waits to try again', () => {
  it('has one timer, however often it is woken', async () => {
    const clock = createFakeClock();
    let steps = 0;
    const worker = createWorker(
      clock,
      async () => ({ retryMs: 100 + (steps += 1) }),
      () => undefined,
    );
    for (let times = 0; times < 10; times += 1) {
      worker.kick();
      await clock.advance(1);
    }
    expect(steps).toBe(10);
    expect(clock.pending()).toBe(1);
    worker.stop();
  });
});
