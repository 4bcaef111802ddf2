import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileStorage, type FileSystem } from '../../src/lun/file-storage.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'cdctl-storage-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true });
});

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('file storage', () => {
  it('reads what was written, zeros in holes and beyond the end', () => {
    const file = createFileStorage(directory).open('volume');
    file.write(bytes(1, 2, 3), 10);
    const target = new Uint8Array(8).fill(9);
    file.read(target, 8);
    expect([...target]).toEqual([0, 0, 1, 2, 3, 0, 0, 0]);
    expect(file.size()).toBe(13);
    expect([...fs.readFileSync(join(directory, 'volume'))].slice(10)).toEqual([1, 2, 3]);
    file.close();
  });

  it('cuts and extends sparsely', () => {
    const file = createFileStorage(directory).open('volume');
    file.truncate(2 ** 40);
    expect(file.size()).toBe(2 ** 40);
    expect(fs.statSync(join(directory, 'volume')).blocks).toBeLessThan(64);
    file.truncate(1);
    expect(file.size()).toBe(1);
    file.close();
  });

  it('lists, renames and removes', async () => {
    const storage = createFileStorage(join(directory, 'made', 'here'));
    storage.open('b').close();
    storage.open('a').close();
    expect(storage.list()).toEqual(['a', 'b']);
    await storage.rename('a', 'b');
    expect(storage.list()).toEqual(['b']);
    await storage.remove('b');
    expect(storage.exists('b')).toBe(false);
  });

  it.each(['', '.', '..', 'a/b', '../x', 'a\0'])('refuses the name %j', (name) => {
    expect(() => createFileStorage(directory).open(name)).toThrow(/plain file name/);
  });

  it('finishes short reads and writes', () => {
    const short: FileSystem = {
      ...fs,
      readSync: (fd, target, offset, length, position) =>
        fs.readSync(fd, target, offset, Math.min(2, length), position),
      writeSync: (fd, source, offset, length, position) =>
        fs.writeSync(fd, source, offset, Math.min(3, length), position),
    };
    const file = createFileStorage(directory, short).open('volume');
    file.write(bytes(1, 2, 3, 4, 5, 6, 7), 0);
    const target = new Uint8Array(7);
    file.read(target, 0);
    expect([...target]).toEqual([1, 2, 3, 4, 5, 6, 7]);
    file.close();
  });

  it('throws where a write makes no progress or has no room', () => {
    const stuck = createFileStorage(directory, { ...fs, writeSync: () => 0 }).open('stuck');
    expect(() => stuck.write(bytes(1), 0)).toThrow(/wrote 0 of 1 bytes/);
    const noRoom = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const full = createFileStorage(directory, {
      ...fs,
      writeSync: () => {
        throw noRoom;
      },
    }).open('full');
    expect(() => full.write(bytes(1), 0)).toThrow('ENOSPC');
  });
});

describe('flush', () => {
  type Pending = (error: Error | null) => void;

  function withManualSync(): { fileSystem: FileSystem; syncs: Pending[]; directorySyncs: () => number } {
    const syncs: Pending[] = [];
    let directorySyncs = 0;
    const fileSystem: FileSystem = {
      ...fs,
      fdatasync: (_fd, callback) => void syncs.push(callback),
      fsync: (_fd, callback) => {
        directorySyncs++;
        callback(null);
      },
    };
    return { fileSystem, syncs, directorySyncs: () => directorySyncs };
  }

  async function turns(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  it('lets callers that come during one flush share the next', async () => {
    const { fileSystem, syncs } = withManualSync();
    const file = createFileStorage(directory, fileSystem).open('volume');
    const order: string[] = [];
    const note = (name: string) => (): void => void order.push(name);
    const first = file.flush().then(note('first'));
    const second = file.flush().then(note('second'));
    const third = file.flush().then(note('third'));
    expect(syncs).toHaveLength(1);
    syncs[0]!(null);
    await first;
    await turns();
    expect(order).toEqual(['first']);
    expect(syncs).toHaveLength(2);
    const fourth = file.flush().then(note('fourth'));
    syncs[1]!(null);
    await Promise.all([second, third]);
    await turns();
    expect(order).toEqual(['first', 'second', 'third']);
    expect(syncs).toHaveLength(3);
    syncs[2]!(null);
    await fourth;
    file.close();
  });

  it('makes the directory entry of a new file durable, once', async () => {
    const { fileSystem, syncs, directorySyncs } = withManualSync();
    const immediate = { ...fileSystem, fdatasync: (_fd: number, callback: Pending) => callback(null) };
    const file = createFileStorage(directory, immediate).open('volume');
    await file.flush();
    await file.flush();
    expect(directorySyncs()).toBe(1);
    file.close();
    expect(syncs).toEqual([]);
  });

  it('makes that of a file durable which a process has left that may have been killed before', async () => {
    const { fileSystem, directorySyncs } = withManualSync();
    const immediate = { ...fileSystem, fdatasync: (_fd: number, callback: Pending) => callback(null) };
    createFileStorage(directory, immediate).open('volume').close();
    const storage = createFileStorage(directory, immediate);
    for (const _life of [1, 2]) {
      const again = storage.open('volume');
      await again.flush();
      again.close();
      expect(directorySyncs()).toBe(1);
    }
    await storage.remove('volume');
    const anew = storage.open('volume');
    await anew.flush();
    expect(directorySyncs()).toBe(3);
    anew.close();
  });

  it('keeps the descriptor until the kernel is done with it', async () => {
    const { fileSystem, syncs } = withManualSync();
    const closed: number[] = [];
    const file = createFileStorage(directory, {
      ...fileSystem,
      closeSync: (fd) => {
        closed.push(fd);
        fs.closeSync(fd);
      },
    }).open('volume');
    const flush = file.flush();
    const late = file.flush();
    file.close();
    expect(closed).toEqual([]);
    syncs[0]!(null);
    await expect(late).rejects.toThrow('closed');
    await flush;
    expect(closed.length).toBeGreaterThan(0);
    await expect(file.flush()).rejects.toThrow('closed');
  });

  it('is dead for ever after one failure, for waiters too', async () => {
    const { fileSystem, syncs } = withManualSync();
    const file = createFileStorage(directory, fileSystem).open('volume');
    const first = file.flush();
    const waiter = file.flush();
    syncs[0]!(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
    await expect(first).rejects.toThrow('EIO');
    await expect(waiter).rejects.toThrow('EIO');
    await expect(file.flush()).rejects.toThrow('EIO');
    expect(syncs).toHaveLength(1);
    file.close();
  });
});
