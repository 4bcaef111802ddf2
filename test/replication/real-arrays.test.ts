import { describe, expect, it } from 'vitest';
import { delay } from '../../src/base/clock.ts';
import { journalGeometry, metadataLba } from '../../src/array/journal/geometry.ts';
import { createGroup, splitGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import { runCycle } from '../../src/replication/cycle.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import { verdictOf } from '../../src/replication/verdict.ts';
import { createArrayPair, LUNS, type ArrayPair } from '../support/array-pair.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** The replication code and the emulated array meet: what both believe about the protocol must be the same. */
const ORADB: GroupDefinition = {
  name: 'oradb',
  arrays: ['tokyo', 'osaka'],
  journals: { tokyo: LUNS.tokyo.journal, osaka: LUNS.osaka.journal },
  pairs: [
    { name: 'data', luns: { tokyo: LUNS.tokyo.data, osaka: LUNS.osaka.data } },
    { name: 'log', luns: { tokyo: LUNS.tokyo.log, osaka: LUNS.osaka.log } },
  ],
};

interface World extends ArrayPair {
  readonly clock: FakeClock;
  readonly context: ReplicationContext;
}

async function inWorld(
  work: (world: World) => Promise<void>,
  journalBlocks = 8 + 9 * 64,
  blockSize: 512 | 4096 = 512,
): Promise<void> {
  const clock = createFakeClock();
  const random = createSeededRandom(11);
  const pair = await createArrayPair({ clock, random, storage: () => createMemoryStorage(), journalBlocks, blockSize });
  const arrays = new Map([
    ['tokyo', pair.tokyo.operations],
    ['osaka', pair.osaka.operations],
  ]);
  await clock.run(work({ ...pair, clock, context: { clock, arrays, timeoutMs: 60_000 } }));
}

async function formed(world: World): Promise<void> {
  await createGroup(world.context, ORADB, { primary: 'tokyo' });
  await drainGroup(world.context, ORADB, {});
}

function stamp(value: number): Uint8Array {
  return new Uint8Array(512).fill(value);
}

async function expectEqual(world: World): Promise<void> {
  for (const lun of ['data', 'log'] as const) {
    const { blockCount } = await world.tokyo.lun(lun).capacity();
    const left = await world.tokyo.lun(lun).read(0, blockCount);
    expect(firstDifference(left, await world.osaka.lun(lun).read(0, blockCount))).toBeUndefined();
  }
}

function firstDifference(left: Uint8Array, right: Uint8Array): string | undefined {
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at < 0 ? undefined : `byte ${at}: tokyo ${left[at]}, osaka ${right[at]}`;
}

async function kindOf(world: World): Promise<string> {
  return verdictOf(await observeGroup(world.context, ORADB)).kind;
}

describe('replication over real arrays', () => {
  it('forms, replicates and is idempotent', () =>
    inWorld(async (world) => {
      await world.tokyo.lun('data').write(0, stamp(1));
      await formed(world);
      expect((await createGroup(world.context, ORADB, { primary: 'tokyo' })).changed).toBe(false);
      await world.tokyo.lun('data').write(1, stamp(2));
      const { cycle } = await runCycle(world.context, ORADB, {});
      expect(cycle?.figures.recordsAcquired).toBe(1);
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
      expect(await kindOf(world)).toBe('replicating');
    }));

  it('swaps there and back with no write in between', () =>
    inWorld(async (world) => {
      await formed(world);
      for (const to of ['osaka', 'tokyo', 'osaka', 'tokyo']) {
        expect(await swapGroup(world.context, ORADB, { to })).toMatchObject({ primary: to, changed: true });
        expect(await swapGroup(world.context, ORADB, { to })).toMatchObject({ primary: to, changed: false });
      }
      await expectEqual(world);
    }));

  it('swaps under a writer that never stops, by the fence', () =>
    inWorld(async (world) => {
      await formed(world);
      let written = 0;
      let refused: unknown;
      const writer = (async () => {
        for (; refused === undefined; written += 1) {
          await world.tokyo
            .lun('data')
            .write(written % 100, stamp(written))
            .catch((error: unknown) => (refused = error));
          await new Promise<void>((resolve) => world.clock.setTimer(1, resolve));
        }
      })();
      await swapGroup(world.context, ORADB, { to: 'osaka' });
      await writer;
      expect(refused).toMatchObject({ kind: 'write-protected' });
      expect(written).toBeGreaterThan(10);
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
    }));

  it('splits, tracks, and resyncs the differences in either direction', () =>
    inWorld(async (world) => {
      await formed(world);
      await splitGroup(world.context, ORADB, {});
      await world.tokyo.lun('data').write(7, stamp(3));
      expect(await kindOf(world)).toBe('suspended');
      await resyncGroup(world.context, ORADB, {});
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
    }));

  it('suspends on a full journal and comes back', () =>
    inWorld(
      async (world) => {
        await formed(world);
        for (let lba = 0; lba < 40; lba += 1) await world.tokyo.lun('data').write(lba, stamp(lba));
        expect(await kindOf(world)).toBe('suspended');
        await resyncGroup(world.context, ORADB, {});
        await drainGroup(world.context, ORADB, {});
        await expectEqual(world);
      },
      8 + 9 * 8,
    ));

  it('takes over, refuses the split brain, and fails back by the side chosen', () =>
    inWorld(async (world) => {
      await formed(world);
      await world.tokyo.lun('data').write(1, stamp(1));
      await drainGroup(world.context, ORADB, {});
      await world.tokyo.lun('data').write(2, stamp(2));
      world.tokyo.kill();
      const taken = await takeOver(world.context, ORADB, { at: 'osaka' });
      expect(taken).toMatchObject({ changed: true, primary: 'osaka' });
      await world.osaka.lun('data').write(3, stamp(3));
      await world.tokyo.start();
      expect(await kindOf(world)).toBe('diverged');
      await expect(resyncGroup(world.context, ORADB, { from: 'osaka' })).rejects.toMatchObject({
        kind: 'refused-for-safety',
      });
      await expect(createGroup(world.context, ORADB, { primary: 'tokyo' })).rejects.toMatchObject({
        kind: 'refused-for-safety',
      });
      await resyncGroup(world.context, ORADB, { from: 'osaka', discard: 'tokyo' });
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
      expect(await swapGroup(world.context, ORADB, { to: 'tokyo' })).toMatchObject({ primary: 'tokyo' });
      await world.tokyo.lun('log').write(0, new Uint8Array(4096).fill(5));
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
    }));

  it('forms, replicates, swaps and takes over where every LUN but the journal has blocks of 4096 bytes', () =>
    inWorld(
      async (world) => {
        const block = (value: number): Uint8Array => new Uint8Array(4096).fill(value);
        await world.tokyo.lun('data').write(1, block(1));
        await formed(world);
        await world.tokyo.lun('data').write(511, block(2));
        expect(await swapGroup(world.context, ORADB, { to: 'osaka' })).toMatchObject({ primary: 'osaka' });
        await world.osaka.lun('data').write(2, block(3));
        await drainGroup(world.context, ORADB, {});
        await expectEqual(world);
        expect((await world.tokyo.lun('data').read(2, 1))[0]).toBe(3);
        world.osaka.kill();
        await takeOver(world.context, ORADB, { at: 'tokyo' });
        await world.tokyo.lun('data').write(3, block(4));
        expect((await world.tokyo.lun('data').read(511, 1))[0]).toBe(2);
      },
      8 + 9 * 64,
      4096,
    ));

  it('takes over without loss and needs no discard', () =>
    inWorld(async (world) => {
      await formed(world);
      await world.tokyo.lun('data').write(1, stamp(1));
      await drainGroup(world.context, ORADB, {});
      world.tokyo.kill();
      await takeOver(world.context, ORADB, { at: 'osaka' });
      await world.osaka.lun('data').write(3, stamp(3));
      await world.tokyo.start();
      await resyncGroup(world.context, ORADB, { from: 'osaka' });
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
    }));

  it('says of a takeover from when on writes may be missing, though all that came is restored', () =>
    inWorld(async (world) => {
      await formed(world);
      await world.tokyo.lun('data').write(1, stamp(1));
      const writtenMs = world.clock.wallMs();
      await drainGroup(world.context, ORADB, {});
      const { readSequence } = await world.osaka.operations.showJournal('oradb');
      await delay(world.clock, 5000);
      await world.tokyo.lun('data').write(2, stamp(2));
      await world.tokyo.lun('data').flush();
      // Osaka hears of the write, but is not told to take it.
      await world.osaka.operations.acquire({ group: 'oradb', toSequence: readSequence });
      await delay(world.clock, 100);
      world.tokyo.kill();
      const { loss } = await takeOver(world.context, ORADB, { at: 'osaka' });
      expect(loss).toMatchObject({ knownMissingWrites: 1, unknownAfterMs: writtenMs });
    }));

  it('takes over before a damaged record once that is said, and tells how many writes it gives up', () =>
    inWorld(async (world) => {
      const { tokyo, osaka, context } = world;
      await formed(world);
      for (let block = 1; block <= 6; block += 1) await tokyo.lun('data').write(block, stamp(block));
      const { journalInSequence } = await tokyo.operations.showJournal('oradb');
      await osaka.operations.acquire({ group: 'oradb', toSequence: journalInSequence - 1 });
      await delay(world.clock, 1_000);
      const damaged = metadataLba(journalGeometry(8 + 9 * 64), journalInSequence - 3);
      osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`).write(stamp(0xff), damaged * 512);
      tokyo.kill();
      const words = `3 writes that had arrived (${journalInSequence - 3} to ${journalInSequence - 1})`;
      // The first run finds the damage when it restores, the second one sees it beforehand.
      for (const dryRun of [false, true]) {
        await expect(takeOver(context, ORADB, { at: 'osaka', dryRun })).rejects.toMatchObject({
          kind: 'refused-for-safety',
          why: expect.stringContaining(words),
          next: expect.stringContaining('--give-up-damaged'),
        });
      }
      const verdict = verdictOf(await observeGroup(context, ORADB));
      expect(verdict.explanation).toContain(words);
      expect(verdict.nextStep).toContain('cdctl takeover oradb --at osaka --give-up-damaged');
      for (const dryRun of [true, false]) {
        const { loss } = await takeOver(context, ORADB, { at: 'osaka', dryRun, giveUpDamaged: true });
        expect(loss).toMatchObject({
          restoredSequence: journalInSequence - 4,
          knownMissingWrites: 3,
          givenUpWrites: 3,
        });
        expect(loss?.explanation).toContain(words);
      }
      const first = await Promise.all([1, 2, 3, 4, 5, 6].map((block) => osaka.lun('data').read(block, 1)));
      expect(first.map((data) => data[0])).toEqual([1, 2, 3, 0, 0, 0]);
      await osaka.lun('data').write(9, stamp(9));
      await tokyo.start();
      expect(await kindOf(world)).toBe('diverged');
      await resyncGroup(context, ORADB, { discard: 'tokyo' });
      await drainGroup(context, ORADB, {});
      await expectEqual(world);
      expect((await tokyo.lun('data').read(4, 1))[0]).toBe(0);
    }));

  it('sees no split brain where the lost primary had written nothing since the swap', () =>
    inWorld(async (world) => {
      await formed(world);
      await swapGroup(world.context, ORADB, { to: 'osaka' });
      world.osaka.kill();
      await takeOver(world.context, ORADB, { at: 'tokyo' });
      await world.tokyo.lun('data').write(3, stamp(3));
      await world.osaka.start();
      expect(await kindOf(world)).toBe('taken-over');
      await resyncGroup(world.context, ORADB, { from: 'tokyo' });
      await drainGroup(world.context, ORADB, {});
      await expectEqual(world);
    }));

  it('sees the split brain where it had written one block', () =>
    inWorld(async (world) => {
      await formed(world);
      await swapGroup(world.context, ORADB, { to: 'osaka' });
      await world.osaka.lun('data').write(4, stamp(4));
      world.osaka.kill();
      await takeOver(world.context, ORADB, { at: 'tokyo' });
      await world.osaka.start();
      expect(await kindOf(world)).toBe('diverged');
    }));

  it('resyncs where only the primary knows that the group is split', () =>
    inWorld(async (world) => {
      await formed(world);
      await world.tokyo.lun('data').write(5, stamp(5));
      await world.tokyo.operations.splitGroup('oradb');
      await resyncGroup(world.context, ORADB, {});
      await drainGroup(world.context, ORADB, {});
      expect(await kindOf(world)).toBe('replicating');
      await expectEqual(world);
    }));
});
