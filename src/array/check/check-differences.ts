import type { Storage } from '../../base/storage.ts';
import { differenceFileName } from '../group/difference-maps.ts';
import { localLun, type ArrayState, type GroupState } from '../store/array-state.ts';
import { chunkBytesFor } from '../store/chunk-map.ts';
import { checkGuardedFile, writtenPieces } from './check-guarded.ts';
import type { Report } from './finding.ts';

export function differenceFiles(group: GroupState): string[] {
  return group.pairs.map((pair) => differenceFileName(group.name, pair.slot));
}

/** The difference map of each pair: there, valid, and naming only chunks that the volume has. */
export function checkDifferences(state: ArrayState, group: GroupState, storage: Storage, report: Report): void {
  for (const pair of group.pairs) {
    const volume = state.volumes.find(({ lun }) => lun === localLun(group, pair));
    if (!volume) continue;
    const file = differenceFileName(group.name, pair.slot);
    const volumeBytes = volume.blockSize * volume.blockCount;
    const chunkCount = Math.ceil(volumeBytes / chunkBytesFor(volumeBytes));
    const meaning = `a resync of pair ${pair.name} of group ${group.name} may leave out chunks that differ`;
    const damage = (what: string, consequence = `the array refuses to start: ${meaning}`): void =>
      report({
        severity: 'damage',
        file,
        offset: null,
        what,
        meaning: consequence,
        next: `restore the file from a copy of the same moment, or take LUN ${volume.lun} out of its pair (array serve --leave-out ${volume.lun}, array volume give-up), and form pair ${pair.name} anew, which copies everything`,
      });
    const mapBytes = Math.ceil(chunkCount / 8);
    const map = checkGuardedFile(file, mapBytes, meaning, storage, report);
    // All of it is durable before the pair is there (`prepareDifferences`).
    const lost = map && writtenPieces(file, mapBytes, storage).find(({ written }) => !written);
    if (lost) damage(`what stood at byte ${lost.at} is gone: the file was cut short, or overwritten with zeros`);
    if (!map) damage('the difference map is not there');
    else if (hasBitsBeyond(map, chunkCount))
      damage(`it marks chunks that a volume of ${chunkCount} chunks does not have`, meaning);
  }
}

function hasBitsBeyond(map: Uint8Array, chunkCount: number): boolean {
  const spare = map.length * 8 - chunkCount;
  return spare > 0 && (map.at(-1)! & (0xff << (8 - spare)) & 0xff) !== 0;
}
