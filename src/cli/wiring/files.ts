import { access, mkdir, open, readFile, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Files } from '../services.ts';

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
  async create(path) {
    const file = await open(path, 'w');
    return { write: (bytes) => file.writeFile(bytes), close: () => file.close() };
  },
};

async function writeAtomically(path: string, content: Uint8Array | string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  const file: FileHandle = await open(temporary, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
