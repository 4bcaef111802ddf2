import type { Storage } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import { chunkBytesFor } from '../store/chunk-map.ts';
import { readSlots, slotFaults } from '../store/thin-file.ts';
import { findVolumeLoss, type VolumeLoss } from '../store/volume-loss.ts';
import { checkGuardedFile, writtenPieces } from './check-guarded.ts';
import type { Report } from './finding.ts';

/** A thin volume: its map, and whether the data file can hold what the map names. The data itself has no checksum. */
export function checkVolumeFiles(volume: VolumeDescription, paired: boolean, storage: Storage, report: Report): void {
  const volumeBytes = volume.blockSize * volume.blockCount;
  const chunkBytes = chunkBytesFor(volumeBytes);
  const chunkCount = Math.ceil(volumeBytes / chunkBytes);
  const mapName = `lun-${volume.lun}.map`;
  const dataName = `lun-${volume.lun}.data`;
  const who = `LUN ${volume.lun} (${volume.name})`;
  const meaning = `chunks of ${who} may read as zeros, or as they were before`;
  const loss = findVolumeLoss(storage, { lun: volume.lun, mapBytes: chunkCount * 4, paired });
  if (loss) reportLoss(who, loss, report);
  const map = checkGuardedFile(mapName, chunkCount * 4, meaning, storage, report);
  const dataBytes = sizeOf(storage, dataName);
  // Where that is no loss, the array ended while it made the files of a new volume.
  if (map === undefined || dataBytes === undefined) return;
  const pieces = writtenPieces(mapName, chunkCount * 4, storage);
  if (!loss && dataBytes > 0 && !pieces.some(({ written }) => written)) reportEmpty(who, mapName, report);
  const slots = readSlots(map, chunkCount);
  for (const { what } of slotFaults(slots, Math.ceil(dataBytes / chunkBytes))) {
    report({
      severity: 'damage',
      file: mapName,
      offset: null,
      what,
      meaning: `it is not known where the data of these chunks of ${who} is; the array refuses to start`,
      next: 'restore both files of the volume from a copy taken at one moment; the rest can be served meanwhile (array serve --leave-out)',
    });
  }
  reportCut(who, dataName, slots, { bytes: dataBytes, slots: dataBytes / chunkBytes }, report);
}

/** Each slot is inside the file from the moment it is given; only the length itself may be lost, in a power cut. */
function reportCut(
  who: string,
  file: string,
  slots: Uint32Array,
  size: { readonly bytes: number; readonly slots: number },
  report: Report,
): void {
  const behind = [...slots.keys()].filter((chunk) => slots[chunk]! > size.slots);
  if (behind.length === 0) return;
  report({
    severity: 'doubt',
    file,
    offset: size.bytes,
    what: `it ends before the slots of ${behind.length} chunks, the first of them chunk ${behind[0]}`,
    meaning: `these chunks of ${who} read as zeros: right if a power cut came before anything in them was flushed, lost data otherwise`,
    next: 'nothing after a power cut; otherwise restore the file from a copy, or resync the volume from the other array',
  });
}

function reportLoss(who: string, { file, what }: VolumeLoss, report: Report): void {
  report({
    severity: 'damage',
    file,
    offset: null,
    what,
    meaning: `all data of ${who} would read as zeros; the array refuses to start`,
    next: 'restore both files of the volume from a copy taken at one moment; the rest can be served meanwhile (array serve --leave-out)',
  });
}

/** The data file grows before the first entry of the map is durable, which comes before the first byte of data. */
function reportEmpty(who: string, file: string, report: Report): void {
  report({
    severity: 'doubt',
    file,
    offset: null,
    what: 'it was never written, or has lost what was in it, though the data file has room for chunks',
    meaning: `${who} reads as zeros: right if a power cut came before the first write to it was answered, all its data is lost otherwise`,
    next: 'nothing after a power cut; otherwise restore both files of the volume from a copy taken at one moment',
  });
}

function sizeOf(storage: Storage, name: string): number | undefined {
  if (!storage.exists(name)) return undefined;
  const file = storage.open(name);
  const size = file.size();
  file.close();
  return size;
}
