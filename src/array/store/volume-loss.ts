import { isAllZero, uninitialisedBytes } from '../../base/bytes.ts';
import type { Storage, StorageFile } from '../../base/storage.ts';
import { GuardedFileError } from './guarded-file.ts';
import { faultOf, newestVersion, readGuardedFile } from './guarded-sectors.ts';

/** What a thin volume has in files that are not what the array has left: without them all reads as zeros. */
export interface VolumeLoss {
  readonly file: string;
  readonly what: string;
}

export interface ThinFiles {
  readonly lun: number;
  readonly mapBytes: number;
  /** Both files were made durable before the tables had the pair. */
  readonly paired: boolean;
}

/**
 * The data file is there before the first entry of the map is durable, and that is so before the first byte of data is written.
 * Neither a killed process nor a power cut leaves anything else. SANITIZE overwrites whatever the data file has.
 */
export function findVolumeLoss(storage: Storage, { lun, mapBytes, paired }: ThinFiles): VolumeLoss | undefined {
  const map = `lun-${lun}.map`;
  const data = `lun-${lun}.data`;
  if (paired && !storage.exists(map) && !storage.exists(data)) {
    return { file: data, what: `it is not there, nor is ${map}, though the volume is in a pair` };
  }
  const { written, names } = readMap(storage, map, mapBytes);
  if (names && !storage.exists(data)) {
    return { file: data, what: 'it is not there, though the map of the volume names data in it' };
  }
  if (written || storage.exists(`lun-${lun}.sanitize`) || !holdsData(storage, data)) return undefined;
  const what = storage.exists(map) ? 'it has lost what was in it' : 'it is not there';
  return { file: map, what: `${what}, though the data file of the volume holds data` };
}

/** Throws `GuardedFileError`. */
export function refuseVolumeLoss(storage: Storage, files: ThinFiles): void {
  const loss = findVolumeLoss(storage, files);
  if (loss) throw new GuardedFileError(`${loss.file}: ${loss.what}`);
}

/** Whether it was ever written (what is wrong with it then is told when it is opened), and whether any chunk has a slot. */
function readMap(storage: Storage, name: string, byteLength: number): { written: boolean; names: boolean } {
  const look = (file: StorageFile): { written: boolean; names: boolean } => {
    const { content, pieces } = readGuardedFile(file, byteLength);
    const written = pieces.some((piece) => newestVersion(piece.versions) > 0 || faultOf(piece) !== undefined);
    return { written, names: !isAllZero(content) };
  };
  return withFile(storage, name, look) ?? { written: false, names: false };
}

const WINDOW_BYTES = 1024 * 1024;

/** Looks no further than the first byte of it. Encrypted data that was never written is zeros on the disk, too. */
function holdsData(storage: Storage, name: string): boolean {
  const look = (file: StorageFile): boolean => {
    const size = file.size();
    const window = uninitialisedBytes(Math.min(size, WINDOW_BYTES));
    for (let offset = 0; offset < size; offset += WINDOW_BYTES) {
      const bytes = window.subarray(0, Math.min(WINDOW_BYTES, size - offset));
      file.read(bytes, offset);
      if (!isAllZero(bytes)) return true;
    }
    return false;
  };
  return withFile(storage, name, look) ?? false;
}

function withFile<T>(storage: Storage, name: string, look: (file: StorageFile) => T): T | undefined {
  if (!storage.exists(name)) return undefined;
  const file = storage.open(name);
  try {
    return look(file);
  } finally {
    file.close();
  }
}
