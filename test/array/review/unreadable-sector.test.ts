import { describe, expect, it } from 'vitest';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import { journalGeometry, lbaOf, metadataLba } from '../../../src/array/journal/geometry.ts';
import { decodeRecord } from '../../../src/array/journal/record.ts';
import { describeArray, LUNS } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { makeUnreadable } from './unreadable.ts';
import {
  acquireAll,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  purgeRequest,
  resync,
  stamp,
  until,
  type World,
} from './world.ts';

const JOURNAL = journalGeometry(8 + 9 * 64);
const PRIMARY = `lun-${LUNS.tokyo.journal}.journal`;
const AUXILIARY = `lun-${LUNS.osaka.journal}.journal`;
const MAP = `lun-${LUNS.tokyo.data}.map`;
const DIFFERENCES = `differences-${Buffer.from('oradb').toString('hex')}-0`;

/** A pair in state pair, its arrays started anew over disks that can fail; then three writes, none acquired. */
async function threeWaiting(world: World): Promise<{ first: number; spoil: (sector: number) => void }> {
  const { tokyo } = world;
  await formPair(world, 'data');
  await cycleUntilPair(world);
  tokyo.kill();
  const spoil = makeUnreadable(tokyo.storage);
  await tokyo.start();
  await cycleUntilPair(world);
  const { journalInSequence: first } = await tokyo.operations.showJournal('oradb');
  for (let write = 0; write < 3; write += 1) await tokyo.lun('data').write(write * 200, stamp(write + 1));
  await tokyo.lun('data').flush();
  return { first, spoil: (sector) => spoil(PRIMARY, sector) };
}

const metadataOf = (sequence: number): number => metadataLba(JOURNAL, sequence);

function dataOf(world: World, sequence: number): number {
  const bytes = new Uint8Array(512);
  world.tokyo.storage.open(PRIMARY).read(bytes, metadataOf(sequence) * 512);
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(`no record ${sequence}`);
  return lbaOf(JOURNAL, record.value.offset);
}

const flip = (world: World, sector: number): void => {
  const file = world.tokyo.storage.open(PRIMARY);
  const bytes = new Uint8Array(512);
  file.read(bytes, sector * 512);
  bytes[50]! ^= 1;
  file.write(bytes, sector * 512);
};

describe('a group that is formed over a journal with a sector that the disk does not give', () => {
  it('works: nothing of its own stood there', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      tokyo.kill();
      const spoil = makeUnreadable(tokyo.storage);
      await tokyo.start();
      spoil(PRIMARY, metadataOf(1));
      await formPair(world, 'data');
      await tokyo.lun('data').write(3, stamp(3));
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});

describe('a record of a primary journal that has rotted', () => {
  it.each([
    ['metadata that is not what was written', metadataOf, flip],
    ['data that is not what was written', undefined, flip],
    ['metadata that the disk does not give', metadataOf, undefined],
    ['data that the disk does not give', undefined, undefined],
  ] as const)('is not shipped, is named, and a split and a resync get out of it: %s', (_name, place, change) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const { first, spoil } = await threeWaiting(world);
      const sector = place ? place(first + 1) : dataOf(world, first + 1);
      if (change) change(world, sector);
      else spoil(sector);
      const { journalInSequence } = await tokyo.operations.showJournal('oradb');
      await osaka.operations.acquire({ group: 'oradb', toSequence: journalInSequence - 1 });
      await until(world, 'said', async () =>
        (await osaka.operations.showJournal('oradb')).errorText.startsWith('split the group, resync it: '),
      );
      expect((await osaka.operations.showJournal('oradb')).readSequence).toBeLessThan(first + 1);
      await tokyo.operations.splitGroup('oradb');
      await osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }),
  );

  it.each([
    ['is not what was written', flip],
    ['the disk does not give', undefined],
  ] as const)('proves nothing to a purge, which says so, where it %s', (_name, change) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const { first, spoil } = await threeWaiting(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      const request = await purgeRequest(osaka.operations);
      if (change) change(world, metadataOf(first + 2));
      else spoil(metadataOf(first + 2));
      await expect(tokyo.operations.purge(request)).rejects.toThrow(
        `record ${first + 2} in the journal of group oradb here cannot be read`,
      );
      await tokyo.operations.purge({ ...request, toSequence: first - 1 });
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ usedRecords: 3 });
    }),
  );

  it('is a medium error to whoever reads the journal', () =>
    inWorld(async (world) => {
      const { first, spoil } = await threeWaiting(world);
      spoil(metadataOf(first));
      const unit = world.tokyo.array().units.unit(LUNS.tokyo.journal)!;
      await expect(unit.read(metadataOf(first), 1)).rejects.toMatchObject({ sense: { key: 3, asc: 0x11, ascq: 0 } });
      expect((await unit.read(0, 8)).length).toBe(8 * 512);
    }));
});

describe('a sector that the disk does not give', () => {
  it.each([0, 1])('loses nothing where it is of a map: sector %d of its piece', (sector) =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await tokyo.lun('data').write(0, stamp(1));
      tokyo.kill();
      makeUnreadable(tokyo.storage)(MAP, sector);
      await tokyo.start();
      expect((await tokyo.lun('data').read(0, 1))[0]).toBe(1);
    }),
  );

  it('keeps the array from starting where another one of its piece of a map is gone, too', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await tokyo.lun('data').write(0, stamp(1));
      tokyo.kill();
      const spoil = makeUnreadable(tokyo.storage);
      for (const sector of [0, 1]) spoil(MAP, sector);
      await expect(tokyo.start()).rejects.toThrow(/lun-\d+\.map: the sector at byte 0 cannot be read/);
    }));

  it.each([
    ['damage', 'state', 'tokyo', 0],
    ['doubt', MAP, 'tokyo', 0],
    ['doubt', DIFFERENCES, 'tokyo', 1],
    ['damage', PRIMARY, 'tokyo', 0],
    ['damage', AUXILIARY, 'osaka', 0],
  ] as const)('is %s to array check: %s', (severity, file, name, sector) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await threeWaiting(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { journalInSequence } = await tokyo.operations.showJournal('oradb');
      tokyo.kill();
      osaka.kill();
      const isJournal = file === PRIMARY || file === AUXILIARY;
      const { storage } = world[name];
      makeUnreadable(storage)(file, isJournal ? metadataOf(journalInSequence - 1) : sector);
      const peer = { tokyo: ['osaka', 'OS000001'], osaka: ['tokyo', 'TK000001'] } as const;
      const description = describeArray(name, name === 'tokyo' ? 'TK000001' : 'OS000001', peer[name], {
        clock: createFakeClock(),
        random: createSeededRandom(1),
        storage: () => storage,
        volumeBlocks: 2048,
      });
      const { findings } = checkStorage(description, storage);
      expect(findings).toMatchObject([{ severity, file, what: expect.stringMatching(/does not give/) as string }]);
    }),
  );

  it('keeps nobody from forming a pair where it is of a map that another pair left behind', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await tokyo.lun('data').write(0, stamp(1));
      tokyo.kill();
      tokyo.storage.open(DIFFERENCES).write(stamp(0xee), 0);
      makeUnreadable(tokyo.storage)(DIFFERENCES, 0);
      await tokyo.start();
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});
