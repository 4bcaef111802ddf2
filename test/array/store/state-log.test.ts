import { describe, expect, it } from 'vitest';
import { COMPACT_BYTES, openStateLog, StateLogError } from '../../../src/array/store/state-log.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

async function written(storage: Storage, values: readonly unknown[]): Promise<Uint8Array> {
  const { log } = await openStateLog<unknown>(storage, () => []);
  for (const value of values) await log.append(value);
  return contents(storage);
}

function contents(storage: Storage): Uint8Array {
  const file = storage.open('state');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0);
  return bytes;
}

function storageWith(bytes: Uint8Array): Storage {
  const storage = createMemoryStorage();
  storage.open('state').write(bytes, 0);
  return storage;
}

const VALUES = [{ a: 1 }, { b: 'zwei' }, { c: [3, 3, 3] }];

describe('state log', () => {
  it('gives back what was appended, in order', async () => {
    const storage = createMemoryStorage();
    await written(storage, VALUES);
    expect((await openStateLog(storage, () => [])).entries).toEqual(VALUES);
  });

  it('takes any torn tail for a commit that was never confirmed', async () => {
    const whole = await written(createMemoryStorage(), VALUES);
    const two = (await written(createMemoryStorage(), VALUES.slice(0, 2))).length;
    for (let length = two; length < whole.length; length += 1) {
      const storage = storageWith(whole.subarray(0, length));
      expect((await openStateLog(storage, () => [])).entries).toEqual(VALUES.slice(0, 2));
      expect(contents(storage).length).toBe(two);
    }
  });

  it('refuses to open where a damaged record has a valid one behind it', async () => {
    const whole = await written(createMemoryStorage(), VALUES);
    const first = (await written(createMemoryStorage(), VALUES.slice(0, 1))).length;
    for (let at = 0; at < first; at += 1) {
      const bytes = whole.slice();
      bytes[at]! ^= 0x40;
      await expect(openStateLog(storageWith(bytes), () => [])).rejects.toThrow(StateLogError);
    }
  });

  it('continues behind a torn tail', async () => {
    const whole = await written(createMemoryStorage(), VALUES);
    const storage = storageWith(whole.subarray(0, whole.length - 1));
    const { log } = await openStateLog<unknown>(storage, () => []);
    await log.append({ d: 4 });
    expect((await openStateLog(storage, () => [])).entries).toEqual([...VALUES.slice(0, 2), { d: 4 }]);
  });

  it('replaces the log by a snapshot when it has grown large', async () => {
    const storage = createMemoryStorage();
    const { log } = await openStateLog<unknown>(storage, () => [{ snapshot: true }]);
    await log.append({ large: 'x'.repeat(COMPACT_BYTES) });
    await log.append({ after: 1 });
    expect((await openStateLog(storage, () => [])).entries).toEqual([{ snapshot: true }, { after: 1 }]);
  });

  it('fails for ever once the storage has failed', async () => {
    const storage = createMemoryStorage();
    let failing = false;
    const open = (name: string) => {
      const file = storage.open(name);
      return { ...file, flush: () => (failing ? Promise.reject(new Error('EIO')) : file.flush()) };
    };
    const { log } = await openStateLog<unknown>({ ...storage, open }, () => []);
    await log.append(1);
    failing = true;
    await expect(log.append(2)).rejects.toThrow('EIO');
    failing = false;
    await expect(log.append(3)).rejects.toThrow('EIO');
  });
});
