import { defineLayout, type ValueOf } from '../../base/layout.ts';
import type { Random } from '../../base/random.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';
import { GuardedFileError, openGuardedFile } from './guarded-file.ts';
import { settleGuardedFile } from './guarded-repair.ts';
import { CIPHER_KEY_BYTES, createSectorCipher, type SectorCipher } from './sector-cipher.ts';

/** The keys of an encrypted volume, in a guarded file: two, so that equal blocks of its two files never look alike. */
export const keyLayout = defineLayout('volume key', 136, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLKEY', doc: 'magic' },
  {
    name: 'data',
    offset: 8,
    size: 64,
    kind: 'bytes',
    doc: 'AES-256-XTS key of the data file: for the data, for the tweaks',
  },
  { name: 'intents', offset: 72, size: 64, kind: 'bytes', doc: 'the same of the log of atomic writes' },
]);

type Keys = ValueOf<typeof keyLayout>;
/** The files that are encrypted. */
export type Purpose = keyof Keys;

export interface VolumeKey {
  /** Throws while it is not known which key the disk has: after a replacement that failed. */
  cipher(purpose: Purpose): SectorCipher;
  /** New keys, durable when it resolves, and no trace of those before in the file. After a power cut: the old or the new ones. */
  replace(): Promise<void>;
  close(): void;
}

export class VolumeKeyError extends Error {
  override readonly name = 'VolumeKeyError';
}

export function keyFileOf(lun: number): string {
  return `lun-${lun}.key`;
}

/** A guarded file leaves one of the three sectors of a piece alone, and not the same one the next time. */
const ROUNDS = 2;

/**
 * The keys of the volume at `lun`; made, durably, where there are none and nothing was stored yet. Rejects with
 * `VolumeKeyError` where something was: it cannot be read any more, and new keys would hide that; with `GuardedFileError` where what the
 * file holds cannot be made durable.
 */
export async function openVolumeKey(
  lun: number,
  parts: { readonly storage: Storage; readonly random: Random },
): Promise<VolumeKey> {
  const { storage, random } = parts;
  const name = keyFileOf(lun);
  await settleGuardedFile(storage, name, keyLayout.size);
  const lost = keyLoss(lun, storage);
  if (lost !== undefined) throw new VolumeKeyError(`${name}: ${lost}`);
  const file = openGuardedFile(storage.open(name), keyLayout.size);
  let ciphers = ciphersOf(readKeys(file));

  async function replace(): Promise<void> {
    ciphers = undefined;
    const keys = { data: random.bytes(CIPHER_KEY_BYTES), intents: random.bytes(CIPHER_KEY_BYTES) };
    // After the last one no sector has the old keys.
    for (let round = 0; round < ROUNDS; round += 1) {
      file.write(keyLayout.encode(keys), 0);
      await file.flush();
    }
    ciphers = ciphersOf(keys);
  }

  if (!ciphers) await replace();
  return {
    cipher(purpose) {
      if (!ciphers) throw new VolumeKeyError(`${name}: it could not be written, so that it is not known what it holds`);
      return ciphers[purpose];
    },
    replace,
    close: () => file.close(),
  };
}

/** For whoever only looks at the files of the volume; undefined where it has no keys. */
export function storedCiphers(lun: number, storage: Storage): Readonly<Record<Purpose, SectorCipher>> | undefined {
  const name = keyFileOf(lun);
  if (!storage.exists(name)) return undefined;
  const found = lookForKeys(name, storage);
  return typeof found === 'string' ? undefined : ciphersOf(found);
}

/** Why the volume cannot be read for want of its keys; undefined where they are there, or nothing needs them. */
export function keyLoss(lun: number, storage: Storage): string | undefined {
  const name = keyFileOf(lun);
  const found = storage.exists(name) ? lookForKeys(name, storage) : 'it is not there';
  if (typeof found !== 'string') return undefined;
  const written = [`lun-${lun}.map`, `lun-${lun}.data`].find(
    (other) => storage.exists(other) && withFile(storage, other, (file) => file.size()) > 0,
  );
  if (written === undefined) return undefined;
  return `${found}, though ${written} says that something was stored with one`;
}

/** Or why there are none. */
function lookForKeys(name: string, storage: Storage): Keys | string {
  try {
    return withFile(storage, name, (file) => readKeys(openGuardedFile(file, keyLayout.size))) ?? 'it holds no keys';
  } catch (error) {
    if (error instanceof GuardedFileError) return `it holds no keys (${error.message})`;
    throw error;
  }
}

function readKeys(file: StorageFile): Keys | undefined {
  const bytes = new Uint8Array(keyLayout.size);
  file.read(bytes, 0);
  const keys = keyLayout.decode(bytes);
  return keys.ok ? keys.value : undefined;
}

function ciphersOf(keys: Keys | undefined): Record<Purpose, SectorCipher> | undefined {
  return keys && { data: createSectorCipher(keys.data), intents: createSectorCipher(keys.intents) };
}

function withFile<T>(storage: Storage, name: string, use: (file: StorageFile) => T): T {
  const file = storage.open(name);
  try {
    return use(file);
  } finally {
    file.close();
  }
}
