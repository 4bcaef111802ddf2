import { describe, expect, it } from 'vitest';
import type { LogicalUnit } from '../../../src/array/logical-unit.ts';
import type { SanitizeRequest } from '../../../src/array/sanitize/sanitizer.ts';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import { cycleUntilPair, expectSame, formPair, inWorld, sleep, stamp, until, type World } from './world.ts';

const LUN = LUNS.tokyo.data;
const SECRET = 0xc3;
const ERASE: SanitizeRequest = {
  method: 'block-erase',
  passes: 1,
  invert: false,
  pattern: new Uint8Array(0),
  allowExit: false,
};
const OVERWRITE: SanitizeRequest = {
  ...ERASE,
  method: 'overwrite',
  passes: 2,
  invert: true,
  pattern: Uint8Array.of(1, 2, 3),
};

/** Data in blocks, in slots that were given back, and in the log of atomic writes. */
async function fill({ tokyo }: World): Promise<void> {
  const unit = tokyo.unit('data');
  await unit.write(0, stamp(SECRET, 900 * 512), { forceUnitAccess: false });
  await unit.write(1500, stamp(SECRET, 64 * 512), { forceUnitAccess: true, atomic: true });
  await unit.deallocate!(256, 512);
  await unit.flush();
}

/** Files of the volume in which the secret still stands. */
function traces({ disks }: World): string[] {
  return disks.tokyo
    .list()
    .filter((name) => name.startsWith(`lun-${LUN}.`))
    .filter((name) => {
      const file = disks.tokyo.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      return Buffer.from(bytes).includes(Buffer.alloc(16, SECRET));
    });
}

async function whole(unit: LogicalUnit): Promise<Uint8Array> {
  return unit.read(0, unit.blockCount);
}

const ended = (world: World) =>
  until(world, 'sanitized', () => world.tokyo.unit('data').sanitize!.status() === undefined);

describe('SANITIZE of a volume', () => {
  it('leaves nothing of a dissolved pair in the journal, and touches none that a group uses', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const journalHolds = (fill: number): boolean => {
        const file = world.disks.tokyo.open(`lun-${LUNS.tokyo.journal}.journal`);
        const bytes = new Uint8Array(file.size());
        file.read(bytes, 0);
        return Buffer.from(bytes).includes(Buffer.alloc(512, fill));
      };
      const dissolve = async (pair: 'data' | 'log'): Promise<void> => {
        for (const { operations } of [tokyo, osaka]) await operations.deletePair('oradb', pair);
      };
      await formPair(world, 'data');
      await formPair(world, 'log');
      await tokyo.lun('data').write(3, stamp(SECRET));
      await tokyo.lun('log').write(3, stamp(0x77, 4096));
      await dissolve('data');
      await tokyo.unit('data').sanitize!.begin(ERASE);
      await ended(world);
      expect([journalHolds(SECRET), journalHolds(0x77)]).toEqual([true, true]);
      expect(tokyo.log.join('; ')).toMatch(/journal 20 is in use and may hold data of it/);
      await cycleUntilPair(world);
      await expectSame(world, 'log');
      await dissolve('log');
      await tokyo.unit('data').sanitize!.begin(ERASE);
      await ended(world);
      expect([journalHolds(SECRET), journalHolds(0x77)]).toEqual([false, false]);
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect(journalHolds(SECRET)).toBe(false);
      await formPair(world, 'log');
      await tokyo.lun('log').write(5, stamp(9, 4096));
      await cycleUntilPair(world);
      await expectSame(world, 'log');
    }));

  it('leaves nothing of its data: in no slot, used or free, nor in the log of atomic writes', () =>
    inWorld(async (world) => {
      const unit = world.tokyo.unit('data');
      await fill(world);
      expect(traces(world)).toEqual([`lun-${LUN}.data`, `lun-${LUN}.intents`]);
      const overwritten = new Set<number>();
      world.disks.tokyo.watchWrites((name, offset, data) => {
        if (name !== `lun-${LUN}.data`) return;
        for (let at = 0; at < data.length; at += 512) overwritten.add(offset + at);
      });
      const stored = world.disks.tokyo.open(`lun-${LUN}.data`).size();
      await unit.sanitize!.begin(ERASE);
      await expect(whole(unit)).rejects.toMatchObject({ sense: { key: 2, asc: 4, ascq: 0x1b } });
      await expect(unit.write(0, stamp(1), { forceUnitAccess: false })).rejects.toMatchObject({ sense: { asc: 4 } });
      await ended(world);
      // Not only given back: every byte that the file had was overwritten first.
      expect(overwritten.size * 512).toBe(stored);
      expect(traces(world)).toEqual([]);
      expect((await whole(unit)).every((byte) => byte === 0)).toBe(true);
      expect(await unit.allocation!(0, unit.blockCount)).toEqual([
        { lba: 0, blockCount: unit.blockCount, mapped: false },
      ]);
      await unit.write(7, stamp(7), { forceUnitAccess: true });
      expect((await unit.read(7, 1))[0]).toBe(7);
    }));

  it('OVERWRITE leaves the pattern in every block, complemented where an even pass was the last', () =>
    inWorld(async (world) => {
      const unit = world.tokyo.unit('data');
      await fill(world);
      await unit.sanitize!.begin(OVERWRITE);
      await ended(world);
      const expected = Uint8Array.from({ length: 512 }, (_, at) => [0xfe, 0xfd, 0xfc][at % 3]!);
      const found = await whole(unit);
      for (let at = 0; at < found.length; at += 512) {
        expect(Buffer.compare(found.subarray(at, at + 512), expected), `byte ${at}`).toBe(0);
      }
      expect(traces(world)).toEqual([]);
    }));

  it.each([
    ['BLOCK ERASE', ERASE, 2],
    ['OVERWRITE', OVERWRITE, 5],
  ] as const)(
    '%s goes on after a power cut, wherever that was',
    async (_, request, stride) => {
      let cuts = 0;
      for (let cutAt = 1, done = false; !done; cutAt += stride) {
        await inWorld(async (world) => {
          const { tokyo, disks } = world;
          await fill(world);
          let touched = 0;
          let begun = false;
          await new Promise<void>((resolve) => {
            disks.tokyo.watch(() => {
              touched += 1;
              if (touched !== cutAt) return;
              tokyo.kill();
              resolve();
            });
            const { sanitize } = tokyo.unit('data');
            void sanitize!.begin(request).then(() => {
              begun = touched < cutAt;
              return ended(world).then(resolve, () => undefined);
            });
          });
          disks.tokyo.watch(() => undefined);
          done = touched < cutAt;
          if (done) return;
          cuts += 1;
          let page = 0;
          tokyo.kill();
          disks.tokyo.powerCut(() => (page++ & 1) === 0);
          await tokyo.start();
          const found = tokyo.unit('data').sanitize!.status()?.state;
          if (begun && found === undefined) expect(traces(world)).toEqual([]);
          if (found === undefined) return;
          await ended(world);
          expect(traces(world)).toEqual([]);
          expect((await tokyo.unit('data').read(0, 1))[0]).toBe(request.method === 'overwrite' ? 0xfe : 0);
        });
      }
      expect(cuts).toBeGreaterThan(5);
    },
    60_000,
  );

  it('fails where the storage does, stays failed over a restart, and can be begun again', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await fill(world);
      disks.tokyo.breakFlush(`lun-${LUN}.data`, 1);
      await tokyo.unit('data').sanitize!.begin({ ...ERASE, allowExit: true });
      const failed = () => tokyo.unit('data').sanitize!.status()?.state === 'failed';
      await until(world, 'failed', failed);
      tokyo.kill();
      await tokyo.start();
      expect(tokyo.unit('data').sanitize!.status()).toMatchObject({ state: 'failed', allowExit: true });
      await expect(whole(tokyo.unit('data'))).rejects.toMatchObject({ sense: { key: 3, asc: 0x31, ascq: 3 } });
      await tokyo.unit('data').sanitize!.begin(ERASE);
      await ended(world);
      expect(traces(world)).toEqual([]);
    }));

  it('is refused to a volume in a pair, and a pair to a volume that is being sanitized', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      const refused = tokyo.unit('data').sanitize!.begin(ERASE);
      await expect(refused).rejects.toMatchObject({ sense: { key: 5, asc: 0x2c, ascq: 0 } });
      await tokyo.unit('log').sanitize!.begin(ERASE);
      await expect(tokyo.operations.createPair(pairRequest('primary', 'log'))).rejects.toMatchObject({
        status: 'in-use',
      });
      await until(world, 'sanitized', () => tokyo.unit('log').sanitize!.status() === undefined);
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
    }));

  it('is refused to a volume whose group cannot work yet, also where it was asked for before that group was formed', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await tokyo.lun('data').write(3, stamp(3));
      world.disks.tokyo.breakFlush(`lun-${LUNS.tokyo.journal}.journal`, 1);
      const stall = world.disks.tokyo.stall('state');
      const formed = tokyo.operations.createPair(pairRequest('primary', 'data'));
      await until(world, 'the group is being formed', () => stall.begun() > 0, 1);
      const answer = tokyo
        .unit('data')
        .sanitize!.begin(ERASE)
        .catch((error: unknown) => error);
      stall.resume();
      await formed;
      expect(await answer).toMatchObject({ sense: { key: 2, asc: 0x04, ascq: 3 } });
      await sleep(world, 6_000);
      expect((await tokyo.lun('data').read(3, 1))[0]).toBe(3);
    }));

  it('takes as long as it is told to at least, and tells of its progress', () =>
    inWorld(
      async (world) => {
        const { sanitize } = world.tokyo.unit('data');
        const beganMs = world.clock.monotonicMs();
        await sanitize!.begin(ERASE);
        await sleep(world, 2000);
        expect(sanitize!.status()!.progress).toBeGreaterThan(0.2);
        expect(sanitize!.status()!.progress).toBeLessThan(0.4);
        await ended(world);
        expect(world.clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(6000);
      },
      { volumeOptions: { sanitizeMinimum: 6 } },
    ));
});
