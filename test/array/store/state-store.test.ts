import { describe, expect, it } from 'vitest';
import type { Storage } from '../../../src/base/storage.ts';
import { initialState, type ArrayState } from '../../../src/array/store/array-state.ts';
import { openStateLog } from '../../../src/array/store/state-log.ts';
import { openStateStore } from '../../../src/array/store/state-store.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const INITIAL: ArrayState = initialState({
  format: 1,
  serial: 'KY000001',
  name: 'kyoto',
  targetName: 'iqn.2026-11.io.cdctl:kyoto',
  listen: { host: '127.0.0.1', port: 0 },
  volumes: [{ lun: 10, name: 'data', kind: 'volume', blockSize: 512, blockCount: 64 }],
  remotes: [],
  lunMap: [],
  commandDevices: [],
});

async function storageWith(...entries: object[]): Promise<Storage> {
  const storage = createMemoryStorage();
  const { log } = await openStateLog<object>(storage, () => []);
  for (const entry of entries) await log.append(entry);
  // Only files of an array that was served stand beside the log.
  storage.open('lun-10.data');
  return storage;
}

function bytesOf(storage: Storage): Record<string, string> {
  return Object.fromEntries(
    storage.list().map((name) => {
      const file = storage.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      return [name, Buffer.from(bytes).toString('hex')];
    }),
  );
}

const open = (storage: Storage, serial = 'KY000001') => openStateStore(storage, serial, () => INITIAL);

/** The storage must be refused with these words, and be as it was. */
async function refused(storage: Storage, words: RegExp, serial?: string): Promise<void> {
  const before = bytesOf(storage);
  await expect(open(storage, serial)).rejects.toThrow(words);
  expect(bytesOf(storage)).toEqual(before);
}

describe('the state store refuses, and leaves alone', () => {
  it('the storage of another array', async () => {
    const storage = createMemoryStorage();
    const store = await open(storage);
    await store.update((state) => ({ ...state, incarnation: 1 }));
    store.close();
    await refused(storage, /storage of array KY000001, not of OS000001/, 'OS000001');
    expect((await open(storage)).state().incarnation).toBe(1);
  });

  it('a format that it does not know', async () => {
    const state = { ...INITIAL, pairsOfTheFuture: [] };
    await refused(await storageWith({ format: 2, serial: 'KY000001', state }), /format 2 is unknown to this version/);
    await refused(await storageWith({ format: 2, tables: {} }), /format 2 is unknown/);
  });

  it('tables that are not what they should be', async () => {
    const withGroup = (group: object) => ({ state: { ...INITIAL, groups: [group] } });
    await refused(await storageWith({ state: { ...INITIAL, volumes: 'none' } }), /record\.state\.volumes: got "none"/);
    await refused(await storageWith({ state: { ...INITIAL, incarnation: -1 } }), /incarnation: got -1/);
    await refused(await storageWith(withGroup({ name: 'oradb' })), /groups\[0\]\.role/);
    await refused(await storageWith({ requests: [{ requestId: 'x' }] }), /requests\[0\]\.requestId/);
    await refused(await storageWith({ requests: [] }), /no record of the log holds the tables/);
  });

  it('a log that was emptied though the array has been served', async () => {
    await refused(await storageWith(), /no record in it can be read, though lun-10.data/);
  });

  it('outcomes of commands with a gap between them', async () => {
    const request = (commandNumber: number) => ({
      requestId: commandNumber.toString(16).padStart(32, '0'),
      process: 1,
      inputCrc: 0,
      status: 0,
      editedData: '',
      commandNumber,
    });
    const entries = [{ state: INITIAL, requests: [request(1)] }, { requests: [request(3)] }];
    await refused(await storageWith(...entries), /entry 3 does not follow 1/);
  });

  it('nothing that it wrote itself, nor a store without marks', async () => {
    const storage = await storageWith({ state: { ...INITIAL, incarnation: 4 } });
    const store = await open(storage);
    expect(store.state().incarnation).toBe(4);
    await store.update((state) => ({ ...state, incarnation: 5 }));
    store.close();
    expect((await open(storage)).state().incarnation).toBe(5);
  });
});
