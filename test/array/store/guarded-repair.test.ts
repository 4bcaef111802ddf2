import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { GuardedFileError, openGuardedFile } from '../../../src/array/store/guarded-file.ts';
import { settleGuardedFile } from '../../../src/array/store/guarded-repair.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const BYTES = 504;
const ZEROS = new Uint8Array(512);
const GARBAGE = new Uint8Array(512).fill(0xa5);
/** Written by a version that wrote each piece once, and by this one. */
const old = (version: number): Uint8Array => sector(version, version);
const twice = (version: number): Uint8Array => sector(0x8000_0000 + version, version);

/** As src/array/store/README.md describes it. */
function sector(version: number, content: number): Uint8Array {
  const bytes = Buffer.alloc(512, content);
  bytes.writeUInt32BE(version, 504);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 508)), 508);
  return bytes;
}

/** One piece; 'EIO' in place of a sector: the disk does not give it before it is written. */
function diskOf(...sectors: readonly (Uint8Array | 'EIO')[]) {
  const memory = createMemoryStorage();
  const unreadable = new Set([0, 1, 2].filter((copy) => sectors[copy] === 'EIO'));
  const inner = memory.open('map');
  for (const [copy, bytes] of sectors.entries()) inner.write(bytes === 'EIO' ? GARBAGE : bytes, copy * 512);
  const file: StorageFile = {
    ...inner,
    read(target, offset) {
      for (let at = offset; at < offset + target.length; at += 512)
        if (unreadable.has(at / 512)) throw new Error('EIO');
      inner.read(target, offset);
    },
    write(source, offset) {
      for (let at = offset; at < offset + source.length; at += 512) unreadable.delete(at / 512);
      inner.write(source, offset);
    },
  };
  const storage: Storage = { ...memory, open: () => file };
  return { storage, file };
}

async function served(...sectors: readonly (Uint8Array | 'EIO')[]): Promise<number | string> {
  const { storage, file } = diskOf(...sectors);
  await settleGuardedFile(storage, 'map', BYTES);
  try {
    const bytes = new Uint8Array(1);
    openGuardedFile(file, BYTES).read(bytes, 0);
    return bytes[0]!;
  } catch (error) {
    expect(error).toBeInstanceOf(GuardedFileError);
    return (error as Error).message;
  }
}

const lost = 'map: none of the three sectors of the piece at byte 0 is valid: what it held is lost';
const unsure = (copy: number): string =>
  `map: the sector at byte ${copy * 512} cannot be read, and may be the newest of its piece`;

describe('a piece of a guarded file', () => {
  it.each([
    ['that stands twice and once older', [twice(7), twice(7), twice(6)], 7],
    ['one of whose two newest sectors has rotted', [GARBAGE, twice(7), twice(6)], 7],
    ['the other of whose two newest sectors has rotted', [twice(7), GARBAGE, twice(6)], 7],
    ['whose older sector has rotted', [twice(7), twice(7), GARBAGE], 7],
    ['that a power cut left in one sector', [twice(6), GARBAGE, twice(7)], 7],
    ['of both versions', [twice(6), old(200), old(199)], 6],
    ['of an older version', [old(8), old(7), old(6)], 8],
    ['that was never written', [ZEROS, ZEROS, ZEROS], 0],
    ['of which the first write was torn', [GARBAGE, GARBAGE, ZEROS], 0],
    ['of which a sector of the first write was torn', [ZEROS, GARBAGE, ZEROS], 0],
    ['of which no sector is left', [GARBAGE, GARBAGE, GARBAGE], lost],
    ['of which two are garbage, and the third was overwritten with zeros', [ZEROS, GARBAGE, GARBAGE], lost],
    ['whose older sector cannot be read', [twice(7), twice(7), 'EIO'], 7],
    ['one of whose newest sectors cannot be read', ['EIO', twice(7), twice(6)], 7],
    ['of one version, of which one sector cannot be read', [twice(1), 'EIO', ZEROS], 1],
    ['whose newest sector may be the one that cannot be read', [old(7), old(6), 'EIO'], unsure(2)],
    ['of which another sector was torn', [GARBAGE, 'EIO', twice(6)], unsure(1)],
    ['of which one sector was never written and one cannot be read', ['EIO', ZEROS, ZEROS], unsure(0)],
    ['of which two sectors cannot be read', ['EIO', twice(7), 'EIO'], unsure(0)],
  ] as const)('%s', async (_what, sectors, expected) => {
    expect(await served(...sectors)).toBe(expected);
  });

  it('has versions that go round', async () => {
    expect(await served(sector(0xffff_ffff, 8), sector(0xffff_ffff, 8), sector(0x8000_0000, 9))).toBe(9);
    const { file } = diskOf(sector(0xffff_ffff, 8), sector(0xffff_ffff, 8), ZEROS);
    openGuardedFile(file, BYTES).write(Uint8Array.of(1), 0);
    const bytes = new Uint8Array(1);
    openGuardedFile(file, BYTES).read(bytes, 0);
    expect(bytes[0]).toBe(1);
  });

  it.each([
    [
      [GARBAGE, twice(7), twice(6)],
      [twice(7), twice(7), twice(6)],
    ],
    [
      [twice(7), twice(7), GARBAGE],
      [twice(7), twice(7), twice(7)],
    ],
    [
      [twice(7), 'EIO', twice(6)],
      [twice(7), twice(7), twice(6)],
    ],
    [
      [old(8), old(7), old(6)],
      [old(8), old(7), old(8)],
    ],
    [
      [twice(7), twice(7), twice(6)],
      [twice(7), twice(7), twice(6)],
    ],
    [
      [GARBAGE, GARBAGE, GARBAGE],
      [GARBAGE, GARBAGE, GARBAGE],
    ],
  ] as const)('is made good at a start (%#)', async (before, after) => {
    const { storage, file } = diskOf(...before);
    await settleGuardedFile(storage, 'map', BYTES);
    const bytes = new Uint8Array(3 * 512);
    file.read(bytes, 0);
    expect(Buffer.compare(bytes, Buffer.concat(after))).toBe(0);
  });

  it('is not served where it cannot be made to stand twice', async () => {
    const { storage, file } = diskOf(twice(7), GARBAGE, twice(6));
    const full = {
      ...file,
      write: () => {
        throw new Error('ENOSPC');
      },
    };
    await expect(settleGuardedFile({ ...storage, open: () => full }, 'map', BYTES)).rejects.toThrow(/^map: .*ENOSPC/);
  });

  it('is written again whole after a flush that failed', async () => {
    const { file } = diskOf(ZEROS);
    let failing = true;
    const guarded = openGuardedFile(
      { ...file, flush: () => (failing ? Promise.reject(new Error('EIO')) : Promise.resolve()) },
      BYTES,
    );
    guarded.write(Uint8Array.of(3), 0);
    await expect(guarded.flush()).rejects.toThrow('EIO');
    failing = false;
    // A disk that may have lost them.
    for (const copy of [0, 1]) file.write(ZEROS, copy * 512);
    await guarded.flush();
    const bytes = new Uint8Array(1);
    openGuardedFile(file, BYTES).read(bytes, 0);
    expect(bytes[0]).toBe(3);
  });
});
