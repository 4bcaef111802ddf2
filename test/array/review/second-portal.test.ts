import { expect, it } from 'vitest';
import { acquireAll, cycleUntilPair, expectSame, formPair, inWorld, resync, restoreAll, stamp } from './world.ts';

it('copies over the other portal where the one that it had used is gone', () => {
  const down = new Set<string>();
  return inWorld(
    async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      await restoreAll(world, osaka.operations);
      await tokyo.operations.splitGroup('oradb');
      await osaka.operations.splitGroup('oradb');
      await tokyo.lun('data').write(70, stamp(7));
      down.add('memory:TK000001');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      expect((await osaka.operations.showJournal('oradb')).errorText).toBe('');
    },
    { isDown: (portal) => down.has(portal) },
  );
});
