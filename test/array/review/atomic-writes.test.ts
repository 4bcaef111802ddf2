import { describe, expect, it } from 'vitest';
import { cycleUntilPair, expectSame, formPair, inWorld, resync, stamp, type World } from './world.ts';

/** WRITE ATOMIC of a volume alone, through the journal of its group, and while its differences are tracked. */

const LBA = 64;
const BLOCKS = 256;
const OLD = 9;
const NEW = 1;

const SITUATIONS = {
  alone: async () => undefined,
  'in a pair': async (world: World) => {
    await formPair(world, 'data');
    await cycleUntilPair(world);
  },
  'in a split pair': async (world: World) => {
    await formPair(world, 'data');
    await cycleUntilPair(world);
    await world.tokyo.operations.splitGroup('oradb');
  },
  'whose journal has no room for it': async (world: World) => {
    await formPair(world, 'data');
    await cycleUntilPair(world);
    await world.tokyo.lun('data').write(1000, stamp(3, 300 * 512));
  },
} as const;

/** Kills the array and cuts the power when its storage has been touched `cutAt` times; how often it was, in the end. */
async function atomicWriteCut(world: World, cutAt: number): Promise<{ touched: number; answered: boolean }> {
  const { tokyo, disks } = world;
  let touched = 0;
  let answered = false;
  await new Promise<void>((resolve) => {
    disks.tokyo.watch(() => {
      touched += 1;
      if (touched !== cutAt) return;
      tokyo.kill();
      resolve();
    });
    const data = stamp(NEW, BLOCKS * 512);
    void tokyo
      .unit('data')
      .write(LBA, data, { atomic: true, forceUnitAccess: true })
      .then(() => {
        answered = touched < cutAt;
        resolve();
      });
  });
  disks.tokyo.watch(() => undefined);
  tokyo.kill();
  let page = 0;
  disks.tokyo.powerCut(() => (page++ & 1) === 0);
  await tokyo.start();
  return { touched, answered };
}

describe('WRITE ATOMIC of a volume', () => {
  it.each(Object.entries(SITUATIONS))(
    '%s leaves all of it or nothing, wherever the power is cut',
    async (name, prepare) => {
      const seen = new Set<number>();
      for (let cutAt = 1, done = false; !done; cutAt += 1) {
        await inWorld(async (world) => {
          const { tokyo, osaka } = world;
          await tokyo.lun('data').write(LBA, stamp(OLD, BLOCKS * 512));
          await tokyo.lun('data').flush();
          await prepare(world);
          const { touched, answered } = await atomicWriteCut(world, cutAt);
          const found = new Set(await tokyo.lun('data').read(LBA, BLOCKS));
          expect([...found], `cut after ${cutAt}`).toHaveLength(1);
          for (const fill of found) seen.add(fill);
          if (answered) expect([...found]).toEqual([NEW]);
          done = touched < cutAt;
          if (name !== 'in a split pair' || cutAt % 4 !== 0) return;
          await resync(tokyo.operations, osaka.operations);
          await cycleUntilPair(world);
          await expectSame(world, 'data');
        });
      }
      expect(seen).toEqual(new Set([NEW, OLD]));
    },
    60_000,
  );
});
