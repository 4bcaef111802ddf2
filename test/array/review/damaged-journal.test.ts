import { describe, expect, it } from 'vitest';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import { decodeRecord, encodeRecord } from '../../../src/array/journal/record.ts';
import { LUNS, type ArrayHandle } from '../../support/array-pair.ts';
import {
  acquireAll,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  purgeRequest,
  restoreAll,
  resync,
  stamp,
  until,
  type World,
} from './world.ts';

const JOURNAL_BLOCKS = 8 + 9 * 64;
const TERMS = { group: 'oradb', acceptInconsistent: false, giveUpDamaged: false };

/** A pair in state pair; then writes 1 to 6 to blocks of their own, acquired at osaka and purged at tokyo, the fourth unreadable. */
async function fourthDamaged(world: World): Promise<{ first: number; mend: () => void }> {
  const { tokyo, osaka } = world;
  await formPair(world, 'data');
  await cycleUntilPair(world);
  const { journalInSequence: first } = await tokyo.operations.showJournal('oradb');
  for (let write = 1; write <= 6; write += 1) await tokyo.lun('data').write(write * 128, stamp(write));
  await acquireAll(world, tokyo.operations, osaka.operations);
  await tokyo.operations.purge(await purgeRequest(osaka.operations));
  const geometry = journalGeometry(JOURNAL_BLOCKS);
  const file = osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`);
  const record = new Uint8Array(512);
  file.read(record, metadataLba(geometry, first + 3) * 512);
  const found = decodeRecord(record);
  if (!found.ok) throw new Error('no fourth record');
  const at = found.value.dataLba * 512;
  file.write(stamp(0xee), at);
  return { first, mend: () => file.write(stamp(4), at) };
}

async function writesAt(array: ArrayHandle): Promise<number[]> {
  const blocks = [1, 2, 3, 4, 5, 6].map((write) => array.lun('data').read(write * 128, 1));
  return (await Promise.all(blocks)).map((data) => data[0] ?? -1);
}

async function restoreUntilDamage(world: World): Promise<void> {
  await restoreAll(world, world.osaka.operations);
  await until(world, 'noticed', async () => (await world.osaka.operations.showJournal('oradb')).damaged);
}

describe('an auxiliary journal that cannot be read after a restart', () => {
  it('costs the group its copy, and nothing else', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await tokyo.lun('data').write(1, stamp(1));
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      const lba = metadataLba(journalGeometry(JOURNAL_BLOCKS), readSequence);
      osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`).write(new Uint8Array(512), lba * 512);
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      osaka.kill();
      await osaka.start();
      const status = await osaka.operations.showJournal('oradb');
      expect(status).toMatchObject({ state: 'suspended', suspendReason: 'error', consistent: false });
      await expect(osaka.lun('data').read(1, 1)).rejects.toMatchObject({ kind: 'not-ready' });
      await osaka.lun('log').write(0, stamp(7, 4096));
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));

  it.each([
    ['a write far away', { lba: 2 ** 40 }],
    ['a write just behind the end', { lba: 2048 }],
    ['a deallocation without end', { kind: 'deallocate', length: 2 ** 50, blockCount: 0, dataCrc: 0 }],
  ] as const)('restores no record beyond the end of the volume, whatever its checksums say: %s', (_name, forged) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await tokyo.lun('data').write(1, stamp(1));
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      const file = osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`);
      const at = metadataLba(journalGeometry(JOURNAL_BLOCKS), readSequence) * 512;
      const bytes = new Uint8Array(512);
      file.read(bytes, at);
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error('no record to forge');
      file.write(encodeRecord({ ...record.value, ...forged }), at);
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await until(world, 'noticed', async () =>
        /record \d+ changes/.test((await osaka.operations.showJournal('oradb')).errorText),
      );
      expect(await osaka.operations.showJournal('oradb')).toMatchObject({ restoredSequence: readSequence - 1 });
      expect(osaka.storage.open(`lun-${LUNS.osaka.data}.data`).size()).toBeLessThanOrEqual(2048 * 512);
    }),
  );
});

describe('an auxiliary journal with a record that cannot be read', () => {
  it('restores what stands before it, keeps that over a restart, and says so', () =>
    inWorld(async (world) => {
      const { osaka } = world;
      const { first } = await fourthDamaged(world);
      await restoreUntilDamage(world);
      for (const again of [false, true]) {
        if (again) {
          osaka.kill();
          await osaka.start();
        }
        expect(await osaka.operations.showJournal('oradb')).toMatchObject({
          state: 'suspended',
          suspendReason: 'error',
          consistent: true,
          damaged: true,
          restoredSequence: first + 2,
          toBeRestoredSequence: first + 2,
          readSequence: first + 5,
          errorText: expect.stringContaining(`record ${first + 3}`),
        });
        expect(await writesAt(osaka)).toEqual([1, 2, 3, 0, 0, 0]);
      }
    }));

  it('is taken over up to there by whoever gives the rest up, and by nobody else', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const { first } = await fourthDamaged(world);
      await restoreUntilDamage(world);
      const before = await osaka.operations.showJournal('oradb');
      await expect(osaka.operations.takeOver(TERMS)).rejects.toMatchObject({
        status: 'unsafe',
        message: expect.stringContaining('3 writes up to'),
      });
      expect(await osaka.operations.showJournal('oradb')).toEqual(before);
      await osaka.operations.takeOver({ ...TERMS, giveUpDamaged: true });
      await osaka.lun('data').write(2, stamp(9));
      expect(await writesAt(osaka)).toEqual([1, 2, 3, 0, 0, 0]);
      const { lineage, damaged } = await osaka.operations.showJournal('oradb');
      expect(damaged).toBe(false);
      expect(lineage.at(-1)?.startSequence).toBe(first + 2);

      // Tokyo has what was given up, and has purged it: only osaka's map can tell what to copy back.
      await tokyo.operations.splitGroup('oradb');
      await expect(resync(osaka.operations, tokyo.operations)).rejects.toMatchObject({ status: 'split-brain' });
      await resync(osaka.operations, tokyo.operations, true);
      await cycleUntilPair(world, osaka.operations, tokyo.operations);
      await expectSame(world, 'data');
      expect(await writesAt(tokyo)).toEqual([1, 2, 3, 0, 0, 0]);
    }));

  it('goes on where the record can be read after all, and forgets the damage before it does', () =>
    inWorld(async (world) => {
      const { osaka } = world;
      const { mend } = await fourthDamaged(world);
      await restoreUntilDamage(world);
      await restoreAll(world, osaka.operations);
      expect(await osaka.operations.showJournal('oradb')).toMatchObject({ damaged: true });
      mend();
      await restoreAll(world, osaka.operations);
      await until(world, 'restored', async () => (await writesAt(osaka))[5] === 6);
      await osaka.operations.takeOver(TERMS);
      expect(await writesAt(osaka)).toEqual([1, 2, 3, 4, 5, 6]);
    }));

  it('needs both words where the damage is found at a restart, in the middle of a restoration', () =>
    inWorld(async (world) => {
      const { osaka } = world;
      await fourthDamaged(world);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      osaka.kill();
      await osaka.start();
      const both = { ...TERMS, acceptInconsistent: true, giveUpDamaged: true };
      expect(await osaka.operations.showJournal('oradb')).toMatchObject({ damaged: true, consistent: false });
      for (const one of ['acceptInconsistent', 'giveUpDamaged'] as const) {
        await expect(osaka.operations.takeOver({ ...both, [one]: false })).rejects.toMatchObject({ status: 'unsafe' });
      }
      await osaka.operations.takeOver(both);
      expect(await osaka.operations.showJournal('oradb')).toMatchObject({ role: 'primary' });
      expect((await writesAt(osaka)).slice(0, 3)).toEqual([1, 2, 3]);
    }));
});
