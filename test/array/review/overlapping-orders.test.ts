import { describe, expect, it } from 'vitest';
import { cycle, cycleUntilPair, formPair, inWorld, sleep, stamp, until } from './world.ts';

/** Two orders for one group at the same moment: what the first one changes, the second one must not have looked at before. */

describe('a pair dissolved while its group changes direction', () => {
  it('keeps what hosts wrote in between', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await cycle(world, tokyo.operations, osaka.operations);
      const { generation, readSequence: sequence } = await osaka.operations.showJournal('oradb');
      await tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      const stall = world.disks.osaka.stall('state');
      const swapping = osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await until(world, 'the swap is being committed', () => stall.begun() > 0, 1);
      const deleting = osaka.operations.deletePair('oradb', '');
      await sleep(world, 50);
      stall.resume();
      await until(world, 'osaka is primary', () => osaka.unit('data').access() === 'read-write', 0.2);
      await osaka.unit('data').write(5, stamp(55), { forceUnitAccess: false });
      await Promise.all([swapping, deleting]);
      expect((await osaka.unit('data').read(5, 1))[0]).toBe(55);
      osaka.kill();
      await osaka.start();
      expect((await osaka.unit('data').read(5, 1))[0]).toBe(55);
    }));
});
