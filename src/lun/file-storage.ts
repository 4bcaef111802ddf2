import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Storage, StorageFile } from '../base/storage.ts';
import { createGroupCommit } from './group-commit.ts';

/** The file system calls in use; a test hands in others to make short writes and failures. */
export interface FileSystem {
  openSync(path: string, flags: number, mode?: number): number;
  closeSync(fd: number): void;
  readSync(fd: number, target: Uint8Array, offset: number, length: number, position: number): number;
  writeSync(fd: number, source: Uint8Array, offset: number, length: number, position: number): number;
  fstatSync(fd: number): { size: number };
  ftruncateSync(fd: number, size: number): void;
  fdatasync(fd: number, callback: (error: Error | null) => void): void;
  fsync(fd: number, callback: (error: Error | null) => void): void;
  existsSync(path: string): boolean;
  mkdirSync(path: string, options: { recursive: true }): unknown;
  readdirSync(path: string, options: { withFileTypes: true }): { name: string; isFile(): boolean }[];
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
}

/**
 * Storage in a directory, which is made where it does not exist. Names are plain file names.
 *
 * Reads and writes go through the page cache and are synchronous; `flush` is fdatasync, shared by all who wait. The first flush of a
 * file makes its directory entry durable, too, also of one that was there: whoever created it may have been killed before he did.
 */
export function createFileStorage(directory: string, fileSystem: FileSystem = fs): Storage {
  fileSystem.mkdirSync(directory, { recursive: true });
  const directoryCommit = createGroupCommit(() => flushDirectory(fileSystem, directory));
  const durable = new Set<string>();
  const flushEntry = async (name: string): Promise<void> => {
    if (durable.has(name)) return;
    await directoryCommit.flush();
    durable.add(name);
  };

  return {
    open(name) {
      const path = pathOf(directory, name);
      if (!fileSystem.existsSync(path)) durable.delete(name);
      return openFile(fileSystem, path, name, () => flushEntry(name));
    },
    exists: (name) => fileSystem.existsSync(pathOf(directory, name)),
    list: () => plainFiles(fileSystem, directory),
    async rename(from, to) {
      fileSystem.renameSync(pathOf(directory, from), pathOf(directory, to));
      await directoryCommit.flush();
    },
    async remove(name) {
      fileSystem.unlinkSync(pathOf(directory, name));
      await directoryCommit.flush();
    },
  };
}

/** The same directory for whoever only looks: nothing is made, every change is refused, also one of a file's length. */
export function createReadOnlyStorage(directory: string, fileSystem: FileSystem = fs): Storage {
  const refuse = (): never => {
    throw new Error(`${directory} is only read`);
  };
  const paths = (name: string): string => pathOf(directory, name);
  return {
    open: (name) => openReadOnly(fileSystem, paths(name), name, refuse),
    exists: (name) => fileSystem.existsSync(paths(name)),
    list: () => plainFiles(fileSystem, directory),
    rename: async () => refuse(),
    remove: async () => refuse(),
  };
}

function openReadOnly(fileSystem: FileSystem, path: string, name: string, refuse: () => never): StorageFile {
  const fd = fileSystem.openSync(path, fs.constants.O_RDONLY);
  return {
    name,
    size: () => fileSystem.fstatSync(fd).size,
    read: (target, offset) => readWhole(fileSystem, fd, target, offset),
    write: refuse,
    truncate: refuse,
    flush: async () => refuse(),
    close: () => fileSystem.closeSync(fd),
  };
}

function plainFiles(fileSystem: FileSystem, directory: string): string[] {
  return fileSystem
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted();
}

function pathOf(directory: string, name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new RangeError(`not a plain file name: ${JSON.stringify(name)}`);
  }
  return join(directory, name);
}

async function flushDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  const fd = fileSystem.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await promisify(fileSystem.fsync.bind(fileSystem))(fd);
  } finally {
    fileSystem.closeSync(fd);
  }
}

function openFile(fileSystem: FileSystem, path: string, name: string, flushEntry: () => Promise<void>): StorageFile {
  const fd = fileSystem.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  const sync = promisify(fileSystem.fdatasync.bind(fileSystem));
  let open = true;
  let syncing = false;
  const commit = createGroupCommit(async () => {
    assertOpen();
    syncing = true;
    try {
      await sync(fd);
    } finally {
      syncing = false;
      if (!open) fileSystem.closeSync(fd);
    }
    await flushEntry();
  });
  const assertOpen = (): void => {
    if (!open) throw new Error(`${name} is closed`);
  };

  return {
    name,
    size() {
      assertOpen();
      return fileSystem.fstatSync(fd).size;
    },
    read(target, offset) {
      assertOpen();
      readWhole(fileSystem, fd, target, offset);
    },
    write(source, offset) {
      assertOpen();
      writeWhole(fileSystem, fd, source, offset, name);
    },
    truncate(size) {
      assertOpen();
      fileSystem.ftruncateSync(fd, size);
    },
    async flush() {
      assertOpen();
      await commit.flush();
    },
    close() {
      // While the kernel works on the descriptor it must stay: its number could be given to another file.
      if (open && !syncing) fileSystem.closeSync(fd);
      open = false;
    },
  };
}

function readWhole(fileSystem: FileSystem, fd: number, target: Uint8Array, offset: number): void {
  let done = 0;
  while (done < target.length) {
    const count = fileSystem.readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  target.fill(0, done);
}

function writeWhole(fileSystem: FileSystem, fd: number, source: Uint8Array, offset: number, name: string): void {
  let done = 0;
  while (done < source.length) {
    const count = fileSystem.writeSync(fd, source, done, source.length - done, offset + done);
    if (count === 0) throw new Error(`${name}: wrote ${done} of ${source.length} bytes at ${offset}`);
    done += count;
  }
}
