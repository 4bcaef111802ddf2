import { describe, expect, it } from 'vitest';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import type { Finding } from '../../../src/array/check/finding.ts';
import { JOURNAL_BLOCK_SIZE, journalGeometry, lbaOf, metadataLba } from '../../../src/array/journal/geometry.ts';
import { decodeRecord, encodeRecord } from '../../../src/array/journal/record.ts';
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
  resync,
  sleep,
  stamp,
  type World,
} from './world.ts';

const JOURNAL = journalGeometry(8 + 9 * 64);
const FILE = `lun-${LUNS.tokyo.journal}.journal`;

type Place = (world: World, sequence: number) => number;
type Rot = (world: World, sector: number) => void;

const metadata: Place = (_world, sequence) => metadataLba(JOURNAL, sequence);
const data: Place = (world, sequence) => lbaOf(JOURNAL, recordOf(world, sequence).offset);

function sectorOf({ tokyo }: World, sector: number): Uint8Array {
  const bytes = new Uint8Array(JOURNAL_BLOCK_SIZE);
  tokyo.storage.open(FILE).read(bytes, sector * JOURNAL_BLOCK_SIZE);
  return bytes;
}

function put({ tokyo }: World, sector: number, bytes: Uint8Array): void {
  tokyo.storage.open(FILE).write(bytes, sector * JOURNAL_BLOCK_SIZE);
}

function recordOf(world: World, sequence: number) {
  const found = decodeRecord(sectorOf(world, metadataLba(JOURNAL, sequence)));
  if (!found.ok) throw new Error(`no record ${sequence}`);
  return found.value;
}

const flip: Rot = (world, sector) => {
  const bytes = sectorOf(world, sector);
  bytes[50]! ^= 1;
  put(world, sector, bytes);
};
const lose: Rot = ({ tokyo }, sector) => makeUnreadable(tokyo.storage)(FILE, sector);

/** A pair in state pair; then writes 1 to 4, none acquired, the last of them stored when the others were durable. */
async function fourWaiting(world: World): Promise<number> {
  const { tokyo } = world;
  await formPair(world, 'data');
  await cycleUntilPair(world);
  const { journalInSequence: first } = await tokyo.operations.showJournal('oradb');
  for (let write = 1; write <= 3; write += 1) await tokyo.lun('data').write(write * 200, stamp(write));
  await tokyo.lun('data').flush();
  await tokyo.lun('data').write(800, stamp(4));
  await sleep(world, 50);
  return first;
}

function findings(world: World): readonly Finding[] {
  const description = describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], {
    clock: createFakeClock(),
    random: createSeededRandom(1),
    storage: () => world.tokyo.storage,
    volumeBlocks: 2048,
  });
  return checkStorage(description, world.tokyo.storage).findings;
}

async function writesAt(array: World['tokyo']): Promise<number[]> {
  const blocks = [1, 2, 3, 4].map((write) => array.lun('data').read(write * 200, 1));
  return (await Promise.all(blocks)).map((bytes) => bytes[0] ?? -1);
}

async function expectHeld({ tokyo }: World, sequence: number): Promise<void> {
  const said = new RegExp(
    `record ${sequence} of its journal is damaged .*write ${sequence} is done.*array volume give-up`,
  );
  await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(said);
  expect(tokyo.log.join('\n')).toMatch(said);
  await expect(tokyo.lun('data').read(200, 1)).rejects.toMatchObject({ kind: 'not-ready' });
  await expect(tokyo.lun('data').write(200, stamp(9))).rejects.toMatchObject({ kind: 'not-ready' });
  await tokyo.lun('log').write(0, stamp(7, 4096));
}

const KINDS = [
  ['metadata that are not what was written', metadata, flip],
  ['data that are not what was written', data, flip],
  ['metadata that the disk does not give', metadata, lose],
  ['data that the disk does not give', data, lose],
] as const;

describe('a durable record of a primary journal that rots, and a restart', () => {
  it.each(KINDS)('is named, and its group not served before somebody gives it up: %s', (_name, place, rot) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const first = await fourWaiting(world);
      const rotten = first + 1;
      rot(world, place(world, rotten));
      tokyo.kill();
      // The volume may have it, or not: the worst is that it lacks all that was not purged.
      expect(findings(world)).toMatchObject([
        {
          severity: 'damage',
          file: FILE,
          what: expect.stringMatching(
            `^record ${rotten} cannot be read .*write ${rotten} of group oradb is done`,
          ) as string,
        },
      ]);
      await tokyo.start();
      await expectHeld(world, rotten);
      const lost = { volume: 'data', group: 'oradb', role: 'primary', writes: 1, bytes: 0, unreadable: true };
      expect(tokyo.array().management.lookAtGivingUp(LUNS.tokyo.data)).toMatchObject(lost);
      expect(await tokyo.array().management.giveUp(LUNS.tokyo.data)).toMatchObject(lost);
      expect(tokyo.array().management.lookAtGivingUp.bind(undefined, LUNS.tokyo.data)).toThrow(
        'no volume with a backing',
      );

      // What stands behind it is not thrown away, and the other array does not follow without being told.
      const [one, , three, four] = await writesAt(tokyo);
      expect([one, three, four]).toEqual([1, 3, 4]);
      expect(await tokyo.operations.showJournal('oradb')).toMatchObject({ state: 'suspended', suspendReason: 'error' });
      await sleep(world, 2000);
      expect(await writesAt(osaka)).toEqual([0, 0, 0, 0]);
      tokyo.kill();
      expect(findings(world)).toEqual([]);
      await tokyo.start();
      await osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }),
  );

  it('is no loss where the sound sector is put back', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const first = await fourWaiting(world);
      const sector = metadataLba(JOURNAL, first);
      const sound = sectorOf(world, sector);
      flip(world, sector);
      tokyo.kill();
      await tokyo.start();
      await expectHeld(world, first);
      tokyo.kill();
      put(world, sector, sound);
      expect(findings(world)).toEqual([]);
      await tokyo.start();
      expect(await writesAt(tokyo)).toEqual([1, 2, 3, 4]);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('is looked for again where the disk did not give it, until it does', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const first = await fourWaiting(world);
      const sector = metadataLba(JOURNAL, first + 2);
      const sound = sectorOf(world, sector);
      lose(world, sector);
      tokyo.kill();
      await tokyo.start();
      await expectHeld(world, first + 2);
      await sleep(world, 6000);
      await expectHeld(world, first + 2);
      put(world, sector, sound);
      await sleep(world, 11_000);
      expect(await writesAt(tokyo)).toEqual([1, 2, 3, 4]);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('is left to the other array, which has acquired it, by a takeover there', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const first = await fourWaiting(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      flip(world, metadataLba(JOURNAL, first));
      tokyo.kill();
      await tokyo.start();
      await expectHeld(world, first);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await sleep(world, 500);
      await osaka.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      expect(await writesAt(osaka)).toEqual([1, 2, 3, 4]);
      await tokyo.array().management.giveUp(LUNS.tokyo.data);
      await expect(resync(osaka.operations, tokyo.operations)).rejects.toMatchObject({ status: 'split-brain' });
      await resync(osaka.operations, tokyo.operations, true);
      await cycleUntilPair(world, osaka.operations, tokyo.operations);
      expect(await writesAt(tokyo)).toEqual([1, 2, 3, 4]);
      await expectSame(world, 'data');
    }));

  it('is copied away where the other array had acquired it and this one gives it up', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const first = await fourWaiting(world);
      await acquireAll(world, tokyo.operations, osaka.operations);
      flip(world, metadataLba(JOURNAL, first));
      tokyo.kill();
      await tokyo.start();
      await tokyo.array().management.giveUp(LUNS.tokyo.data);
      await osaka.operations.splitGroup('oradb');
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('is asked about again where more has rotted before the loss took effect', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const first = await fourWaiting(world);
      flip(world, metadataLba(JOURNAL, first));
      flip(world, metadataLba(JOURNAL, first + 2));
      tokyo.kill();
      await tokyo.start();
      const lost = { writes: 2, unreadable: true };
      expect(await tokyo.array().management.giveUp(LUNS.tokyo.data)).toMatchObject(lost);
      const [, two, , four] = await writesAt(tokyo);
      expect([two, four]).toEqual([2, 4]);
    }));
});

describe('a record that no later one proves', () => {
  it('is taken for the end of the journal where it was not durable: a power cut is no damage', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const { journalInSequence: first } = await tokyo.operations.showJournal('oradb');
      const stalled = disks.tokyo.stall(FILE);
      for (let write = 1; write <= 4; write += 1) await tokyo.lun('data').write(write * 200, stamp(write));
      tokyo.kill();
      const torn = metadataLba(JOURNAL, first + 1) * JOURNAL_BLOCK_SIZE;
      disks.tokyo.powerCut((name, { offset }) => name === FILE && offset !== torn);
      stalled.resume();
      expect(findings(world).filter(({ severity }) => severity === 'damage')).toEqual([]);
      await tokyo.start();
      expect(await writesAt(tokyo)).toEqual([1, 0, 0, 0]);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('is taken for the end where an older version has stored what stands behind it, and says nothing', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      const first = await fourWaiting(world);
      for (let sequence = first; sequence < first + 4; sequence += 1) {
        put(world, metadataLba(JOURNAL, sequence), encodeRecord({ ...recordOf(world, sequence), durable: 0 }));
      }
      flip(world, metadataLba(JOURNAL, first + 1));
      tokyo.kill();
      expect(findings(world)).toMatchObject([{ severity: 'doubt', file: FILE }]);
      await tokyo.start();
      expect((await tokyo.lun('data').read(200, 1))[0]).toBe(1);
    }));
});
