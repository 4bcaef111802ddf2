import { LunError, type LunCapacity } from './lun.ts';

/** Throws `bad-argument` where the blocks do not lie inside the LUN. */
export function checkExtent(path: string, capacity: LunCapacity, lba: number, blockCount: number): void {
  const whole = Number.isSafeInteger(lba) && Number.isSafeInteger(blockCount) && lba >= 0 && blockCount >= 0;
  if (whole && lba + blockCount <= capacity.blockCount) return;
  throw new LunError(
    'bad-argument',
    path,
    `${path}: blocks ${lba} to ${lba + blockCount - 1} are outside the LUN, which has ${capacity.blockCount} blocks`,
  );
}

/** The number of blocks in `data`; throws `bad-argument` where they are not whole. */
export function checkWholeBlocks(path: string, capacity: LunCapacity, data: Uint8Array): number {
  if (data.length % capacity.blockSize === 0) return data.length / capacity.blockSize;
  throw new LunError(
    'bad-argument',
    path,
    `${path}: ${data.length} bytes are not a whole number of blocks of ${capacity.blockSize} bytes`,
  );
}
