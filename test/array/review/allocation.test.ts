import { expect, it } from 'vitest';
import { cycleUntilPair, formPair, inWorld, stamp } from './world.ts';

it('what a primary has acknowledged counts as data at once, though it stands in the journal only', () =>
  inWorld(async (world) => {
    await formPair(world, 'data');
    await cycleUntilPair(world);
    const unit = world.tokyo.unit('data');
    await unit.write(130, stamp(7), { forceUnitAccess: false });
    expect(await unit.allocation!(0, 2048)).toEqual([
      { lba: 0, blockCount: 130, mapped: false },
      { lba: 130, blockCount: 1, mapped: true },
      { lba: 131, blockCount: 1917, mapped: false },
    ]);
  }));
