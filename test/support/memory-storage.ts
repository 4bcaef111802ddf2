import type { Storage, StorageFile } from '../../src/base/storage.ts';

/** Storage in memory whose flushes always succeed; the simulator has one that loses, tears and fails. */
export function createMemoryStorage(): Storage {
  const files = new Map<string, { bytes: Uint8Array; size: number }>();

  function resize(file: { bytes: Uint8Array; size: number }, size: number): void {
    if (size > file.bytes.length) {
      const larger = new Uint8Array(Math.max(size, file.bytes.length * 2));
      larger.set(file.bytes.subarray(0, file.size));
      file.bytes = larger;
    }
    if (size < file.size) file.bytes.fill(0, size, file.size);
    file.size = size;
  }

  function open(name: string): StorageFile {
    if (!files.has(name)) files.set(name, { bytes: new Uint8Array(0), size: 0 });
    const file = files.get(name)!;
    return {
      name,
      size: () => file.size,
      read(target, offset) {
        const stored = file.bytes.subarray(offset, Math.max(offset, Math.min(offset + target.length, file.size)));
        target.set(stored);
        target.fill(0, stored.length);
      },
      write(source, offset) {
        if (offset + source.length > file.size) resize(file, offset + source.length);
        file.bytes.set(source, offset);
      },
      truncate: (size) => resize(file, size),
      flush: () => Promise.resolve(),
      close: () => undefined,
    };
  }

  return {
    open,
    exists: (name) => files.has(name),
    list: () => [...files.keys()].toSorted(),
    async rename(from, to) {
      const file = files.get(from);
      if (!file) throw new Error(`no file ${from}`);
      files.delete(from);
      files.set(to, file);
    },
    async remove(name) {
      if (!files.delete(name)) throw new Error(`no file ${name}`);
    },
  };
}
