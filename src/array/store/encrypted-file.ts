import { isAllZero } from '../../base/bytes.ts';
import type { StorageFile } from '../../base/storage.ts';
import { SECTOR_BYTES, type SectorCipher } from './sector-cipher.ts';

/**
 * A file whose sectors are stored encrypted, each with its place in the file. A sector that is stored as zeros is one that
 * nobody has written (a hole, the end of a file that was made longer), and reads as zeros: of what is written, all zeros come
 * out of the cipher for one content of 2^4096.
 *
 * `cipher` is asked anew at each access. Offsets and lengths are whole sectors. `truncate` and `size` are those of the file.
 */
export function encryptedFile(file: StorageFile, cipher: () => SectorCipher): StorageFile {
  return {
    ...file,
    read(target, offset) {
      assertSectors(file.name, offset, target.length);
      file.read(target, offset);
      if (isAllZero(target)) return;
      const unwritten = zeroSectors(target);
      target.set(cipher().decrypt(target, offset / SECTOR_BYTES));
      for (const at of unwritten) target.fill(0, at, at + SECTOR_BYTES);
    },
    write(source, offset) {
      assertSectors(file.name, offset, source.length);
      if (source.length > 0) file.write(cipher().encrypt(source, offset / SECTOR_BYTES), offset);
    },
  };
}

function zeroSectors(stored: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = 0; at < stored.length; at += SECTOR_BYTES) {
    if (isAllZero(stored.subarray(at, at + SECTOR_BYTES))) places.push(at);
  }
  return places;
}

function assertSectors(name: string, offset: number, length: number): void {
  if (offset % SECTOR_BYTES === 0 && length % SECTOR_BYTES === 0) return;
  throw new RangeError(`${name}: ${length} bytes at ${offset} are not whole sectors`);
}
