import { describe, expect, it } from 'vitest';
import { createArrayPair, pairRequest } from '../support/array-pair.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { cycle, cycleUntilPair, expectSame, formPair, stamp, until, type Pair } from './review/world.ts';

async function withPair(work: (world: Pair) => Promise<void>, journalBlocks?: number): Promise<void> {
  const clock = createFakeClock();
  const pair = await createArrayPair({
    clock,
    random: createSeededRandom(7),
    storage: () => createMemoryStorage(),
    ...(journalBlocks === undefined ? {} : { journalBlocks }),
  });
  await clock.run(work({ ...pair, clock }));
}

describe('a pair over two arrays', () => {
  it('copies, follows by journal, purges', () =>
    withPair(async (world) => {
      await world.tokyo.lun('data').write(5, stamp(1));
      await formPair(world, 'data');
      await world.tokyo.lun('data').write(6, stamp(2));
      await cycleUntilPair(world);
      await world.tokyo.lun('data').write(7, stamp(3));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await expectSame(world, 'data');
      const status = await world.tokyo.operations.showJournal('oradb');
      expect(status.journalInSequence).toBe(status.journalOutSequence);
      await expect(world.osaka.lun('data').write(0, stamp(9))).rejects.toMatchObject({ kind: 'write-protected' });
    }));

  it('replicates a deallocation, in its place among the writes', () =>
    withPair(async (world) => {
      await world.tokyo.lun('data').write(0, stamp(1, 128 * 512));
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const unit = world.tokyo.unit('data');
      await unit.deallocate?.(0, 128);
      await world.tokyo.lun('data').write(3, stamp(4));
      expect((await world.tokyo.lun('data').read(2, 1))[0]).toBe(0);
      world.tokyo.kill();
      await world.tokyo.start();
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await expectSame(world, 'data');
      expect((await world.osaka.lun('data').read(3, 1))[0]).toBe(4);
      expect((await world.osaka.lun('data').read(4, 1))[0]).toBe(0);
    }));

  it('keeps what was acknowledged over kill -9 of the primary', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let lba = 0; lba < 10; lba += 1) await world.tokyo.lun('data').write(lba, stamp(lba + 1));
      world.tokyo.kill();
      await world.tokyo.start();
      expect((await world.tokyo.lun('data').read(9, 1))[0]).toBe(10);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await expectSame(world, 'data');
    }));

  it('suspends on a full journal, goes on serving, and resyncs only the differences', () =>
    withPair(
      async (world) => {
        await formPair(world, 'data');
        await cycleUntilPair(world);
        for (let lba = 0; lba < 40; lba += 1) await world.tokyo.lun('data').write(lba, stamp(lba + 1));
        const full = await world.tokyo.operations.showJournal('oradb');
        expect(full).toMatchObject({ state: 'suspended', suspendReason: 'journal-full' });
        await world.osaka.operations.acquire({ group: 'oradb', toSequence: 100 });
        await until(
          world,
          'peer-suspended',
          async () => (await world.osaka.operations.showJournal('oradb')).suspendReason === 'peer-suspended',
        );
        const { generation, lineage } = await world.tokyo.operations.showJournal('oradb');
        const resync = { group: 'oradb', discard: false, generation, lineage };
        await world.osaka.operations.resyncGroup({ ...resync, role: 'auxiliary' });
        await world.tokyo.operations.resyncGroup({ ...resync, role: 'primary' });
        await cycleUntilPair(world);
        const [row] = await world.osaka.operations.showPairs('oradb');
        expect(row?.copyChunks).toBe(1);
        await expectSame(world, 'data');
      },
      8 + 9 * 8,
    ));

  it('swaps, writes on the other side, and swaps back', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      await world.tokyo.lun('data').write(1, stamp(1));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      const { generation, readSequence: sequence } = await world.osaka.operations.showJournal('oradb');
      await world.tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      await world.osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await world.osaka.lun('log').write(2, stamp(4, 4096));
      await cycleUntilPair(world, world.osaka.operations, world.tokyo.operations);
      await expectSame(world, 'log');
      await expect(world.tokyo.lun('data').write(0, stamp(9))).rejects.toMatchObject({ kind: 'write-protected' });
    }));

  it('takes over without the primary, detects the split brain, and comes back by resync', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await world.tokyo.lun('data').write(1, stamp(1));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.lun('data').write(2, stamp(2));
      world.tokyo.kill();
      await world.osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await world.osaka.lun('data').write(3, stamp(3));
      await world.tokyo.start();
      const { generation, lineage } = await world.osaka.operations.showJournal('oradb');
      const resync = { group: 'oradb', role: 'auxiliary' as const, generation, lineage };
      await expect(world.tokyo.operations.resyncGroup({ ...resync, discard: false })).rejects.toMatchObject({
        status: 'split-brain',
      });
      await world.tokyo.operations.resyncGroup({ ...resync, discard: true });
      await world.osaka.operations.resyncGroup({ ...resync, role: 'primary', discard: false });
      await cycleUntilPair(world, world.osaka.operations, world.tokyo.operations);
      await expectSame(world, 'data');
      expect((await world.tokyo.lun('data').read(2, 1))[0]).toBe(0);
    }));

  it('answers nothing more once its tables cannot be made durable, and knows after a restart what it did', () =>
    withPair(async (world) => {
      await world.tokyo.operations.createPair(pairRequest('primary', 'data'));
      world.tokyo.breakFlush('state');
      const split = world.tokyo.operations.splitGroup('oradb', { timeoutMs: 20_000 });
      await expect(world.tokyo.array().failed).resolves.toMatchObject({ message: 'flush failed' });
      world.tokyo.kill();
      await world.tokyo.start();
      expect((await split).state).toBe('suspended');
      expect((await world.tokyo.operations.showArray()).commandNumber).toBe(2);
    }));

  it('refuses to become a second primary by a swap whose first half was left out', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const { generation, readSequence: sequence } = await world.osaka.operations.showJournal('oradb');
      const half = { group: 'oradb', role: 'primary' as const, generation, sequence };
      await expect(world.osaka.operations.swapGroup(half)).rejects.toMatchObject({ status: 'wrong-state' });
      await world.tokyo.operations.swapGroup({ ...half, role: 'auxiliary' });
      expect(await world.osaka.operations.swapGroup(half)).toMatchObject({ changed: true, role: 'primary' });
    }));
});
