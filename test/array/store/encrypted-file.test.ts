import { expect, it } from 'vitest';
import { encryptedFile } from '../../../src/array/store/encrypted-file.ts';
import { createSectorCipher, type SectorCipher } from '../../../src/array/store/sector-cipher.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

function setUp() {
  const random = createSeededRandom(3);
  const stored = createMemoryStorage().open('stored');
  let cipher: SectorCipher = createSectorCipher(random.bytes(64));
  const file = encryptedFile(stored, () => cipher);
  const read = (from = file, offset = 0, length = 4096): Uint8Array => {
    const bytes = new Uint8Array(length).fill(0xee);
    from.read(bytes, offset);
    return bytes;
  };
  return { stored, file, random, read, replaceKey: () => (cipher = createSectorCipher(random.bytes(64))) };
}

it('gives back what was written, and stores something else', () => {
  const { stored, file, random, read } = setUp();
  const clear = random.bytes(4096);
  file.write(clear, 0);
  expect(read()).toEqual(clear);
  expect(read(file, 1024, 512)).toEqual(clear.subarray(1024, 1536));
  const raw = Buffer.from(read(stored));
  for (let at = 0; at < 4096; at += 16) expect(raw.includes(Buffer.from(clear.subarray(at, at + 16)))).toBe(false);
});

it('reads zeros where nothing was written: in holes, behind the end, between sectors that were', () => {
  const { file, random, read } = setUp();
  file.truncate(2048);
  expect(read().every((byte) => byte === 0)).toBe(true);
  const clear = random.bytes(512);
  file.write(clear, 1024);
  const found = read();
  expect(found.subarray(1024, 1536)).toEqual(clear);
  expect([...found.subarray(0, 1024), ...found.subarray(1536)].every((byte) => byte === 0)).toBe(true);
});

it('stores zeros that were written as anything but zeros, and reads them as zeros', () => {
  const { stored, file, read } = setUp();
  file.write(new Uint8Array(1024), 512);
  expect(read().every((byte) => byte === 0)).toBe(true);
  expect(read(stored, 512, 512).some((byte) => byte !== 0)).toBe(true);
});

it('stores the same content differently at every place, and unreadably once the key is another', () => {
  const { stored, file, random, read, replaceKey } = setUp();
  const clear = random.bytes(512);
  file.write(clear, 0);
  file.write(clear, 512);
  expect(read(stored, 0, 512)).not.toEqual(read(stored, 512, 512));
  replaceKey();
  expect(Buffer.from(read()).includes(Buffer.from(clear.subarray(0, 16)))).toBe(false);
});

it('takes whole sectors only', () => {
  const { file } = setUp();
  expect(() => file.write(new Uint8Array(511), 0)).toThrow('not whole sectors');
  expect(() => file.write(new Uint8Array(512), 8)).toThrow('not whole sectors');
  expect(() => file.read(new Uint8Array(100), 0)).toThrow('not whole sectors');
});
