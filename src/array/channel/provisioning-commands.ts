import { readU16, readU32 } from '../../base/bytes.ts';
import { describeViolation } from '../../base/violation.ts';
import { readLba64 } from '../../scsi/cdb.ts';
import { decodeUnmapList, encodeLbaStatus, type BlockRange, type ProvisioningRun } from '../../scsi/provisioning.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import {
  allocated,
  betweenSteps,
  isAborted,
  receivedData,
  throwIfAborted,
  type CommandContext,
  type CommandResult,
} from './command-context.ts';
import { invalidFieldInCdb, invalidParameter, lbaOutOfRange, parameterListLengthError } from './faults.ts';
import { blockLimits } from './limits.ts';
import { requireWritable } from './write-access.ts';

/** UNMAP, GET LBA STATUS and the deallocating half of WRITE SAME; only of units that can give blocks back. */

/** Nothing is given back unless every range is inside the unit and the limits. */
export async function unmap(context: CommandContext): Promise<CommandResult> {
  const { task, unit } = context;
  if ((task.cdb[1]! & 0x01) !== 0) throw invalidFieldInCdb(1, 0, 'ANCHOR is not supported');
  const length = readU16(task.cdb, 7);
  if (length === 0) return {};
  const list = receivedData(task, length);
  if (list.length < length) throw parameterListLengthError(`${list.length} bytes came`);
  const ranges = decodeUnmapList(list);
  if (!ranges.ok) throw parameterListLengthError(describeViolation(ranges.violation));
  checkRanges(unit, ranges.value);
  for (const [index, range] of ranges.value.entries()) {
    if (index > 0) await betweenSteps(context.channel, task);
    if (range.blockCount > 0) await deallocateLocked(context, range);
  }
  return { wantedDataOut: length };
}

function checkRanges(unit: LogicalUnit, ranges: readonly BlockRange[]): void {
  const limits = blockLimits(unit);
  if (ranges.length > limits.maximumUnmapDescriptors) throw invalidParameter(`${ranges.length} descriptors`);
  const total = ranges.reduce((sum, range) => sum + range.blockCount, 0);
  if (total > limits.maximumUnmap) throw invalidParameter(`${total} blocks, the limit is ${limits.maximumUnmap}`);
  for (const { lba, blockCount } of ranges) {
    if (lba > unit.blockCount || blockCount > unit.blockCount - lba) {
      throw lbaOutOfRange(lba, blockCount, unit.blockCount);
    }
  }
}

/** The opcode table cannot lock these ranges, since they are not in the CDB. */
async function deallocateLocked(context: CommandContext, range: BlockRange): Promise<void> {
  const release = await context.channel.lockOf(context.lun).acquire(range.lba, range.blockCount, false);
  try {
    await deallocate(context, range.lba, range.blockCount);
  } finally {
    release();
  }
}

/** As `writeBlocks`: the last look at what a host may do is taken in the turn in which the change starts. */
export async function deallocate(context: CommandContext, lba: number, blockCount: number): Promise<void> {
  const { channel, task, unit } = context;
  throwIfAborted(channel, task);
  requireWritable(channel, unit);
  await unit.deallocate!(lba, blockCount, { isAborted: () => isAborted(channel, task) });
}

const DESCRIPTOR_LENGTH = 16;
const HEADER_LENGTH = 8;
/** NUMBER OF LOGICAL BLOCKS has 32 bits. */
const LONGEST_RUN = 0xffff_ffff;
/** More than this is asked for again, from the LBA where the answer ends. */
const MOST_DESCRIPTORS = 256;

export async function getLbaStatus(context: CommandContext): Promise<CommandResult> {
  const { task, unit } = context;
  const lba = readLba64(task.cdb, 2);
  const allocationLength = readU32(task.cdb, 10);
  if (lba >= unit.blockCount) throw lbaOutOfRange(lba, 1, unit.blockCount);
  const room = Math.floor((allocationLength - HEADER_LENGTH) / DESCRIPTOR_LENGTH);
  const runs = await runsFrom(context, lba, Math.min(Math.max(room, 1), MOST_DESCRIPTORS));
  return allocated(encodeLbaStatus(runs), allocationLength);
}

/** Runs without gaps from `lba`; the unit says as much at a time as it likes. Runs of one kind that meet become one. */
async function runsFrom(context: CommandContext, lba: number, most: number): Promise<ProvisioningRun[]> {
  const { channel, task, unit } = context;
  const runs: ProvisioningRun[] = [];
  let at = lba;
  while (at < unit.blockCount && runs.length <= most) {
    if (at > lba) await betweenSteps(channel, task);
    const found = await unit.allocation!(at, Math.min(unit.blockCount - at, LONGEST_RUN));
    for (const run of found) append(runs, run);
    const last = found.at(-1);
    if (!last) break;
    at = last.lba + last.blockCount;
  }
  return runs.slice(0, most);
}

function append(runs: ProvisioningRun[], run: ProvisioningRun): void {
  const last = runs.at(-1);
  const joins = last?.mapped === run.mapped && last.blockCount + run.blockCount <= LONGEST_RUN;
  if (joins) runs[runs.length - 1] = { ...last, blockCount: last.blockCount + run.blockCount };
  else runs.push(run);
}
