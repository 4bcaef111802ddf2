import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * AES-256-XTS (IEEE 1619) over sectors of 512 bytes, many at a time. The mode is put together from AES in ECB because one
 * call for each sector costs five times as much; `test/array/store/sector-cipher.test.ts` holds it against OpenSSL's.
 *
 * Each 16 bytes are encrypted by themselves, with the number of the sector and their place in it: a sector that a power cut
 * tears is torn in the clear too, at the same byte.
 */
export interface SectorCipher {
  /** A new array; `data` is whole sectors, the first of them number `sector`. */
  encrypt(data: Uint8Array, sector: number): Uint8Array;
  decrypt(data: Uint8Array, sector: number): Uint8Array;
}

export const SECTOR_BYTES = 512;
/** Two AES-256 keys: one for the data, one for the tweaks. */
export const CIPHER_KEY_BYTES = 64;

type Transform = (bytes: Uint8Array) => Uint8Array;

export function createSectorCipher(key: Uint8Array): SectorCipher {
  const dataKey = key.subarray(0, 32);
  const encryption = createCipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
  const decryption = createDecipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
  const tweaking = createCipheriv('aes-256-ecb', key.subarray(32, CIPHER_KEY_BYTES), null).setAutoPadding(false);

  function through(transform: Transform, data: Uint8Array, sector: number): Uint8Array {
    const tweaks = tweaksOf((numbers) => tweaking.update(numbers), sector, data.length / SECTOR_BYTES);
    const masked = xor(wordsOf(data), tweaks);
    return bytesOf(xor(wordsOf(transform(bytesOf(masked))), tweaks));
  }

  return {
    encrypt: (data, sector) => through((bytes) => encryption.update(bytes), data, sector),
    decrypt: (data, sector) => through((bytes) => decryption.update(bytes), data, sector),
  };
}

/** 16 bytes for each 16 bytes of the sectors: the encrypted number of the sector, doubled in GF(2^128) for each step. */
function tweaksOf(encrypt: Transform, first: number, sectors: number): Uint32Array {
  const numbers = new Uint8Array(sectors * 16);
  const view = new DataView(numbers.buffer);
  for (let index = 0; index < sectors; index += 1) view.setBigUint64(index * 16, BigInt(first + index), true);
  const encrypted = encrypt(numbers);
  const starts = new DataView(encrypted.buffer, encrypted.byteOffset, encrypted.length);
  const tweaks = new Uint32Array((sectors * SECTOR_BYTES) / 4);
  const target = new DataView(tweaks.buffer);
  for (let index = 0; index < sectors; index += 1) doubled(starts, index * 16, target, index * SECTOR_BYTES);
  return tweaks;
}

/** Little-endian, whatever the machine is; straight on, since it runs for every 16 bytes. */
function doubled(starts: DataView, from: number, target: DataView, at: number): void {
  let low = starts.getUint32(from, true);
  let second = starts.getUint32(from + 4, true);
  let third = starts.getUint32(from + 8, true);
  let high = starts.getUint32(from + 12, true);
  for (let place = at; place < at + SECTOR_BYTES; place += 16) {
    target.setUint32(place, low, true);
    target.setUint32(place + 4, second, true);
    target.setUint32(place + 8, third, true);
    target.setUint32(place + 12, high, true);
    const reduction = high >>> 31 === 0 ? 0 : 0x87;
    high = (high << 1) | (third >>> 31);
    third = (third << 1) | (second >>> 31);
    second = (second << 1) | (low >>> 31);
    low = (low << 1) ^ reduction;
  }
}

function xor(left: Uint32Array, right: Uint32Array): Uint32Array {
  const result = new Uint32Array(left.length);
  for (let index = 0; index < left.length; index += 1) result[index] = left[index]! ^ right[index]!;
  return result;
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer);
}
