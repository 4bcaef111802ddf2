import { describe, expect, it } from 'vitest';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import { acquireAll, cycle, cycleUntilPair, inWorld, stamp, swapToOsaka, type World } from './world.ts';

/** Pairs of a volume with blocks of 512 bytes at tokyo, `data`, and one with blocks of 4096 at osaka, `log`. */

function request(role: 'primary' | 'auxiliary') {
  return { ...pairRequest(role, 'data'), auxiliaryLun: LUNS.osaka.log };
}

async function expectEqual({ tokyo, osaka }: World): Promise<void> {
  const left = await tokyo.lun('data').read(0, 2048);
  const right = await osaka.lun('log').read(0, 256);
  expect(left.findIndex((byte, at) => byte !== right[at])).toBe(-1);
}

async function changeSmallBlocks({ tokyo }: World): Promise<void> {
  const lun = tokyo.lun('data');
  for (const lba of [3, 8, 9, 15, 130, 131, 2047]) await lun.write(lba, stamp(lba % 250));
  await lun.write(21, stamp(77, 20 * 512));
  await tokyo.unit('data').deallocate!(33, 6);
  await tokyo.unit('data').deallocate!(250, 300);
}

async function thereAndBack(world: World): Promise<void> {
  const { tokyo, osaka } = world;
  for (let lba = 0; lba < 512; lba += 1) await tokyo.lun('data').write(lba, stamp(200));
  await tokyo.operations.createPair(request('primary'));
  await osaka.operations.createPair(request('auxiliary'));
  await cycleUntilPair(world);
  await changeSmallBlocks(world);
  await cycle(world, tokyo.operations, osaka.operations);
  await expectEqual(world);
  await swapToOsaka(world);
  await osaka.lun('log').write(2, stamp(99, 4096));
  await cycle(world, osaka.operations, tokyo.operations);
  await expectEqual(world);
}

function onDisks(work: (world: World, disk: VolatileLun) => Promise<void>): Promise<void> {
  let disk: VolatileLun;
  return inWorld((world) => work(world, disk), {
    backing: (array, volume) => (array === 'osaka' && volume === 'log' ? '/dev/sdx' : undefined),
    backings(clock) {
      disk = createVolatileLun(clock, 256, { blockSize: 4096 });
      return (path) => disk.open(path);
    },
  });
}

describe('a pair of volumes with blocks of different sizes', () => {
  it('is equal after changes of small blocks, and after a swap', () => inWorld(thereAndBack));

  it('is equal where the larger blocks are those of a disk', () => onDisks(thereAndBack));

  it('is equal where that disk loses what it had not flushed', () =>
    onDisks(async (world, disk) => {
      const { tokyo, osaka } = world;
      for (let lba = 0; lba < 512; lba += 1) await tokyo.lun('data').write(lba, stamp(200));
      await tokyo.operations.createPair(request('primary'));
      await osaka.operations.createPair(request('auxiliary'));
      await cycleUntilPair(world);
      await changeSmallBlocks(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      disk.breakConnections({ powerCut: true });
      await cycle(world, tokyo.operations, osaka.operations);
      await expectEqual(world);
    }));
});
