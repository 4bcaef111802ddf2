import { describe, it } from 'vitest';
import { cycleUntilPair, expectSame, formPair, inWorld, resync, sleep, stamp, type World } from './world.ts';

/** S1906 by hand, with the last write of the primary, which the other side has never acquired. */
async function giveWayTooEarly(world: World): Promise<void> {
  const { tokyo } = world;
  await formPair(world, 'data');
  await cycleUntilPair(world);
  await tokyo.lun('data').write(1500, stamp(77));
  const { generation, journalInSequence } = await tokyo.operations.showJournal('oradb');
  await tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence: journalInSequence - 1 });
}

describe('a primary that gave way before its last write had been acquired', () => {
  it('copies it by the next resync once it leads again', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await giveWayTooEarly(world);
      const { generation, readSequence: sequence } = await tokyo.operations.showJournal('oradb');
      await tokyo.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await osaka.operations.splitGroup('oradb');
      await tokyo.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      await world.stop();
    }));

  it('copies it after a takeover of its own, too', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await giveWayTooEarly(world);
      await tokyo.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
      await world.stop();
    }));

  it('loses it where it is discarded', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await giveWayTooEarly(world);
      await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await resync(osaka.operations, tokyo.operations, true);
      await sleep(world, 100);
      await cycleUntilPair(world, osaka.operations, tokyo.operations);
      await expectSame(world, 'data');
      await world.stop();
    }));
});
