import { describe, expect, it } from 'vitest';
import type { Lun } from '../../../src/lun/lun.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import { cycleUntilPair, expectSame, formPair, inWorld, resync, sleep, stamp, until, type World } from './world.ts';

interface Backed extends World {
  readonly near: VolatileLun;
}

/** Tokyo's data volume lies on a disk of others, 2048 blocks; the other volumes are sparse files. */
function withBacking(work: (world: Backed) => Promise<void>): Promise<void> {
  let near: VolatileLun;
  return inWorld((world) => work({ ...world, near }), {
    backing: (array, volume) => (array === 'tokyo' && volume === 'data' ? 'iscsi://tokyo/iqn/1' : undefined),
    backings(clock) {
      near = createVolatileLun(clock, 2048);
      return (path: string): Promise<Lun> => near.open(path);
    },
  });
}

const condition = ({ tokyo }: World) => tokyo.array().management.show().backings[0]?.condition;

const reason = async ({ tokyo }: World) => (await tokyo.operations.showJournal('oradb')).suspendReason;

/** Starts tokyo; the disk is lost when the journal has been given to the volumes, and the tables are written slowly then. */
async function startAndLose(world: Backed, whileSlow: () => Promise<void>): Promise<void> {
  const { tokyo, near, disks } = world;
  let begun = false;
  disks.tokyo.watch((name) => {
    if (begun || name !== 'state' || near.counts.writes === 0) return;
    begun = true;
    near.vanish({ powerCut: true });
    const slow = disks.tokyo.stall('state');
    void whileSlow().then(() => slow.resume());
  });
  near.counts.writes = 0;
  await tokyo.start();
  expect(begun).toBe(true);
}

describe('the backing of a volume that is lost while its group is opened', () => {
  it.each([
    ['away', 'and is back when the group works', 5000],
    ['ready', 'and is back before the group works', 0],
  ])('is %s then, %s: the group is suspended, and nothing older comes over what hosts write', (then, _when, awayMs) =>
    withBacking(async (world) => {
      const { tokyo, osaka, near, disks } = world;
      await formPair(world, 'data');
      await formPair(world, 'log');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(10, stamp(10));
      await tokyo.lun('log').write(2, stamp(77, 4096));
      await tokyo.lun('log').flush();
      tokyo.kill();
      disks.tokyo.powerCut();
      near.breakConnections({ powerCut: true });
      await startAndLose(world, async () => {
        await sleep(world, 3000);
        if (awayMs > 0) return;
        near.comeBack();
        await sleep(world, 3000);
      });
      await sleep(world, 100);
      expect(await reason(world)).toBe('error');
      if (awayMs > 0) expect(condition(world)).toBe(then);
      await tokyo.lun('log').write(2, stamp(78, 4096));
      await sleep(world, awayMs);
      near.comeBack();
      await until(world, 'ready', () => condition(world) === 'ready', 200);
      expect((await tokyo.lun('data').read(10, 1))[0]).toBe(10);
      expect((await tokyo.lun('log').read(2, 1))[0]).toBe(78);
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      await expectSame(world, 'log');
      expect(near.content(10, 1)).toEqual(stamp(10));
    }),
  );
});
