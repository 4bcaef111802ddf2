import type { Random } from '../base/random.ts';
import type { Storage } from '../base/storage.ts';
import type { VolumeDescription } from './description.ts';
import { withAtomicWrites } from './store/atomic-writes.ts';
import { chunkBytesFor } from './store/chunk-map.ts';
import { encryptedFile } from './store/encrypted-file.ts';
import { openGuardedFile } from './store/guarded-file.ts';
import { settleGuardedFile } from './store/guarded-repair.ts';
import { createLeftOutVolume } from './store/left-out-volume.ts';
import { openThinFile } from './store/thin-file.ts';
import { openVolume, type Volume } from './store/volume.ts';
import { refuseVolumeLoss } from './store/volume-loss.ts';
import { SANITIZE_FILE_BYTES } from './sanitize/sanitize-record.ts';
import { openVolumeKey, type Purpose, type VolumeKey } from './store/volume-key.ts';

/** The volumes that stand in files of the array, encrypted or not. */
export interface FileVolumes {
  /**
   * Must be awaited before `open`: its map and the keys of an encrypted volume are durable then, and the record of its being sanitized.
   * Rejects with `VolumeKeyError` or `GuardedFileError`.
   */
  prepare(volume: VolumeDescription): Promise<void>;
  open(volume: VolumeDescription): Volume;
}

export function createFileVolumes(parts: {
  readonly storage: Storage;
  readonly random: Random;
  /** LUNs of volumes whose files are not looked at. */
  readonly leaveOut?: readonly number[];
  readonly isPaired: (lun: number) => boolean;
}): FileVolumes {
  const { storage, leaveOut = [] } = parts;
  const keys = new Map<number, VolumeKey>();

  return {
    async prepare(volume) {
      const { lun, encrypted } = volume;
      if (leaveOut.includes(lun)) return;
      if (volume.kind === 'volume' && volume.backing === undefined) {
        refuseVolumeLoss(storage, { lun, mapBytes: mapBytesOf(volume), paired: parts.isPaired(lun) });
        await settleGuardedFile(storage, `lun-${lun}.map`, mapBytesOf(volume));
        await settleGuardedFile(storage, `lun-${lun}.sanitize`, SANITIZE_FILE_BYTES);
      }
      if (encrypted) keys.set(lun, await openVolumeKey(lun, parts));
    },
    open(volume) {
      const { lun, blockSize } = volume;
      if (leaveOut.includes(lun)) return createLeftOutVolume(volume);
      const key = keys.get(lun);
      const stored = (purpose: Purpose) => {
        const file = storage.open(`lun-${lun}.${purpose}`);
        return key ? encryptedFile(file, () => key.cipher(purpose)) : file;
      };
      const volumeBytes = blockSize * volume.blockCount;
      const chunkBytes = chunkBytesFor(volumeBytes);
      const map = openGuardedFile(storage.open(`lun-${lun}.map`), mapBytesOf(volume));
      const thin = openThinFile({ data: stored('data'), map }, { volumeBytes, chunkBytes, blockSize });
      const plain = openVolume(volume, thin);
      const opened = key ? withKey(plain, key) : plain;
      return withAtomicWrites(opened, {
        exists: () => storage.exists(`lun-${lun}.intents`),
        open: () => stored('intents'),
      });
    },
  };
}

function mapBytesOf({ blockSize, blockCount }: VolumeDescription): number {
  const volumeBytes = blockSize * blockCount;
  return Math.ceil(volumeBytes / chunkBytesFor(volumeBytes)) * 4;
}

function withKey(volume: Volume, key: VolumeKey): Volume {
  return {
    ...volume,
    ...(volume.erasure ? { erasure: { ...volume.erasure, replaceKey: () => key.replace() } } : {}),
    close() {
      key.close();
      return volume.close();
    },
  };
}
