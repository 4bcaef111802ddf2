import { encodeCapacity10, encodeCapacity16 } from '../../scsi/capacity.ts';
import { decodeReadCapacity16Cdb } from '../../scsi/cdb.ts';
import { allocated, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue } from './faults.ts';
import { physicalBlockSize } from './limits.ts';
import { isThin } from './unit-support.ts';

export function readCapacity10(context: CommandContext): CommandResult {
  return { dataIn: encodeCapacity10(context.unit) };
}

export function readCapacity16(context: CommandContext): CommandResult {
  const fields = cdbValue(decodeReadCapacity16Cdb(context.task.cdb), 10);
  const { unit } = context;
  const { blockCount, blockSize } = unit;
  const physicalExponent = Math.log2(physicalBlockSize(unit) / blockSize);
  const long = unit.far?.facts()?.long;
  const capacity = {
    blockCount,
    blockSize,
    physicalExponent,
    thin: isThin(unit),
    ...(long && { readsZeros: long.readsZeros, lowestAlignedLba: long.lowestAlignedLba }),
  };
  return allocated(encodeCapacity16(capacity), fields.allocationLength);
}
