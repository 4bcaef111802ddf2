import type { Storage } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import { readGuardedFile } from '../store/guarded-file.ts';
import { keyFileOf, keyLayout, keyLoss } from '../store/volume-key.ts';
import type { Report } from './finding.ts';

/** The keys of an encrypted volume: without them nothing of it can be read. */
export function checkKey(volume: VolumeDescription, storage: Storage, report: Report): void {
  const { lun, name } = volume;
  const file = keyFileOf(lun);
  const lost = keyLoss(lun, storage);
  if (lost !== undefined) {
    report({
      severity: 'damage',
      file,
      offset: null,
      what: lost,
      meaning: `nothing of LUN ${lun} (${name}) can be read without it; the array refuses to start`,
      next: `restore it from a copy made since the last CRYPTO ERASE; to give the data up, move away all files of lun-${lun}`,
    });
  } else if (storage.exists(file)) checkSectors(file, storage, report);
}

/** What tears a sector is a power cut in the middle of a replacement; another one has the keys. */
function checkSectors(name: string, storage: Storage, report: Report): void {
  const file = storage.open(name);
  const [piece] = readGuardedFile(file, keyLayout.size).pieces;
  file.close();
  if (!piece || piece.invalid.length === 0) return;
  const places = piece.invalid.map((sector) => piece.at + sector * SECTOR);
  report({
    severity: 'doubt',
    file: name,
    offset: places[0]!,
    what: `the sector at byte ${places.join(' and ')} has a wrong CRC-32; version ${Math.max(...piece.versions)} of the keys is used`,
    meaning:
      'a power cut tears what is being written, and the older keys are right then; otherwise nothing of the volume can be read',
    next: 'nothing after a power cut; otherwise restore the file from a copy made since the last CRYPTO ERASE',
  });
}

const SECTOR = 512;
