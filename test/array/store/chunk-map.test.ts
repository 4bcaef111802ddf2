import { describe, expect, it } from 'vitest';
import { chunkBytesFor, openChunkMap, SMALLEST_CHUNK_BYTES } from '../../../src/array/store/chunk-map.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const CHUNK = SMALLEST_CHUNK_BYTES;

function open(storage = createMemoryStorage(), chunks = 20) {
  return openChunkMap(storage.open('map'), { volumeBytes: chunks * CHUNK - 512, chunkBytes: CHUNK });
}

describe('chunk map', () => {
  it('covers 16 TiB with at most 2^20 chunks', () => {
    expect(chunkBytesFor(64 * 1024 ** 3)).toBe(CHUNK);
    expect(chunkBytesFor(64 * 1024 ** 3 + 1)).toBe(2 * CHUNK);
    expect(chunkBytesFor(16 * 1024 ** 4)).toBe(16 * 1024 ** 2);
  });

  it('marks each chunk that a range touches, and only once asks to be waited for', async () => {
    const map = open();
    await map.mark(CHUNK - 1, 2);
    expect([map.isMarked(0), map.isMarked(1), map.isMarked(2)]).toEqual([true, true, false]);
    expect(map.mark(0, 2 * CHUNK)).toBeUndefined();
    expect(map.markedCount()).toBe(2);
  });

  it('makes a second writer of a chunk wait for the same flush', async () => {
    const storage = createMemoryStorage();
    const file = storage.open('map');
    let release = (): void => undefined;
    const flush = () => new Promise<void>((resolve) => (release = resolve));
    const map = openChunkMap({ ...file, flush }, { volumeBytes: CHUNK * 4, chunkBytes: CHUNK });
    const first = map.mark(0, 1);
    expect(map.mark(0, 1)).toBeDefined();
    release();
    await first;
    await Promise.resolve();
    expect(map.mark(0, 1)).toBeUndefined();
  });

  it('writes a mark again whose write failed', async () => {
    const storage = createMemoryStorage();
    const file = storage.open('map');
    let failing = true;
    const write = (source: Uint8Array, offset: number): void => {
      if (failing) throw new Error('ENOSPC');
      file.write(source, offset);
    };
    const map = openChunkMap({ ...file, write }, { volumeBytes: CHUNK * 4, chunkBytes: CHUNK });
    expect(() => map.mark(0, 1)).toThrow('ENOSPC');
    failing = false;
    await map.mark(0, 1);
    expect(open(storage, 4).isMarked(0)).toBe(true);
  });

  it('is the same after it is opened again', async () => {
    const storage = createMemoryStorage();
    const map = open(storage);
    await map.mark(3 * CHUNK, 1);
    await map.union(Uint8Array.of(0, 0, 0xff));
    await map.clear([3, 17]);
    const again = open(storage);
    expect([16, 17, 18, 19].map((chunk) => again.isMarked(chunk))).toEqual([true, false, true, true]);
    expect(again.markedCount()).toBe(3);
  });

  it('finds marked chunks over empty bytes', () => {
    const map = open(createMemoryStorage(), 100);
    void map.mark(97 * CHUNK, 1);
    expect(map.next(0)).toBe(97);
    expect(map.next(97)).toBe(97);
    expect(map.next(98)).toBeUndefined();
  });

  it('takes no mark for durable whose flush failed, that was only noted, or that an earlier process left', async () => {
    const storage = createMemoryStorage();
    const file = storage.open('map');
    let broken = true;
    const flush = () => (broken ? Promise.reject(new Error('EIO')) : Promise.resolve());
    const geometry = { volumeBytes: CHUNK * 4, chunkBytes: CHUNK };
    const map = openChunkMap({ ...file, flush }, geometry);
    await expect(map.mark(0, 1)).rejects.toThrow('EIO');
    await expect(map.mark(0, 1)).rejects.toThrow('EIO');
    broken = false;
    map.note(CHUNK, 1);
    expect(map.isMarked(1)).toBe(true);
    await map.mark(0, 2 * CHUNK);
    expect(map.mark(0, 2 * CHUNK)).toBeUndefined();
    expect(openChunkMap(storage.open('map'), geometry).mark(0, 1)).toBeDefined();
  });
});
