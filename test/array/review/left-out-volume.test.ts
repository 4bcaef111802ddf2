import { describe, expect, it } from 'vitest';
import { createArray } from '../../../src/array/array.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { LunError, type LunOpener } from '../../../src/lun/lun.ts';
import { describeArray, LUNS } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { cycleUntilPair, formPair, inWorld, stamp } from './world.ts';

/** One volume's map is damaged: the array says so and is not served, unless it is told to leave that volume out. */

const NOBODY: LunOpener = { open: (path) => Promise.reject(new LunError('no-path', path, 'nobody is there')) };
const PLAIN = { forceUnitAccess: false };
const MAP = `lun-${LUNS.tokyo.data}.map`;

async function served(storage: Storage, leaveOut?: readonly number[]) {
  const clock = createFakeClock();
  const random = createSeededRandom(7);
  const options = { clock, random, storage: () => createMemoryStorage(), volumeBlocks: 2048 };
  const description = describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], options);
  const parts = { description, storage, clock, random, opener: NOBODY, version: '0.1.0' };
  const array = await clock.run(createArray({ ...parts, ...(leaveOut && { leaveOut }) }));
  return {
    management: array.management,
    unit: (name: 'data' | 'log') => array.units.unit(LUNS.tokyo[name])!,
    run: <T>(promise: Promise<T>) => clock.run(promise),
    stop: () => clock.run(array.stop()),
  };
}

/** What stood in the map is gone, and the disk gives nothing of it. Gives what makes it good again. */
function damage(storage: Storage): () => void {
  const file = storage.open(MAP);
  const before = new Uint8Array(file.size());
  file.read(before, 0);
  file.write(new Uint8Array(before.length).fill(0xee), 0);
  const open = storage.open.bind(storage);
  storage.open = (name) => {
    if (name === MAP) throw Object.assign(new Error('EIO: the disk gives nothing of it'), { code: 'EIO' });
    return open(name);
  };
  return () => {
    storage.open = open;
    storage.open(MAP).write(before, 0);
  };
}

function copyOf(storage: Storage): Storage {
  const copy = createMemoryStorage();
  for (const name of storage.list()) {
    const bytes = new Uint8Array(storage.open(name).size());
    storage.open(name).read(bytes, 0);
    copy.open(name).write(bytes, 0);
  }
  return copy;
}

/** `data` in a pair with a write that its journal holds, `log` in none; killed. */
async function written(): Promise<Storage> {
  let storage = createMemoryStorage() as Storage;
  await inWorld(async (world) => {
    const { tokyo } = world;
    await formPair(world, 'data');
    await cycleUntilPair(world);
    await tokyo.lun('data').write(5, stamp(5));
    await tokyo.lun('log').write(3, stamp(9, 4096));
    await tokyo.lun('log').flush();
    tokyo.kill();
    storage = copyOf(tokyo.storage);
  });
  return storage;
}

const sense = (error: unknown): unknown => (error as { sense?: unknown }).sense;

describe('a volume whose files are damaged', () => {
  it('can be left out: the rest is served, its group waits, and with its files made good nothing is missing', async () => {
    const storage = await written();
    const cure = damage(storage);
    await expect(served(storage)).rejects.toThrow('EIO');

    const without = await served(storage, [LUNS.tokyo.data]);
    const [data, log] = [without.unit('data'), without.unit('log')];
    expect((await log.read(3, 1))[0]).toBe(9);
    await without.run(log.write(4, stamp(8, 4096), PLAIN));
    expect(data.access()).toBe('none');
    expect(await data.prepare!().catch(sense)).toMatchObject({ key: 2, asc: 4, ascq: 3 });
    for (const attempt of [() => data.read(5, 1), () => data.write(5, stamp(1), PLAIN), () => data.flush()]) {
      await expect(attempt()).rejects.toThrow();
    }
    expect(without.management.show().backings).toEqual([
      expect.objectContaining({ lun: LUNS.tokyo.data, condition: 'away', why: expect.stringMatching(/leave-out/) }),
    ]);
    await without.stop();

    cure();
    const whole = await served(storage);
    expect((await whole.unit('data').read(5, 1))[0]).toBe(5);
    expect((await whole.unit('log').read(4, 1))[0]).toBe(8);
    expect(whole.management.show().groups).toMatchObject([{ name: 'oradb', suspendReason: 'none' }]);
    await whole.stop();
  });

  it.each([LUNS.tokyo.journal, 0, 99])('LUN %i is none that can be left out', async (lun) => {
    await expect(served(await written(), [lun])).rejects.toThrow(/no volume in files/);
  });
});
