import { describe, expect, it } from 'vitest';
import { createFileVolumes } from '../../../src/array/file-volumes.ts';
import type { SanitizeRequest } from '../../../src/array/sanitize/sanitizer.ts';
import { LUNS, pairRequest } from '../../support/array-pair.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileStorage, type VolatileStorage } from './volatile-storage.ts';
import { inWorld, stamp, until, type World } from './world.ts';

const LUN = LUNS.tokyo.data;
const KEY = `lun-${LUN}.key`;
const MARKER = 0xc3;
const ENCRYPTED = { volumeOptions: { encrypted: true } } as const;
const CRYPTO_ERASE: SanitizeRequest = {
  method: 'crypto-erase',
  passes: 1,
  invert: false,
  pattern: new Uint8Array(0),
  allowExit: true,
};

/** Data in slots, in a slot that was given back, and in the log of atomic writes. */
async function fill({ tokyo }: World): Promise<void> {
  const unit = tokyo.unit('data');
  await unit.write(0, stamp(MARKER, 900 * 512), { forceUnitAccess: false });
  await unit.write(1500, stamp(MARKER, 64 * 512), { forceUnitAccess: true, atomic: true });
  await unit.deallocate!(256, 128);
  await unit.flush();
}

type Copy = ReadonlyMap<string, Buffer>;

function copyOf(storage: VolatileStorage): Copy {
  const names = storage.list().filter((name) => name.startsWith(`lun-${LUN}.`));
  return new Map(
    names.map((name) => {
      const file = storage.open(name);
      const bytes = Buffer.alloc(file.size());
      file.read(bytes, 0);
      return [name, bytes] as const;
    }),
  );
}

/** What is in the volume that these files make; `key` takes the place of theirs. */
async function contentOf(world: World, copy: Copy, key?: Buffer): Promise<Buffer> {
  const storage = createVolatileStorage(world.clock);
  for (const [name, bytes] of copy) storage.open(name).write(name === KEY ? (key ?? bytes) : bytes, 0);
  const description = world.tokyo
    .array()
    .management.show()
    .volumes.find(({ lun }) => lun === LUN)!;
  const volumes = createFileVolumes({ storage, random: createSeededRandom(1), isPaired: () => false });
  await volumes.prepare(description);
  const volume = volumes.open(description);
  await volume.atomic!.recover();
  return Buffer.from(await volume.read(0, volume.byteLength));
}

const status = (world: World) => world.tokyo.unit('data').sanitize!.status()?.state;
const ended = (world: World) => until(world, 'sanitized', () => status(world) === undefined);
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const hasMarker = (bytes: Buffer): boolean => bytes.includes(Buffer.alloc(16, MARKER));

describe('an encrypted volume', () => {
  it('has nothing of its data in clear in any file, and gives it back after a power cut', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await fill(world);
      const copy = copyOf(disks.tokyo);
      expect([...copy.keys()]).toEqual(['data', 'intents', 'key', 'map'].map((kind) => `lun-${LUN}.${kind}`));
      for (const bytes of copy.values()) expect(hasMarker(bytes)).toBe(false);
      tokyo.kill();
      disks.tokyo.powerCut();
      await tokyo.start();
      const unit = tokyo.unit('data');
      const expected = stamp(MARKER, 2048 * 512)
        .fill(0, 256 * 512, 384 * 512)
        .fill(0, 900 * 512, 1500 * 512);
      expected.fill(0, 1564 * 512);
      expect(Buffer.compare(await unit.read(0, 2048), expected)).toBe(0);
    }, ENCRYPTED));

  it('reads zeros where nothing was written, beside what was, also in a slot used again and after a restart', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await fill(world);
      const blocks = async (lba: number, count: number) => tokyo.unit('data').read(lba, count);
      for (const lba of [1030, 1160, 1300]) await tokyo.unit('data').write(lba, stamp(7), { forceUnitAccess: true });
      for (let life = 0; life < 2; life += 1) {
        expect(await blocks(1030, 1)).toEqual(stamp(7));
        expect(isZero(await blocks(1031, 129))).toBe(true);
        expect(isZero(await blocks(900, 130))).toBe(true);
        expect(isZero(await blocks(1301, 199))).toBe(true);
        tokyo.kill();
        await tokyo.start();
      }
    }, ENCRYPTED));

  it('cannot be in a pair, whose journal would hold it in clear', () =>
    inWorld(async ({ tokyo }) => {
      await expect(tokyo.operations.createPair(pairRequest('primary', 'data'))).rejects.toMatchObject({
        status: 'wrong-state',
      });
    }, ENCRYPTED));

  it('added to a running array has its key before anything is stored', () =>
    inWorld(async ({ tokyo, disks }) => {
      const volume = {
        lun: 60,
        name: 'late',
        kind: 'volume',
        blockSize: 4096,
        blockCount: 64,
        encrypted: true,
      } as const;
      await tokyo.array().management.addVolume(volume);
      await tokyo.array().units.unit(60)!.write(3, stamp(MARKER, 4096), { forceUnitAccess: true });
      disks.tokyo.powerCut();
      tokyo.kill();
      await tokyo.start();
      expect(await tokyo.array().units.unit(60)!.read(3, 1)).toEqual(stamp(MARKER, 4096));
    }));

  it('does not let the array start once its key is lost', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await fill(world);
      tokyo.kill();
      await disks.tokyo.remove(KEY);
      await expect(tokyo.start()).rejects.toThrow(`${KEY}: it is not there`);
      expect(disks.tokyo.exists(KEY)).toBe(false);
    }, ENCRYPTED));
});

describe('CRYPTO ERASE', () => {
  it('makes every copy of its files unreadable, and leaves an empty volume that can be used', () =>
    inWorld(async (world) => {
      const { disks, tokyo } = world;
      const unit = tokyo.unit('data');
      await fill(world);
      const before = copyOf(disks.tokyo);
      expect(hasMarker(await contentOf(world, before))).toBe(true);
      await unit.sanitize!.begin(CRYPTO_ERASE);
      await expect(unit.read(0, 1)).rejects.toMatchObject({ sense: { key: 2, asc: 4, ascq: 0x1b } });
      await ended(world);
      const after = copyOf(disks.tokyo);
      const key = after.get(KEY)!;
      expect(hasMarker(await contentOf(world, before, key))).toBe(false);
      for (let at = 0; at < before.get(KEY)!.length; at += 512) {
        const old = before.get(KEY)!.subarray(at + 8, at + 136);
        if (!isZero(old)) expect(key.includes(old.subarray(0, 64)) || key.includes(old.subarray(64))).toBe(false);
      }
      expect(isZero(await unit.read(0, 2048))).toBe(true);
      expect(await unit.allocation!(0, 2048)).toEqual([{ lba: 0, blockCount: 2048, mapped: false }]);
      await unit.write(7, stamp(7), { forceUnitAccess: true });
      tokyo.kill();
      await tokyo.start();
      expect(await tokyo.unit('data').read(7, 1)).toEqual(stamp(7));
      expect(isZero(await tokyo.unit('data').read(8, 2040))).toBe(true);
    }, ENCRYPTED));

  it.each([0, 1])(
    'is done or undone after a power cut at any write or flush (pages %i)',
    async (kept) => {
      const found = { undone: 0, resumed: 0, done: 0 };
      for (let cutAt = 1, over = false; !over; cutAt += 1) {
        await inWorld(async (world) => {
          const { tokyo, disks } = world;
          await fill(world);
          const before = copyOf(disks.tokyo);
          let touched = 0;
          let begun = false;
          const cut = new Promise<void>((resolve) => {
            disks.tokyo.watch(() => {
              touched += 1;
              if (touched !== cutAt) return;
              tokyo.kill();
              resolve();
            });
          });
          const erased = tokyo
            .unit('data')
            .sanitize!.begin(CRYPTO_ERASE)
            .then(() => {
              begun = touched < cutAt;
              return ended(world);
            });
          await Promise.race([cut, erased.catch(() => cut)]);
          disks.tokyo.watch(() => undefined);
          over = touched < cutAt;
          let page = kept;
          tokyo.kill();
          disks.tokyo.powerCut(() => (page++ & 1) === 0);
          await tokyo.start();
          const state = status(world);
          if (state === undefined && !begun) {
            found.undone += 1;
            const unit = tokyo.unit('data');
            expect(Buffer.compare(await unit.read(0, 256), stamp(MARKER, 256 * 512))).toBe(0);
            expect(Buffer.compare(await unit.read(1500, 64), stamp(MARKER, 64 * 512))).toBe(0);
            return;
          }
          found[state === undefined ? 'done' : 'resumed'] += 1;
          await ended(world);
          expect(isZero(await tokyo.unit('data').read(0, 2048))).toBe(true);
          expect(hasMarker(await contentOf(world, before, copyOf(disks.tokyo).get(KEY)))).toBe(false);
        }, ENCRYPTED);
      }
      expect(found.undone).toBeGreaterThan(0);
      expect(found.resumed).toBeGreaterThan(5);
      expect(found.done).toBeGreaterThan(0);
    },
    60_000,
  );

  it('that could not store its key leaves a volume that answers nothing wrong, and can be begun again', () =>
    inWorld(async (world) => {
      const { tokyo, disks } = world;
      await fill(world);
      disks.tokyo.breakFlush(KEY, 1);
      const unit = tokyo.unit('data');
      await unit.sanitize!.begin(CRYPTO_ERASE);
      await until(world, 'failed', () => status(world) === 'failed');
      await unit.sanitize!.exitFailure();
      await expect(unit.read(0, 1)).rejects.toThrow('it is not known what it holds');
      await unit.sanitize!.begin(CRYPTO_ERASE);
      await ended(world);
      expect(isZero(await unit.read(0, 2048))).toBe(true);
    }, ENCRYPTED));
});
