import { describe, expect, it } from 'vitest';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import type { SanitizeRequest } from '../../../src/array/sanitize/sanitizer.ts';
import { describeArray, LUNS } from '../../support/array-pair.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import { makeUnreadable } from './unreadable.ts';
import {
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  resync,
  sleep,
  stamp,
  until,
  type World,
} from './world.ts';

const ERASE: SanitizeRequest = {
  method: 'block-erase',
  passes: 1,
  invert: false,
  pattern: new Uint8Array(0),
  allowExit: true,
};

/** The next removal of a file of difference maps fails, as it does where the disk cannot write the directory. */
function failRemoval({ disks }: World): void {
  const remove = disks.tokyo.remove.bind(disks.tokyo);
  disks.tokyo.remove = (name) => {
    disks.tokyo.remove = remove;
    return Promise.reject(Object.assign(new Error(`EIO: unlink ${name}`), { code: 'EIO' }));
  };
}

describe('a disk that fails once', () => {
  it('keeps the difference map of a pair that is dissolved: the group formed anew is another one', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (let lba = 0; lba < 30; lba += 1) await tokyo.lun('data').write(lba, stamp(lba + 1));
      await cycle(world, tokyo.operations, osaka.operations);
      failRemoval(world);
      for (const { operations } of [tokyo, osaka]) await operations.deletePair('oradb');
      expect(tokyo.log.join('; ')).toMatch(/EIO: unlink differences/);
      await formPair(world, 'data');
      expect((await tokyo.operations.showJournal('oradb')).journalInSequence).toBe(1);
      await tokyo.lun('data').write(5, stamp(200));
      await tokyo.lun('data').flush();
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(200);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));

  it('does not make durable that a SANITIZE has begun: nothing is written to the volume that the next start would erase', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      const lun = tokyo.lun('data');
      await lun.write(5, stamp(5));
      await tokyo.unit('data').sanitize!.begin(ERASE);
      await until(world, 'sanitized', () => tokyo.unit('data').sanitize!.status() === undefined);
      await lun.write(5, stamp(6));
      const file = `lun-${LUNS.tokyo.data}.sanitize`;
      disks.tokyo.watchWrites((name) => void (name === file && disks.tokyo.breakFlush(file)));
      await expect(tokyo.unit('data').sanitize!.begin(ERASE)).rejects.toThrow(/flush failed/);
      const accepted = await lun.write(6, stamp(7)).then(
        () => lun.flush().then(() => true),
        () => false,
      );
      tokyo.kill();
      disks.tokyo.watchWrites(() => undefined);
      disks.tokyo.breakFlush(file, 0);
      await tokyo.start();
      await until(world, 'sanitized', () => tokyo.unit('data').sanitize!.status() === undefined);
      if (accepted) expect((await lun.read(6, 1))[0]).toBe(7);
      else expect((await lun.read(5, 1))[0]).toBe(0);
    }));

  it('does not make the file in which it is noted that a SANITIZE has begun: the volume is used as before, and it begins at the next attempt', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await tokyo.lun('data').write(5, stamp(5));
      const open = tokyo.storage.open.bind(tokyo.storage);
      disks.tokyo.open = (name) => {
        if (!name.endsWith('.sanitize')) return open(name);
        throw Object.assign(new Error(`EMFILE: open ${name}`), { code: 'EMFILE' });
      };
      const sanitizer = tokyo.unit('data').sanitize!;
      await expect(sanitizer.begin(ERASE)).rejects.toThrow('EMFILE');
      disks.tokyo.open = open;
      expect(sanitizer.status()).toBeUndefined();
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(5);
      await sanitizer.begin(ERASE);
      await until(world, 'sanitized', () => sanitizer.status() === undefined);
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(0);
    }));

  it('does not give a sector that the check wants: it is told what that means, and nothing that it does not', () =>
    inWorld(
      async (world) => {
        const { tokyo } = world;
        const check = () =>
          checkStorage(describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], options), tokyo.storage).findings;
        const options = {
          clock: world.clock,
          random: createSeededRandom(1),
          storage: () => tokyo.storage,
          volumeBlocks: 2048,
          volumeOptions: { encrypted: true },
        } as const;
        await formPair(world, 'log');
        await tokyo.unit('data').write(0, stamp(1, 4096), { forceUnitAccess: true, atomic: true });
        await tokyo.lun('log').write(0, stamp(1, 4096));
        await tokyo.lun('log').flush();
        tokyo.kill();
        expect(check()).toEqual([]);
        const spoil = makeUnreadable(tokyo.storage);
        spoil(`lun-${LUNS.tokyo.journal}.journal`, metadataLba(journalGeometry(8 + 9 * 64), 9));
        expect(check()).toEqual([]);
        spoil(`lun-${LUNS.tokyo.data}.intents`, 0);
        for (const sector of [0, 1, 2]) spoil(`lun-${LUNS.tokyo.data}.key`, sector);
        const found = check();
        expect(found.map(({ severity, file }) => [severity, file])).toEqual([['damage', `lun-${LUNS.tokyo.data}.key`]]);
        expect(found[0]!.meaning).toMatch(/the array refuses to start/);
        await expect(tokyo.start()).rejects.toThrow('cannot be read');
      },
      { volumeOptions: { encrypted: true } },
    ));

  it('refuses the keys of a volume that is added: the second attempt adds it', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      const volume = {
        lun: 50,
        name: 'more',
        kind: 'volume',
        blockSize: 512,
        blockCount: 2048,
        encrypted: true,
      } as const;
      const open = tokyo.storage.open.bind(tokyo.storage);
      disks.tokyo.open = (name) => {
        if (name !== 'lun-50.key') return open(name);
        disks.tokyo.open = open;
        throw Object.assign(new Error(`ENOSPC: open ${name}`), { code: 'ENOSPC' });
      };
      const { management, units } = tokyo.array();
      await expect(management.addVolume(volume)).rejects.toThrow('ENOSPC');
      expect(units.unit(50)).toBeUndefined();
      await Promise.all([management.addVolume(volume), management.addVolume(volume)]);
      await units.unit(50)!.write(0, stamp(9), { forceUnitAccess: true });
      expect((await units.unit(50)!.read(0, 1))[0]).toBe(9);
    }));

  it('does not give the log of atomic writes: the check says so', () =>
    inWorld(async (world) => {
      const { tokyo, clock } = world;
      await tokyo.unit('log').write(0, stamp(1, 4096), { forceUnitAccess: true, atomic: true });
      tokyo.kill();
      const spoil = makeUnreadable(tokyo.storage);
      spoil(`lun-${LUNS.tokyo.log}.intents`, 0);
      const described = describeArray('tokyo', 'TK000001', ['osaka', 'OS000001'], {
        clock,
        random: createSeededRandom(1),
        storage: () => tokyo.storage,
        volumeBlocks: 2048,
      });
      expect(checkStorage(described, tokyo.storage).findings).toMatchObject([
        {
          severity: 'damage',
          file: `lun-${LUNS.tokyo.log}.intents`,
          meaning: expect.stringMatching(/refuses to start/),
        },
      ]);
      await expect(tokyo.start()).rejects.toThrow(/EIO/);
    }));

  it('does not give a record that a volume is owed: that group alone waits, and says so', () => {
    let near: VolatileLun;
    return inWorld(
      async (world) => {
        const { tokyo, osaka } = world;
        const journal = `lun-${LUNS.tokyo.journal}.journal`;
        await formPair(world, 'data');
        await cycleUntilPair(world);
        tokyo.kill();
        const spoil = makeUnreadable(tokyo.storage);
        await tokyo.start();
        near.vanish({ powerCut: true });
        const { journalInSequence: first } = await tokyo.operations.showJournal('oradb');
        for (let lba = 10; lba < 13; lba += 1) await tokyo.lun('data').write(lba, stamp(lba));
        await until(world, 'suspended', async () => {
          return (await tokyo.operations.showJournal('oradb')).suspendReason === 'error';
        });
        tokyo.kill();
        near.comeBack();
        spoil(journal, metadataLba(journalGeometry(8 + 9 * 64), first + 1));
        await tokyo.start();
        await tokyo.lun('log').write(0, stamp(1, 4096));
        await sleep(world, 1000);
        await expect(tokyo.operations.showJournal('oradb')).rejects.toThrow(/EIO/);
        expect(await tokyo.array().management.giveUp(LUNS.tokyo.data)).toMatchObject({ writes: 2, unreadable: true });
        expect((await tokyo.lun('data').read(10, 1))[0]).toBe(10);
        await osaka.operations.splitGroup('oradb');
        await resync(tokyo.operations, osaka.operations);
        await cycleUntilPair(world);
        await expectSame(world, 'data');
      },
      {
        backing: (array, volume) => (array === 'tokyo' && volume === 'data' ? 'iscsi://tokyo/iqn/1' : undefined),
        backings(clock) {
          near = createVolatileLun(clock, 2048);
          return (path) => near.open(path);
        },
      },
    );
  });
});
