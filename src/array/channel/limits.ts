import { decodeBlockLimits, VPD_PAGE, type BlockLimits } from '../../scsi/vpd.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { isThin } from './unit-support.ts';

const TRANSFER_LIMIT_BYTES = 32 * 1024 * 1024;
const TRANSFER_LIMIT_BLOCKS = 65536;
const OPTIMAL_TRANSFER_BYTES = 1024 * 1024;
const OPTIMAL_GRANULARITY_BYTES = 4096;
const WRITE_SAME_LIMIT_BYTES = 32 * 1024 * 1024;
const UNMAP_LIMIT_BLOCKS = 1024 * 1024;
const UNMAP_LIMIT_DESCRIPTORS = 256;

export function physicalBlockSize(unit: LogicalUnit): number {
  return unit.physicalBlockSize ?? unit.blockSize;
}

/** What VPD page B0h promises and the checks hold commands against. */
export function blockLimits(unit: LogicalUnit): BlockLimits {
  const { blockSize } = unit;
  const thin = isThin(unit);
  const maximumTransfer = Math.min(TRANSFER_LIMIT_BLOCKS, TRANSFER_LIMIT_BYTES / blockSize, farTransfer(unit));
  return {
    maximumCompareAndWrite: 255,
    optimalGranularity: Math.max(OPTIMAL_GRANULARITY_BYTES, physicalBlockSize(unit)) / blockSize,
    maximumTransfer,
    optimalTransfer: Math.min(OPTIMAL_TRANSFER_BYTES / blockSize, maximumTransfer),
    // No limit: PRE-FETCH moves nothing.
    maximumPrefetch: 0,
    maximumWriteSame: Math.min(TRANSFER_LIMIT_BLOCKS, WRITE_SAME_LIMIT_BYTES / blockSize),
    maximumUnmap: thin ? UNMAP_LIMIT_BLOCKS : 0,
    maximumUnmapDescriptors: thin ? UNMAP_LIMIT_DESCRIPTORS : 0,
    unmapGranularity: thin ? (unit.deallocationGranularity ?? 1) : 0,
    maximumAtomic: Math.min(unit.atomicWriteBlocks ?? 0, maximumTransfer),
    atomicGranularity: atomicGranularity(unit),
  };
}

/** Of a device with larger physical blocks it is these that are written wholly or not at all: in logical blocks, 0 without a limit. */
export function atomicGranularity(unit: LogicalUnit): number {
  const ratio = physicalBlockSize(unit) / unit.blockSize;
  return ratio > 1 && (unit.atomicWriteBlocks ?? 0) > 0 ? ratio : 0;
}

function farTransfer(unit: LogicalUnit): number {
  const page = unit.far?.facts()?.pages.get(VPD_PAGE.blockLimits);
  const limits = page && decodeBlockLimits(page);
  return limits?.ok && limits.value.maximumTransfer > 0 ? limits.value.maximumTransfer : Infinity;
}
