import { LunError } from '../../lun/lun.ts';
import type { VolumeDescription } from '../description.ts';
import { chunkBytesFor } from './chunk-map.ts';
import type { Volume } from './volume.ts';

export class LeftOutError extends Error {
  override readonly name = 'LeftOutError';
}

/** Throws `LeftOutError` where one of the LUNs is no volume that stands in files of the array. */
export function requireLeftOut(leaveOut: readonly number[] | undefined, volumes: readonly VolumeDescription[]): void {
  for (const lun of leaveOut ?? []) {
    const volume = volumes.find((candidate) => candidate.lun === lun);
    if (volume?.kind === 'volume' && volume.backing === undefined) continue;
    throw new LeftOutError(`LUN ${lun} is no volume in files of this array, which alone can be left out`);
  }
}

/**
 * A volume whose files are not even opened, so that the rest of the array can be served while they are damaged. It is away as
 * one is whose backing is: its group waits, and nothing of either changes until the array is started with it again.
 */
export function createLeftOutVolume(description: VolumeDescription): Volume {
  const { name, blockSize, blockCount } = description;
  const byteLength = blockSize * blockCount;
  const chunkBytes = chunkBytesFor(byteLength);
  const why = 'the array was started without this volume (--leave-out)';
  const failure = new LunError('refused-for-safety', name, `${name}: ${why}`);
  const refused = (): Promise<never> => Promise.reject(failure);
  return {
    description,
    byteLength,
    chunkBytes,
    read: refused,
    announce: refused,
    write: refused,
    deallocate: refused,
    holeAt: refused,
    // Nobody knows: all of it may hold data.
    allocatedBits: () => new Uint8Array(Math.ceil(Math.ceil(byteLength / chunkBytes) / 8)).fill(0xff),
    allocatedBytes: () => 0,
    flush: refused,
    close: () => undefined,
    backing: {
      condition: () => ({ state: 'away', why }),
      thin: () => undefined,
      failure: () => failure,
      isUsable: () => false,
      reach: () => Promise.resolve(),
      beginCatchUp: () => undefined,
      serve: () => undefined,
    },
  };
}
