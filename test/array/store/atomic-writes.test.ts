import { describe, expect, it } from 'vitest';
import { withAtomicWrites } from '../../../src/array/store/atomic-writes.ts';
import { openGuardedFile } from '../../../src/array/store/guarded-file.ts';
import { openThinFile } from '../../../src/array/store/thin-file.ts';
import { openVolume, type Volume } from '../../../src/array/store/volume.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createVolatileStorage } from '../review/volatile-storage.ts';

const BLOCK = 512;
const CHUNK = 4096;
const VOLUME_BYTES = 8 * CHUNK;
const INTENTS = 'lun-1.intents';
const never = new Promise<never>(() => undefined);

/** After `isDead` nothing reaches the disk any more. */
function mortal(file: StorageFile, isDead: () => boolean): StorageFile {
  return {
    ...file,
    write: (source, offset) => (isDead() ? undefined : file.write(source, offset)),
    truncate: (size) => (isDead() ? undefined : file.truncate(size)),
    flush: () => (isDead() ? never : file.flush().then(() => (isDead() ? never : undefined))),
  };
}

async function openOn(disk: Storage, isDead = () => false): Promise<Volume> {
  const open = (name: string) => mortal(disk.open(name), isDead);
  const map = openGuardedFile(open('lun-1.map'), (VOLUME_BYTES / CHUNK) * 4);
  const thin = openThinFile(
    { data: open('lun-1.data'), map },
    { volumeBytes: VOLUME_BYTES, chunkBytes: CHUNK, blockSize: BLOCK },
  );
  const description = {
    lun: 1,
    name: 'data',
    kind: 'volume',
    blockSize: BLOCK,
    blockCount: VOLUME_BYTES / BLOCK,
  } as const;
  const files = { exists: () => disk.exists(INTENTS), open: () => open(INTENTS) };
  const volume = withAtomicWrites(openVolume(description, thin), files);
  await volume.atomic!.recover();
  return volume;
}

interface Step {
  readonly kind: 'atomic' | 'plain' | 'deallocate';
  readonly offset: number;
  readonly length: number;
  readonly fill: number;
}

/**
 * Chunks that are there, new ones, overlaps in every direction. What is not atomic is one block, which cannot tear, is not
 * flushed, and lies inside the atomic write behind it, so that every course of events leaves the volume as some step did.
 */
const STEPS: readonly Step[] = [
  { kind: 'atomic', offset: 3584, length: 9 * 1024, fill: 1 },
  { kind: 'atomic', offset: 8192, length: 6 * 1024, fill: 2 },
  { kind: 'plain', offset: 9216, length: BLOCK, fill: 3 },
  { kind: 'atomic', offset: 0, length: 20 * 1024, fill: 4 },
  { kind: 'deallocate', offset: 10_240, length: BLOCK, fill: 0 },
  { kind: 'atomic', offset: 8192, length: 16 * 1024, fill: 5 },
];

async function take(volume: Volume, { kind, offset, length, fill }: Step): Promise<void> {
  const data = new Uint8Array(length).fill(fill);
  if (kind === 'atomic') {
    expect(await volume.atomic!.write(offset, data, () => true)).toBe(true);
    return;
  }
  for (let wait = volume.atomic!.conflict(offset, length); wait; wait = volume.atomic!.conflict(offset, length)) {
    await wait;
  }
  await volume.announce(offset, length);
  await (kind === 'plain' ? volume.write(offset, data) : volume.deallocate(offset, length));
}

function statesOf(): Uint8Array[] {
  let state = new Uint8Array(VOLUME_BYTES).fill(9, 0, 2 * CHUNK);
  const states = [state];
  for (const { offset, length, fill } of STEPS) {
    state = state.slice().fill(fill, offset, offset + length);
    states.push(state);
  }
  return states;
}

const wholeRead = async (volume: Volume) => Buffer.from(await volume.read(0, VOLUME_BYTES));

/** What the power cut keeps of the pages that were written and not flushed. */
const KEPT = {
  nothing: () => () => false,
  everything: () => () => true,
  'every other page': () => {
    let count = 0;
    return () => (count++ & 1) === 0;
  },
  'all but every third': () => {
    let count = 0;
    return () => count++ % 3 !== 0;
  },
} as const;

/** The steps until the storage has been touched `cutAt` times: those that were answered, and what is there after a restart. */
async function cutAfter(cutAt: number, kept: (typeof KEPT)[keyof typeof KEPT]) {
  const clock = createFakeClock();
  return clock.run(
    (async () => {
      const disk = createVolatileStorage(clock);
      let touched = 0;
      const answered: Step[] = [];
      let die = (): void => undefined;
      const death = new Promise<void>((resolve) => (die = resolve));
      const isDead = () => touched >= cutAt;
      const fresh = await openOn(disk);
      await fresh.announce(0, 2 * CHUNK);
      await fresh.write(0, new Uint8Array(2 * CHUNK).fill(9));
      await fresh.flush();
      disk.watch(() => {
        touched += 1;
        if (isDead()) die();
      });
      const volume = await openOn(disk, isDead);
      const work = async () => {
        for (const step of STEPS) {
          await take(volume, step);
          if (!isDead()) answered.push(step);
        }
      };
      await Promise.race([work(), death]);
      disk.watch(() => undefined);
      disk.powerCut(kept());
      const found = await wholeRead(await openOn(disk));
      // And a second cut, right after: nothing is left in the log that could come back.
      disk.powerCut();
      expect(Buffer.compare(found, await wholeRead(await openOn(disk)))).toBe(0);
      return { touched, answered, found };
    })(),
  );
}

describe('an atomic write', () => {
  it.each(Object.entries(KEPT))('is there wholly or not at all after a power cut that keeps %s', async (_, kept) => {
    const states = statesOf();
    for (let cutAt = 1; ; cutAt += 1) {
      const { touched, answered, found } = await cutAfter(cutAt, kept);
      // Where every page is kept only the process has died, and nothing that was answered may be gone.
      const owed =
        kept === KEPT.everything ? answered.length : answered.findLastIndex(({ kind }) => kind === 'atomic') + 1;
      const state = states.findIndex((candidate) => Buffer.compare(found, candidate) === 0);
      expect(state, `cut after ${cutAt}, ${answered.length} answered`).toBeGreaterThanOrEqual(owed);
      if (touched < cutAt) {
        expect(cutAt).toBeGreaterThan(30);
        expect(answered).toEqual(STEPS);
        return;
      }
    }
  });

  it('that is no longer permitted leaves nothing, neither now nor after a restart', async () => {
    const clock = createFakeClock();
    await clock.run(
      (async () => {
        const disk = createVolatileStorage(clock);
        const volume = await openOn(disk);
        expect(await volume.atomic!.write(0, new Uint8Array(CHUNK).fill(1), () => false)).toBe(false);
        expect((await wholeRead(volume)).some((byte) => byte !== 0)).toBe(false);
        disk.powerCut();
        expect((await wholeRead(await openOn(disk))).some((byte) => byte !== 0)).toBe(false);
      })(),
    );
  });

  it('empties a log that is full, and a log that was wiped holds no byte of it', async () => {
    const disk = createMemoryStorage();
    const volume = await openOn(disk);
    const long = new Uint8Array(VOLUME_BYTES).fill(0x5a);
    for (let round = 0; round < 300; round += 1) await volume.atomic!.write(0, long, () => true);
    expect(disk.open(INTENTS).size()).toBeLessThanOrEqual(8 << 20);
    await volume.flush();
    const file = disk.open(INTENTS);
    const before = new Uint8Array(file.size());
    file.read(before, 0);
    expect(before.includes(0x5a)).toBe(true);
    await volume.atomic!.wipe();
    expect(file.size()).toBe(0);
  });
});
