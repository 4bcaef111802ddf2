import { constants } from 'node:fs';
import { access, open, readFile, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomHex } from '../../base/random.ts';
import { createRealRandom } from '../../lun/real-random.ts';
import { createRealClock } from '../../lun/real-clock.ts';
import { readToEnd } from '../bounded-input.ts';
import { CliError } from '../cli-error.ts';
import type { FileSource, Files } from '../services.ts';
import { makeDirectory } from './make-directory.ts';

/** The file system, for configuration, images and blocks. */
export const realFiles: Files = {
  exists: async (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
  read: async (path) => new Uint8Array(await readFile(path)),
  readText: (path) => readFile(path, 'utf8'),
  mode: async (path) => (await stat(path)).mode & 0o777,
  write: writeAtomically,
  async open(path) {
    const file = await open(path, 'r');
    return closingOnError(file, () => openedSource(path, file));
  },
  async openImage(path, byteLength, fresh) {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    const release = await closingOnError(file, () => holdImage(path, file));
    const close = async (): Promise<void> => {
      await file.close();
      await release();
    };
    try {
      if (fresh) await file.truncate(0);
      await file.truncate(byteLength);
    } catch (error) {
      // It has nothing, and never will: a size that the file system refuses.
      if (fresh) await unlink(path).catch(() => undefined);
      await close();
      throw error;
    }
    return {
      ...sourceOf(file, byteLength),
      write: (offset, bytes) => writeWhole(file, offset, bytes),
      flush: () => file.datasync(),
      close,
    };
  },
  async checkReplaceable(path) {
    const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (facts && !facts.isFile()) throw new Error('there is something that is no regular file, and would be replaced');
  },
  rename: renameDurably,
};

async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  const directory = await open(dirname(to), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Two at once would make one image of both, and the one that ends first would call it whole. Gives what lets go of it. */
async function holdImage(path: string, file: FileHandle): Promise<() => Promise<void>> {
  const { createLocks } = await import('./locks.ts');
  const { dev, ino } = await file.stat();
  const lock = await createLocks(createRealClock()).acquire(`image-${dev}-${ino}`, 'lun');
  const inUse = (why: string): CliError =>
    new CliError('busy', {
      what: 'the file is being written already',
      where: path,
      why,
      next: 'let it end, or name another file',
    });
  if (!lock.held) throw inUse(`${lock.holder ? `process ${lock.holder.pid}` : 'another process'} writes it`);
  const now = await stat(path).catch(() => undefined);
  if (now?.dev === dev && now.ino === ino) return () => lock.release();
  await lock.release();
  throw inUse('another process has just ended with it');
}

/** A pipe, or a file of /proc, tells no length: it is read to its end first, as far as that can be held. */
async function openedSource(path: string, file: FileHandle): Promise<FileSource> {
  const facts = await file.stat();
  if (facts.isBlockDevice()) throw new Error('a block device is named /dev/...');
  if (facts.isFile() && facts.size > 0) return sourceOf(file, facts.size);
  const bytes = await readToEnd(path, file.createReadStream({ autoClose: false }));
  const read = async (offset: number, length: number): Promise<Uint8Array> => bytes.subarray(offset, offset + length);
  return { byteLength: bytes.length, read, close: () => file.close() };
}

async function closingOnError<T>(file: FileHandle, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await file.close();
    throw error;
  }
}

function sourceOf(file: FileHandle, byteLength: number): FileSource {
  return {
    byteLength,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafeSlow(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    close: () => file.close(),
  };
}

async function writeWhole(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

async function writeAtomically(path: string, content: Uint8Array | string, mode = 0o644): Promise<void> {
  await makeDirectory(dirname(path));
  // Under a name that nobody can guess, and only where nothing is: in a directory of others a link may lie in wait.
  const temporary = `${path}.${randomHex(createRealRandom(), 8)}.new`;
  const file: FileHandle = await open(temporary, 'wx', mode);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameDurably(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
