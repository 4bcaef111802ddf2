import { describe, expect, it } from 'vitest';
import { openThinFile, ThinFileError } from '../../../src/array/store/thin-file.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const CHUNK = 4096;
const BLOCK = 512;
const CHUNKS = 20;

function open(storage: Storage = createMemoryStorage()) {
  const parts = { data: storage.open('data'), map: storage.open('map') };
  return openThinFile(parts, { volumeBytes: CHUNKS * CHUNK, chunkBytes: CHUNK, blockSize: BLOCK });
}

async function write(file: ReturnType<typeof open>, offset: number, data: Uint8Array): Promise<void> {
  for (let wait = file.allocate(offset, data.length); wait; wait = file.allocate(offset, data.length)) await wait;
  file.write(data, offset);
}

function read(file: ReturnType<typeof open>, offset = 0, length = CHUNKS * CHUNK): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  file.read(bytes, offset);
  return bytes;
}

describe('thin file', () => {
  it('keeps a write whose place could be noted only the second time', async () => {
    const storage = createMemoryStorage();
    const map = storage.open('map');
    let failing = true;
    const failOnce = (source: Uint8Array, offset: number): void => {
      if (failing) throw new Error('ENOSPC');
      map.write(source, offset);
    };
    const file = open({
      ...storage,
      open: (name) => (name === 'map' ? { ...map, write: failOnce } : storage.open(name)),
    });
    await expect(file.allocate(0, BLOCK)).rejects.toThrow('ENOSPC');
    failing = false;
    await write(file, 0, new Uint8Array(BLOCK).fill(7));
    expect(read(open(storage), 0, BLOCK)).toEqual(new Uint8Array(BLOCK).fill(7));
  });

  it('keeps a slot for the next who needs one where it could not be made ready', async () => {
    const storage = createMemoryStorage();
    const data = storage.open('data');
    let failing = false;
    const file = open({
      ...storage,
      open: (name) => (name === 'data' ? { ...data, write: (...what) => written(...what) } : storage.open(name)),
    });
    function written(source: Uint8Array, offset: number): void {
      if (failing) throw new Error('ENOSPC');
      data.write(source, offset);
    }
    await write(file, 0, new Uint8Array(2 * CHUNK).fill(7));
    void file.deallocate(0, CHUNK);
    await file.flush();
    const size = data.size();
    failing = true;
    await expect(file.allocate(5 * CHUNK, BLOCK)).rejects.toThrow('ENOSPC');
    failing = false;
    await write(file, 5 * CHUNK, new Uint8Array(BLOCK).fill(8));
    expect(data.size()).toBe(size);
    expect(read(file, 5 * CHUNK, CHUNK)).toEqual(Uint8Array.from({ length: CHUNK }, (_, at) => (at < BLOCK ? 8 : 0)));
  });

  it('frees as many slots at once as a discard of a whole volume gives back', async () => {
    const storage = createMemoryStorage();
    const files = { data: storage.open('data'), map: storage.open('map') };
    const volumeBytes = 200_000 * 64;
    const file = openThinFile(files, { volumeBytes, chunkBytes: 64, blockSize: 64 });
    await file.allocate(0, volumeBytes);
    void file.deallocate(0, volumeBytes);
    await file.flush();
    const size = files.data.size();
    await file.allocate(0, 64);
    expect([file.allocatedCount(), files.data.size()]).toEqual([1, size]);
  });

  it('keeps the slots that were given back where the flush that would free them fails', async () => {
    const storage = createMemoryStorage();
    const data = storage.open('data');
    let failing = false;
    const flush = async (): Promise<void> => {
      if (failing) throw new Error('EIO');
      await data.flush();
    };
    const file = open({ ...storage, open: (name) => (name === 'data' ? { ...data, flush } : storage.open(name)) });
    await write(file, 0, new Uint8Array(2 * CHUNK).fill(7));
    void file.deallocate(0, 2 * CHUNK);
    failing = true;
    await expect(file.flush()).rejects.toThrow('EIO');
    failing = false;
    await file.flush();
    const size = data.size();
    await write(file, 5 * CHUNK, new Uint8Array(2 * CHUNK).fill(8));
    expect(data.size()).toBe(size);
    expect(read(open(storage), 5 * CHUNK, 2 * CHUNK)).toEqual(new Uint8Array(2 * CHUNK).fill(8));
  });

  it('gives no slot twice where everything was forgotten while a flush was under way', async () => {
    const storage = createMemoryStorage();
    const map = storage.open('map');
    let gate = Promise.resolve();
    const flush = async (): Promise<void> => {
      await gate;
      await map.flush();
    };
    const file = open({ ...storage, open: (name) => (name === 'map' ? { ...map, flush } : storage.open(name)) });
    await write(file, 0, new Uint8Array(2 * CHUNK).fill(7));
    void file.deallocate(CHUNK, CHUNK);
    let pass = (): void => undefined;
    gate = new Promise((resolve) => (pass = resolve));
    const flushed = file.flush();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    gate = Promise.resolve();
    await file.erasure.reset();
    pass();
    await flushed;
    for (const chunk of [0, 5, 9]) await write(file, chunk * CHUNK, new Uint8Array(CHUNK).fill(chunk + 1));
    for (const chunk of [0, 5, 9]) expect(read(file, chunk * CHUNK, 1)).toEqual(Uint8Array.of(chunk + 1));
    expect(read(open(storage), 9 * CHUNK, 1)).toEqual(Uint8Array.of(10));
  });

  it('counts what a change that failed half-way has left as data: nobody else may take it for zeros', async () => {
    const storage = createMemoryStorage();
    const data = storage.open('data');
    let failing = false;
    const halfWay = (source: Uint8Array, offset: number): void => {
      data.write(failing ? source.subarray(0, BLOCK) : source, offset);
      if (failing) throw new Error('EIO');
    };
    const file = open({
      ...storage,
      open: (name) => (name === 'data' ? { ...data, write: halfWay } : storage.open(name)),
    });
    for (const chunk of [0, 1]) await file.allocate(chunk * CHUNK, CHUNK);
    await write(file, 0, new Uint8Array(3 * BLOCK).fill(7));
    failing = true;
    expect(() => void file.deallocate(0, 2 * BLOCK)).toThrow('EIO');
    failing = false;
    void file.deallocate(2 * BLOCK, BLOCK);
    failing = true;
    expect(() => file.write(new Uint8Array(2 * BLOCK).fill(8), CHUNK)).toThrow('EIO');
    expect(read(file, 0, 2 * BLOCK)).toContain(7);
    expect(read(file, CHUNK, 2 * BLOCK)).toContain(8);
    expect(file.allocatedBits()[0]! & 3).toBe(3);
    expect(file.holeAt(BLOCK)).toMatchObject({ hole: false });
    expect(file.holeAt(CHUNK)).toMatchObject({ hole: false });
  });

  it('equals a plain array of bytes through any mix of writes, deallocations, flushes and restarts', async () => {
    const random = createSeededRandom(5);
    const storage = createMemoryStorage();
    const model = new Uint8Array(CHUNKS * CHUNK);
    let file = open(storage);
    for (let step = 0; step < 600; step += 1) {
      const offset = random.below(CHUNKS * 8) * BLOCK;
      const length = Math.min(model.length - offset, (1 + random.below(20)) * BLOCK);
      const data = random.bytes(length);
      switch (random.below(5)) {
        case 0:
        case 1:
          await write(file, offset, data);
          model.set(data, offset);
          break;
        case 2:
          void file.deallocate(offset, length);
          model.fill(0, offset, offset + length);
          break;
        case 3:
          await file.flush();
          break;
        default:
          file = open(storage);
      }
      expect(Buffer.compare(read(file), model)).toBe(0);
    }
    expect(storage.open('data').size()).toBeLessThanOrEqual((CHUNKS + 1) * CHUNK);
  });

  it('takes room for what was written, not for its size', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    await write(file, 19 * CHUNK, new Uint8Array(BLOCK).fill(1));
    expect(file.allocatedCount()).toBe(1);
    expect(storage.open('data').size()).toBeLessThanOrEqual(CHUNK);
  });

  it('uses the slot of a deallocated chunk again, with no trace of what was in it', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    await write(file, 5 * CHUNK, new Uint8Array(CHUNK).fill(0xaa));
    void file.deallocate(5 * CHUNK, CHUNK);
    await file.flush();
    await write(file, 9 * CHUNK, new Uint8Array(BLOCK).fill(0xbb));
    expect(storage.open('data').size()).toBe(CHUNK);
    expect(read(file, 9 * CHUNK + BLOCK, CHUNK - BLOCK).every((byte) => byte === 0)).toBe(true);
  });

  it('does not give a slot to another before the map has durably forgotten its owner', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    await write(file, 0, new Uint8Array(CHUNK).fill(1));
    void file.deallocate(0, CHUNK);
    await write(file, 5 * CHUNK, new Uint8Array(CHUNK).fill(2));
    expect(storage.open('data').size()).toBe(2 * CHUNK);
  });

  it('knows blocks without data until it is opened again, and then takes them for data', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    await write(file, BLOCK, new Uint8Array(2 * BLOCK).fill(1));
    expect(file.holeAt(0)).toEqual({ hole: true, end: BLOCK });
    expect(file.holeAt(BLOCK)).toEqual({ hole: false, end: 3 * BLOCK });
    expect(file.holeAt(3 * BLOCK)).toEqual({ hole: true, end: CHUNK });
    void file.deallocate(2 * BLOCK, BLOCK);
    expect(file.holeAt(2 * BLOCK).hole).toBe(true);
    expect(open(storage).holeAt(0)).toEqual({ hole: false, end: CHUNK });
    expect(open(storage).holeAt(CHUNK)).toEqual({ hole: true, end: CHUNKS * CHUNK });
  });

  it('tells of neighbouring chunks of one kind at once', async () => {
    const storage = createMemoryStorage();
    await write(open(storage), 5 * CHUNK, new Uint8Array(3 * CHUNK).fill(1));
    const file = open(storage);
    expect(file.holeAt(CHUNK)).toEqual({ hole: true, end: 5 * CHUNK });
    expect(file.holeAt(5 * CHUNK)).toEqual({ hole: false, end: 8 * CHUNK });
    void file.deallocate(7 * CHUNK, BLOCK);
    expect(file.holeAt(5 * CHUNK)).toEqual({ hole: false, end: 7 * CHUNK });
    expect(file.holeAt(7 * CHUNK)).toEqual({ hole: true, end: 7 * CHUNK + BLOCK });
  });

  it('refuses a map in which two chunks share a slot', async () => {
    const storage = createMemoryStorage();
    storage.open('map').write(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1), 0);
    expect(() => open(storage)).toThrow(ThinFileError);
  });

  it('gives slots back to use before the file grows without end, also where nobody flushes', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    for (let round = 0; round < 400; round += 1) {
      await write(file, 0, new Uint8Array(CHUNK).fill(1));
      void file.deallocate(0, CHUNK);
    }
    expect(storage.open('data').size() / CHUNK).toBeLessThanOrEqual(2 * CHUNKS + 2 * 32);
    expect(read(file)).toEqual(new Uint8Array(CHUNKS * CHUNK));
  });

  it('refuses a map that names a slot which no file of this size has', () => {
    const storage = createMemoryStorage();
    storage.open('map').write(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 4);
    expect(() => open(storage)).toThrow(/chunk 1 is in slot 4294967294, and there are at most/);
  });

  it('reaches as far as any slot given', async () => {
    const storage = createMemoryStorage();
    const file = open(storage);
    await write(file, 5 * CHUNK, new Uint8Array(BLOCK).fill(1));
    expect(storage.open('data').size()).toBe(CHUNK);
  });
});
