import { expect, it } from 'vitest';
import { openVolumeKey, VolumeKeyError } from '../../../src/array/store/volume-key.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileStorage, type VolatileStorage } from '../review/volatile-storage.ts';

const FILE = 'lun-7.key';

function setUp() {
  const clock = createFakeClock();
  const storage = createVolatileStorage(clock);
  const random = createSeededRandom(11);
  const open = () => openVolumeKey(7, { storage, random });
  return { clock, storage, open };
}

function bytesOf(storage: VolatileStorage): Buffer {
  const file = storage.open(FILE);
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0);
  return bytes;
}

/** What the key makes of a sector: equal keys, equal answers. */
const markOf = (key: Awaited<ReturnType<typeof openVolumeKey>>): string =>
  Buffer.from(key.cipher('data').encrypt(new Uint8Array(512), 0)).toString('hex');

it('is made once, durably, with different keys for the two files', async () => {
  const { clock, storage, open } = setUp();
  await clock.run(
    (async () => {
      const key = await open();
      const mark = markOf(key);
      expect(Buffer.from(key.cipher('intents').encrypt(new Uint8Array(512), 0)).toString('hex')).not.toBe(mark);
      storage.powerCut();
      expect(markOf(await open())).toBe(mark);
    })(),
  );
});

it('is the old or the new one after a power cut at any point of its replacement, and nothing of the old one stays', async () => {
  const marks = new Set<string>();
  for (let cutAt = 1; cutAt <= 8; cutAt += 1) {
    for (const kept of [false, true]) {
      const { clock, storage, open } = setUp();
      await clock.run(
        (async () => {
          const key = await open();
          const before = markOf(key);
          const old = bytesOf(storage).subarray(8, 136);
          let steps = 0;
          let cut = false;
          const copies: Buffer[] = [];
          storage.watch(() => {
            steps += 1;
            if (steps !== cutAt) return;
            storage.powerCut(() => kept);
            copies.push(Buffer.from(bytesOf(storage)));
            cut = true;
          });
          await key.replace();
          storage.watch(() => undefined);
          if (!cut) {
            expect(bytesOf(storage).includes(old.subarray(0, 64))).toBe(false);
            expect(bytesOf(storage).includes(old.subarray(64))).toBe(false);
            expect(markOf(await open())).toBe(markOf(key));
            expect(markOf(key)).not.toBe(before);
            return;
          }
          const file = storage.open(FILE);
          file.truncate(0);
          file.write(copies[0]!, 0);
          const found = markOf(await open());
          expect([before, markOf(key)]).toContain(found);
          marks.add(found === before ? 'old' : 'new');
        })(),
      );
    }
  }
  expect([...marks].toSorted()).toEqual(['new', 'old']);
});

it.each(['lun-7.data', 'lun-7.map'])('is refused where it is lost and %s holds something', async (name) => {
  const { clock, storage, open } = setUp();
  storage.open(name).write(new Uint8Array(512).fill(1), 0);
  await expect(clock.run(open())).rejects.toThrow(VolumeKeyError);
  expect(storage.list()).toEqual([name]);
  storage.open(FILE).write(new Uint8Array(1536).fill(9), 0);
  await expect(clock.run(open())).rejects.toThrow(/lun-7\.key: it holds no keys .*, though lun-7\.\w+ says/);
});

it('encrypts nothing once a replacement has failed, until one succeeds', async () => {
  const { clock, storage, open } = setUp();
  await clock.run(
    (async () => {
      const key = await open();
      storage.breakFlush(FILE, 1);
      await expect(key.replace()).rejects.toThrow('flush failed');
      expect(() => key.cipher('data')).toThrow(VolumeKeyError);
      await key.replace();
      expect(markOf(await open())).toBe(markOf(key));
    })(),
  );
});
