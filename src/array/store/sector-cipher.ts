import { createCipheriv, createDecipheriv } from 'node:crypto';
import { uninitialisedBytes } from '../../base/bytes.ts';

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

/** So much at a time, in memory that is used again: fresh memory costs more than the cipher. */
const PIECE_SECTORS = 32;
const PIECE_BYTES = PIECE_SECTORS * SECTOR_BYTES;

export function createSectorCipher(key: Uint8Array): SectorCipher {
  const dataKey = key.subarray(0, 32);
  const encryption = createCipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
  const decryption = createDecipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
  const tweaking = createCipheriv('aes-256-ecb', key.subarray(32, CIPHER_KEY_BYTES), null).setAutoPadding(false);
  const tweaks = new Int32Array(PIECE_BYTES / 4);
  const piece = new Int32Array(PIECE_BYTES / 4);

  function through(transform: Transform, data: Uint8Array, sector: number): Uint8Array {
    const result = uninitialisedBytes(data.length);
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      const size = Math.min(PIECE_BYTES, data.length - at);
      makeTweaks((numbers) => tweaking.update(numbers), sector + at / SECTOR_BYTES, size / SECTOR_BYTES, tweaks);
      const bytes = new Uint8Array(piece.buffer, 0, size);
      bytes.set(data.subarray(at, at + size));
      mask(piece, tweaks, size / 4);
      bytes.set(transform(bytes));
      mask(piece, tweaks, size / 4);
      result.set(bytes, at);
    }
    return result;
  }

  return {
    encrypt: (data, sector) => through((bytes) => encryption.update(bytes), data, sector),
    decrypt: (data, sector) => through((bytes) => decryption.update(bytes), data, sector),
  };
}

/** 16 bytes for each 16 bytes of the sectors: the encrypted number of the sector, doubled in GF(2^128) for each step. */
function makeTweaks(encrypt: Transform, first: number, sectors: number, tweaks: Int32Array): void {
  const numbers = new Uint8Array(sectors * 16);
  const view = new DataView(numbers.buffer);
  for (let index = 0; index < sectors; index += 1) {
    view.setUint32(index * 16, (first + index) % 2 ** 32, true);
    view.setUint32(index * 16 + 4, Math.floor((first + index) / 2 ** 32), true);
  }
  const encrypted = encrypt(numbers);
  const starts = new DataView(encrypted.buffer, encrypted.byteOffset, encrypted.length);
  const target = new DataView(tweaks.buffer);
  for (let index = 0; index < sectors; index += 1) doubled(starts, index * 16, target, index * SECTOR_BYTES);
}

/** Little-endian, whatever the machine is; straight on, since it runs for every 16 bytes. */
function doubled(starts: DataView, from: number, target: DataView, at: number): void {
  let low = starts.getInt32(from, true);
  let second = starts.getInt32(from + 4, true);
  let third = starts.getInt32(from + 8, true);
  let high = starts.getInt32(from + 12, true);
  for (let place = at; place < at + SECTOR_BYTES; place += 16) {
    target.setInt32(place, low, true);
    target.setInt32(place + 4, second, true);
    target.setInt32(place + 8, third, true);
    target.setInt32(place + 12, high, true);
    const reduction = (high >> 31) & 0x87;
    high = (high << 1) | (third >>> 31);
    third = (third << 1) | (second >>> 31);
    second = (second << 1) | (low >>> 31);
    low = (low << 1) ^ reduction;
  }
}

function mask(words: Int32Array, tweaks: Int32Array, count: number): void {
  for (let index = 0; index < count; index += 1) words[index]! ^= tweaks[index]!;
}
