import type { BlockLimits } from '../../scsi/vpd.ts';

const TRANSFER_LIMIT_BYTES = 32 * 1024 * 1024;
const TRANSFER_LIMIT_BLOCKS = 65536;
const OPTIMAL_TRANSFER_BYTES = 1024 * 1024;
const OPTIMAL_GRANULARITY_BYTES = 4096;
const WRITE_SAME_LIMIT_BYTES = 32 * 1024 * 1024;

/** What VPD page B0h promises and the checks hold commands against; for every unit of that block size. */
export function blockLimits(blockSize: number): BlockLimits {
  return {
    maximumCompareAndWrite: 255,
    optimalGranularity: Math.max(1, OPTIMAL_GRANULARITY_BYTES / blockSize),
    maximumTransfer: Math.min(TRANSFER_LIMIT_BLOCKS, TRANSFER_LIMIT_BYTES / blockSize),
    optimalTransfer: OPTIMAL_TRANSFER_BYTES / blockSize,
    // No limit: PRE-FETCH moves nothing.
    maximumPrefetch: 0,
    maximumWriteSame: Math.min(TRANSFER_LIMIT_BLOCKS, WRITE_SAME_LIMIT_BYTES / blockSize),
  };
}
