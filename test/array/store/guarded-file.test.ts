import { describe, expect, it } from 'vitest';
import { openGuardedFile } from '../../../src/array/store/guarded-file.ts';
import { settleGuardedFile } from '../../../src/array/store/guarded-repair.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const LENGTH = 1500;

function read(file: StorageFile): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  file.read(bytes, 0);
  return bytes;
}

/** A disk that remembers what was durable, and at a power cut fills every sector written since with garbage. */
function createHarshDisk() {
  const storage: Storage = createMemoryStorage();
  const file = storage.open('map');
  let durable = new Uint8Array(0);
  let since: Array<readonly [offset: number, length: number]> = [];
  const disk: StorageFile = {
    ...file,
    write(source, offset) {
      since.push([offset, source.length]);
      file.write(source, offset);
    },
    async flush() {
      durable = new Uint8Array(file.size());
      file.read(durable, 0);
      since = [];
    },
  };
  return {
    disk,
    powerCut: (): void => {
      const garbage = since.map(([offset, length]) => [offset, new Uint8Array(length).fill(0xa5)] as const);
      file.truncate(0);
      file.write(durable, 0);
      for (const [offset, bytes] of garbage) file.write(bytes, offset);
    },
  };
}

describe('guarded file', () => {
  it('loses nothing durable when everything written since is garbage', async () => {
    const random = createSeededRandom(3);
    const { disk, powerCut } = createHarshDisk();
    let file = openGuardedFile(disk, LENGTH);
    let durable = read(file);
    for (let step = 0; step < 400; step += 1) {
      const offset = random.below(LENGTH - 8);
      file.write(random.bytes(1 + random.below(8)), offset);
      if (random.below(3) === 0) {
        await file.flush();
        durable = read(file);
      } else if (random.below(4) === 0) {
        powerCut();
        file = openGuardedFile(disk, LENGTH);
        expect(Buffer.compare(read(file), durable)).toBe(0);
      }
    }
  });

  it('keeps what a flush under way has promised from what is written meanwhile', async () => {
    const { disk, powerCut } = createHarshDisk();
    let release = (): void => undefined;
    const slow: StorageFile = {
      ...disk,
      async flush() {
        await disk.flush();
        await new Promise<void>((resolve) => (release = resolve));
      },
    };
    const file = openGuardedFile(slow, LENGTH);
    file.write(Uint8Array.of(1), 0);
    const flushed = file.flush();
    await new Promise((resolve) => setImmediate(resolve));
    file.write(Uint8Array.of(2), 0);
    release();
    await flushed;
    powerCut();
    expect(read(openGuardedFile(disk, LENGTH))[0]).toBe(1);
  });

  it('lets nothing that a killed process has left count as durable before it is', async () => {
    const { disk, powerCut } = createHarshDisk();
    const storage: Storage = { ...createMemoryStorage(), exists: () => true, open: () => disk };
    const killed = openGuardedFile(disk, LENGTH);
    killed.write(Uint8Array.of(1), 0);
    await killed.flush();
    killed.write(Uint8Array.of(2), 0);
    await settleGuardedFile(storage, 'map', LENGTH);
    const next = openGuardedFile({ ...disk, flush: () => new Promise(() => undefined) }, LENGTH);
    next.write(Uint8Array.of(3), 0);
    void next.flush();
    await new Promise((resolve) => setImmediate(resolve));
    next.write(Uint8Array.of(4), 0);
    powerCut();
    expect(read(openGuardedFile(disk, LENGTH))[0]).toBe(2);
  });

  it('names the file where that fails, and makes none', async () => {
    const storage = createMemoryStorage();
    await settleGuardedFile(storage, 'map', LENGTH);
    expect(storage.list()).toEqual([]);
    const broken = { ...storage.open('map'), flush: () => Promise.reject(new Error('EIO')) };
    await expect(settleGuardedFile({ ...storage, open: () => broken }, 'map', LENGTH)).rejects.toThrow(/^map: .*EIO/);
  });

  it('has what a killed process had written', () => {
    const { disk } = createHarshDisk();
    const file = openGuardedFile(disk, LENGTH);
    for (const value of [7, 8, 9]) file.write(Uint8Array.of(value), 600);
    expect(read(openGuardedFile(disk, LENGTH))[600]).toBe(9);
  });

  it('takes back what could not be written whole, and keeps what it had over a restart', async () => {
    const storage = createMemoryStorage();
    const inner = storage.open('map');
    let failing = false;
    const disk: StorageFile = {
      ...inner,
      write(source, offset) {
        inner.write(failing ? source.subarray(0, 100) : source, offset);
        if (failing) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      },
    };
    const file = openGuardedFile(disk, LENGTH);
    file.write(Uint8Array.of(1, 1, 1), 0);
    await file.flush();
    file.write(Uint8Array.of(2, 2, 2), 0);
    failing = true;
    expect(() => file.write(Uint8Array.of(3), 1)).toThrow('no space left');
    expect([...read(file).subarray(0, 3)]).toEqual([2, 2, 2]);
    await expect(file.flush()).rejects.toThrow('no space left');
    failing = false;
    await file.flush();
    file.write(Uint8Array.of(9), 600);
    await file.flush();
    const reopened = read(openGuardedFile(inner, LENGTH));
    expect([...reopened.subarray(0, 3), reopened[600]]).toEqual([2, 2, 2, 9]);
  });
});
