import { expect, it } from 'vitest';
import { cycle, cycleUntilPair, expectSame, formPair, inWorld, sleep, stamp } from './world.ts';

it('a write that waited for a fence does not pass by the group that was formed under the same name meanwhile', () =>
  inWorld(async (world) => {
    const { tokyo, osaka } = world;
    await formPair(world, 'data');
    await cycleUntilPair(world);
    for (let lba = 0; lba < 20; lba += 1) await tokyo.lun('data').write(lba, stamp(lba + 1));
    await cycle(world, tokyo.operations, osaka.operations);
    await tokyo.operations.fence({ group: 'oradb', leaseMs: 30_000 });
    const waiting = tokyo.lun('data').write(5, stamp(200));
    await sleep(world, 5);
    await tokyo.operations.deletePair('oradb', '');
    await osaka.operations.deletePair('oradb', '');
    await formPair(world, 'data');
    await cycleUntilPair(world);
    await waiting;
    for (let lba = 40; lba < 70; lba += 1) await tokyo.lun('data').write(lba, stamp(lba + 1));
    await cycle(world, tokyo.operations, osaka.operations);
    await expectSame(world, 'data');
    expect((await tokyo.lun('data').read(5, 1))[0]).toBe(200);
    expect(world.clock.monotonicMs()).toBeLessThan(20_000);
  }));
