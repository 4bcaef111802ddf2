import type { Storage } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import { readGuardedFile } from '../store/guarded-sectors.ts';
import { keyFileOf, keyLayout, keyLoss } from '../store/volume-key.ts';
import { checkPiece } from './check-guarded.ts';
import type { Report } from './finding.ts';

/** Why there are no keys, also where it is the disk that does not give them; undefined where there are, or need be none. */
function lossOf(lun: number, storage: Storage): string | undefined {
  try {
    return keyLoss(lun, storage);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The keys of an encrypted volume: without them nothing of it can be read. */
export function checkKey(volume: VolumeDescription, storage: Storage, report: Report): void {
  const { lun, name } = volume;
  const file = keyFileOf(lun);
  const lost = lossOf(lun, storage);
  if (lost !== undefined) {
    report({
      severity: 'damage',
      file,
      offset: null,
      what: lost,
      meaning: `nothing of LUN ${lun} (${name}) can be read without it; the array refuses to start`,
      next: `restore it from a copy made since the last CRYPTO ERASE; to give the data up, move away all files of lun-${lun}`,
    });
  } else if (storage.exists(file)) checkSectors(volume, storage, report);
}

function checkSectors({ lun, name }: VolumeDescription, storage: Storage, report: Report): void {
  const file = storage.open(keyFileOf(lun));
  const [piece] = readGuardedFile(file, keyLayout.size).pieces;
  file.close();
  if (piece) checkPiece(keyFileOf(lun), piece, `nothing of LUN ${lun} (${name}) can be read`, report);
}
