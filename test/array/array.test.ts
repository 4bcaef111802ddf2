import { describe, expect, it } from 'vitest';
import type { ArrayOperations } from '../../src/host/operations.ts';
import { createArrayPair, pairRequest, type ArrayPair } from '../support/array-pair.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

interface World extends ArrayPair {
  readonly clock: FakeClock;
}

async function withPair(work: (world: World) => Promise<void>, journalBlocks?: number): Promise<void> {
  const clock = createFakeClock();
  const pair = await createArrayPair({
    clock,
    random: createSeededRandom(7),
    storage: () => createMemoryStorage(),
    ...(journalBlocks === undefined ? {} : { journalBlocks }),
  });
  await clock.run(work({ ...pair, clock }));
}

function block(fill: number, size = 512): Uint8Array {
  return new Uint8Array(size).fill(fill);
}

async function formPair(world: World, pair: 'data' | 'log'): Promise<void> {
  await world.tokyo.operations.createPair(pairRequest('primary', pair));
  await world.osaka.operations.createPair(pairRequest('auxiliary', pair));
}

async function until(world: World, what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await holds()) return;
    await new Promise<void>((resolve) => world.clock.setTimer(20, resolve));
  }
  throw new Error(
    `never: ${what}; osaka: ${world.osaka.log.join('; ')} ${JSON.stringify(await world.osaka.operations.showJournal('oradb'))}`,
  );
}

/** Fig. 16 by hand. */
async function cycle(world: World, from: ArrayOperations, to: ArrayOperations): Promise<void> {
  const primary = await from.showJournal('oradb');
  await to.acquire({ group: 'oradb', toSequence: primary.journalInSequence - 1 });
  await until(world, 'acquired', async () => {
    const status = await to.showJournal('oradb');
    return status.readSequence === status.toBeReadSequence;
  });
  const auxiliary = await to.showJournal('oradb');
  await to.restore({ group: 'oradb', toSequence: auxiliary.readSequence });
  await until(world, 'restored', async () => {
    const status = await to.showJournal('oradb');
    return status.restoredSequence === status.toBeRestoredSequence;
  });
  const pairs = await to.showPairs('oradb');
  const mask = pairs
    .filter((pair) => pair.state === 'pair')
    .reduce((bits, pair) => bits | (1n << BigInt(pair.slot)), 0n);
  await from.purge({
    group: 'oradb',
    toSequence: auxiliary.readSequence,
    generation: auxiliary.generation,
    proof: auxiliary.readProof,
    life: auxiliary.life,
    changes: auxiliary.changes,
    copiedPairs: mask.toString(16).padStart(16, '0'),
  });
}

async function cycleUntilPair(world: World, from: ArrayOperations, to: ArrayOperations): Promise<void> {
  await until(world, 'pair', async () => {
    await cycle(world, from, to);
    const rows = [...(await from.showPairs('oradb')), ...(await to.showPairs('oradb'))];
    return rows.every((row) => row.state === 'pair');
  });
}

async function same(world: World, lun: 'data' | 'log'): Promise<void> {
  const capacity = await world.tokyo.lun(lun).capacity();
  const left = await world.tokyo.lun(lun).read(0, capacity.blockCount);
  const right = await world.osaka.lun(lun).read(0, capacity.blockCount);
  expect(Buffer.compare(left, right)).toBe(0);
}

describe('a pair over two arrays', () => {
  it('copies, follows by journal, purges', () =>
    withPair(async (world) => {
      await world.tokyo.lun('data').write(5, block(1));
      await formPair(world, 'data');
      await world.tokyo.lun('data').write(6, block(2));
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.lun('data').write(7, block(3));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await same(world, 'data');
      const status = await world.tokyo.operations.showJournal('oradb');
      expect(status.journalInSequence).toBe(status.journalOutSequence);
      await expect(world.osaka.lun('data').write(0, block(9))).rejects.toMatchObject({ kind: 'write-protected' });
    }));

  it('replicates a deallocation, in its place among the writes', () =>
    withPair(async (world) => {
      await world.tokyo.lun('data').write(0, block(1, 128 * 512));
      await formPair(world, 'data');
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      const unit = world.tokyo.unit('data');
      await unit.deallocate?.(0, 128);
      await world.tokyo.lun('data').write(3, block(4));
      expect((await world.tokyo.lun('data').read(2, 1))[0]).toBe(0);
      world.tokyo.kill();
      await world.tokyo.start();
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await same(world, 'data');
      expect((await world.osaka.lun('data').read(3, 1))[0]).toBe(4);
      expect((await world.osaka.lun('data').read(4, 1))[0]).toBe(0);
    }));

  it('keeps what was acknowledged over kill -9 of the primary', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      for (let lba = 0; lba < 10; lba += 1) await world.tokyo.lun('data').write(lba, block(lba + 1));
      world.tokyo.kill();
      await world.tokyo.start();
      expect((await world.tokyo.lun('data').read(9, 1))[0]).toBe(10);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await same(world, 'data');
    }));

  it('suspends on a full journal, goes on serving, and resyncs only the differences', () =>
    withPair(
      async (world) => {
        await formPair(world, 'data');
        await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
        for (let lba = 0; lba < 40; lba += 1) await world.tokyo.lun('data').write(lba, block(lba + 1));
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
        await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
        const [row] = await world.osaka.operations.showPairs('oradb');
        expect(row?.copyChunks).toBe(1);
        await same(world, 'data');
      },
      8 + 9 * 8,
    ));

  it('swaps, writes on the other side, and swaps back', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.lun('data').write(1, block(1));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      const { generation, readSequence: sequence } = await world.osaka.operations.showJournal('oradb');
      await world.tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      await world.osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await world.osaka.lun('log').write(2, block(4, 4096));
      await cycleUntilPair(world, world.osaka.operations, world.tokyo.operations);
      await same(world, 'log');
      await expect(world.tokyo.lun('data').write(0, block(9))).rejects.toMatchObject({ kind: 'write-protected' });
    }));

  it('takes over without the primary, detects the split brain, and comes back by resync', () =>
    withPair(async (world) => {
      await formPair(world, 'data');
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.lun('data').write(1, block(1));
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.lun('data').write(2, block(2));
      world.tokyo.kill();
      await world.osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await world.osaka.lun('data').write(3, block(3));
      await world.tokyo.start();
      const { generation, lineage } = await world.osaka.operations.showJournal('oradb');
      const resync = { group: 'oradb', role: 'auxiliary' as const, generation, lineage };
      await expect(world.tokyo.operations.resyncGroup({ ...resync, discard: false })).rejects.toMatchObject({
        status: 'split-brain',
      });
      await world.tokyo.operations.resyncGroup({ ...resync, discard: true });
      await world.osaka.operations.resyncGroup({ ...resync, role: 'primary', discard: false });
      await cycleUntilPair(world, world.osaka.operations, world.tokyo.operations);
      await same(world, 'data');
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
      await cycleUntilPair(world, world.tokyo.operations, world.osaka.operations);
      const { generation, readSequence: sequence } = await world.osaka.operations.showJournal('oradb');
      const half = { group: 'oradb', role: 'primary' as const, generation, sequence };
      await expect(world.osaka.operations.swapGroup(half)).rejects.toMatchObject({ status: 'wrong-state' });
      await world.tokyo.operations.swapGroup({ ...half, role: 'auxiliary' });
      expect(await world.osaka.operations.swapGroup(half)).toMatchObject({ changed: true, role: 'primary' });
    }));
});
