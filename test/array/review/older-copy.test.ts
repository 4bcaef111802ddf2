import { describe, expect, it } from 'vitest';
import type { StatusName } from '../../../src/interface-block/status.ts';
import {
  acquireAll,
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  purgeRequest,
  resync,
  restoreAll,
  stamp,
  until,
  type World,
} from './world.ts';

/** An array whose storage came back from an older copy must be found out, and nothing of it believed. */

type Name = 'tokyo' | 'osaka';

const other = (name: Name): Name => (name === 'tokyo' ? 'osaka' : 'tokyo');

async function write(world: World, from: number, to: number, name: Name = 'tokyo'): Promise<void> {
  for (let lba = from; lba < to; lba += 1) {
    await world[name].lun('data').write(lba * 130, stamp((lba % 250) + 1), { forceUnitAccess: true });
  }
}

/** Kills the array and puts the copy in place of what it had. */
async function comeBack(world: World, name: Name, restore: () => void): Promise<void> {
  world[name].kill();
  restore();
  await world[name].start();
}

async function stateOf(world: World, name: Name): Promise<string> {
  const { role, state, suspendReason } = await world[name].operations.showJournal('oradb');
  return `${role} ${state} ${suspendReason}`;
}

async function refusal(work: Promise<unknown>): Promise<StatusName | 'accepted' | undefined> {
  return work.then(
    () => 'accepted' as const,
    (error: unknown) => (error as { status?: StatusName }).status,
  );
}

async function foundOut(world: World, reason: string): Promise<void> {
  await until(world, reason, async () => (await stateOf(world, 'osaka')).endsWith(reason));
}

/** What an operator says by hand: this side is right, the other one is given up. */
async function healFrom(world: World, right: Name): Promise<void> {
  const [from, to] = [world[right].operations, world[other(right)].operations];
  if ((await from.showJournal('oradb')).role === 'auxiliary') {
    await restoreAll(world, from);
    await from.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
  }
  await resync(from, to, true);
  await cycleUntilPair(world, from, to);
  await expectSame(world, 'data');
}

describe('an older primary', () => {
  it.each<[Name, boolean]>([
    ['osaka', false],
    ['tokyo', false],
    ['osaka', true],
    ['tokyo', true],
  ])(
    'is found out by its auxiliary, and the side that is right (%s) is copied whole; same numbers: %s',
    (right, same) =>
      inWorld(async (world) => {
        await formPair(world, 'data');
        await write(world, 0, 4);
        await cycleUntilPair(world);
        const restore = world.disks.tokyo.copy();
        await write(world, 4, 8);
        await cycle(world, world.tokyo.operations, world.osaka.operations);
        await comeBack(world, 'tokyo', restore);
        // The same numbers again, for other blocks.
        if (same) await write(world, 10, 14);
        await world.osaka.operations.acquire({ group: 'oradb', toSequence: 8 });
        await foundOut(world, 'peer-older-copy');
        expect(await stateOf(world, 'osaka')).toBe('auxiliary suspended peer-older-copy');
        expect(await refusal(world.osaka.operations.acquire({ group: 'oradb', toSequence: 99 }))).toBe('unsafe');
        expect(await refusal(resync(world.tokyo.operations, world.osaka.operations))).toBe('unsafe');
        await healFrom(world, right);
        expect((await world.tokyo.lun('data').read(5 * 130, 1))[0]).toBe(right === 'osaka' ? 6 : 0);
      }),
  );

  it('is found out by a pair that is formed beside, and what the refusal advises has something to do', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.tokyo.copy();
      await write(world, 4, 8);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await comeBack(world, 'tokyo', restore);
      expect(await refusal(formPair(world, 'log'))).toBe('unsafe');
      expect(await stateOf(world, 'osaka')).toBe('auxiliary suspended peer-older-copy');
      await world.tokyo.operations.deletePair('oradb', 'log');
      await healFrom(world, 'osaka');
    }));

  it('that is told first to follow the auxiliary finds it out itself', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.tokyo.copy();
      await write(world, 4, 8);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await world.osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await comeBack(world, 'tokyo', restore);
      expect(await refusal(resync(world.osaka.operations, world.tokyo.operations))).toBe('unsafe');
      await healFrom(world, 'osaka');
    }));

  it('is not made an auxiliary by a swap whose numbers happen to fit', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.tokyo.copy();
      await write(world, 4, 8);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await comeBack(world, 'tokyo', restore);
      await write(world, 10, 14);
      const { generation, restoredSequence: sequence } = await world.osaka.operations.showJournal('oradb');
      await world.tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      const second = world.osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      expect(await refusal(second)).toBe('unsafe');
      await healFrom(world, 'osaka');
    }));

  it('is found out again when the same copy comes back a second time', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.tokyo.copy();
      await write(world, 4, 6);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      for (const right of ['tokyo', 'tokyo', 'osaka'] as const) {
        await comeBack(world, 'tokyo', restore);
        await write(world, 10, 14);
        if ((await world.osaka.operations.showJournal('oradb')).state !== 'suspended') {
          await world.osaka.operations.acquire({ group: 'oradb', toSequence: 99 });
        }
        await foundOut(world, 'peer-older-copy');
        await healFrom(world, right);
      }
    }));

  it('whose copy is older than a resync that brought what it wrote while suspended', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      await tokyo.operations.splitGroup('oradb');
      await write(world, 4, 5);
      const restore = world.disks.tokyo.copy();
      await write(world, 5, 9);
      await osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      // No record was stored since the copy was made: only the tables tell.
      await comeBack(world, 'tokyo', restore);
      await osaka.operations.splitGroup('oradb');
      expect(await refusal(resync(tokyo.operations, osaka.operations))).toBe('unsafe');
      await healFrom(world, 'osaka');
    }));

  it('that lost nothing which anybody had seen is followed as before', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.tokyo.copy();
      await write(world, 4, 8);
      await comeBack(world, 'tokyo', restore);
      await write(world, 10, 12);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      expect(await stateOf(world, 'osaka')).toBe('auxiliary pair none');
    }));
});

describe('an older auxiliary', () => {
  it.each<Name>(['tokyo', 'osaka'])('finds it out itself, and %s is copied whole', (right) =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.osaka.copy();
      await write(world, 4, 8);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await comeBack(world, 'osaka', restore);
      await foundOut(world, 'older-copy');
      const proof = await purgeRequest(world.osaka.operations);
      expect(await refusal(world.tokyo.operations.purge(proof))).toBe('unsafe');
      expect(await refusal(resync(world.tokyo.operations, world.osaka.operations))).toBe('unsafe');
      await healFrom(world, right);
      expect((await world.tokyo.lun('data').read(5 * 130, 1))[0]).toBe(right === 'tokyo' ? 6 : 0);
    }),
  );

  it('whose primary was suspended meanwhile is not resynced by the differences alone', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      const restore = world.disks.osaka.copy();
      await write(world, 4, 8);
      await cycle(world, world.tokyo.operations, world.osaka.operations);
      await world.tokyo.operations.splitGroup('oradb');
      await comeBack(world, 'osaka', restore);
      await world.osaka.operations.splitGroup('oradb');
      const { generation, lineage } = await world.tokyo.operations.showJournal('oradb');
      const told = { group: 'oradb', discard: false, generation, lineage } as const;
      // It cannot look before it is told to follow, and finds it out when it can.
      world.tokyo.kill();
      await world.osaka.operations.resyncGroup({ ...told, role: 'auxiliary' });
      await world.tokyo.start();
      await world.tokyo.operations.resyncGroup({ ...told, role: 'primary' });
      await foundOut(world, 'older-copy');
      await healFrom(world, 'tokyo');
    }));

  it('that goes on from where it was seen is followed through', () =>
    inWorld(async (world) => {
      await formPair(world, 'data');
      await write(world, 0, 4);
      await cycleUntilPair(world);
      await write(world, 4, 8);
      const restore = world.disks.osaka.copy();
      await acquireAll(world, world.tokyo.operations, world.osaka.operations);
      await comeBack(world, 'osaka', restore);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});
