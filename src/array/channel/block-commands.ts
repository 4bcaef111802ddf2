import { isAllZero, readU16 } from '../../base/bytes.ts';
import { BLOCK_OPTION } from '../../scsi/cdb.ts';
import { OPCODE } from '../../scsi/opcode.ts';
import { betweenSteps, receivedData, writeBlocks, type CommandContext, type CommandResult } from './command-context.ts';
import { invalidFieldInCdb, miscompare } from './faults.ts';
import { atomicGranularity, blockLimits } from './limits.ts';
import { deallocate } from './provisioning-commands.ts';
import { forcesUnitAccess } from './transfer-commands.ts';
import { isThin } from './unit-support.ts';
import { firstDifference } from './verify-commands.ts';

/** COMPARE AND WRITE, ORWRITE, WRITE ATOMIC and WRITE SAME. */

/** The range is locked by the device server: no other command of this array comes between the read and the write. */
export async function compareAndWrite(context: CommandContext): Promise<CommandResult> {
  const { fields, task, unit } = context;
  const half = fields.blockCount * unit.blockSize;
  if (task.expectedDataOut !== 2 * half) {
    throw invalidFieldInCdb(
      13,
      undefined,
      `${task.expectedDataOut} bytes announced for ${fields.blockCount} blocks twice`,
    );
  }
  if (half === 0) return {};
  const data = receivedData(task, 2 * half);
  const offset = firstDifference(await unit.read(fields.lba, fields.blockCount, task.nexus), data.subarray(0, half));
  if (offset !== undefined) throw miscompare(offset);
  await writeBlocks(context, fields.lba, data.subarray(half), forcesUnitAccess(context));
  return { wantedDataOut: 2 * half };
}

/** The range is locked, as for COMPARE AND WRITE. Data that the initiator cut short change what they reach. */
export async function orWrite(context: CommandContext): Promise<CommandResult> {
  const { fields, task, unit } = context;
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const data = receivedData(task, wantedDataOut);
  if (data.length === 0) return { wantedDataOut };
  const stored = await unit.read(fields.lba, Math.ceil(data.length / unit.blockSize), task.nexus);
  const merged = stored.map((byte, index) => byte | (data[index] ?? 0));
  await writeBlocks(context, fields.lba, merged, forcesUnitAccess(context));
  return { wantedDataOut };
}

/** All or nothing: a transfer that the initiator cut short is refused, where WRITE would store its whole blocks. */
export async function writeAtomic(context: CommandContext): Promise<CommandResult> {
  const { fields, task, unit } = context;
  if (readU16(task.cdb, 10) !== 0) throw invalidFieldInCdb(10, undefined, 'ATOMIC BOUNDARY is not supported');
  const granularity = atomicGranularity(unit) || 1;
  const whole = `only whole physical blocks of ${granularity} blocks are written atomically`;
  if (fields.lba % granularity !== 0) throw invalidFieldInCdb(2, undefined, whole);
  if (fields.blockCount % granularity !== 0) throw invalidFieldInCdb(12, undefined, whole);
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const data = receivedData(task, wantedDataOut);
  if (data.length < wantedDataOut) {
    throw invalidFieldInCdb(12, undefined, `${data.length} bytes announced for ${fields.blockCount} blocks`);
  }
  if (data.length > 0) await writeBlocks(context, fields.lba, data, forcesUnitAccess(context), { atomic: true });
  return { wantedDataOut };
}

/**
 * One block of Data-Out, or zeros with NDOB, written to every block of the range; without ANCHOR. With UNMAP, a thin unit gives the
 * blocks back where they would hold what it then reads: zeros (SBC-3 5.46).
 */
export async function writeSame(context: CommandContext): Promise<CommandResult> {
  const { fields, task, unit } = context;
  refuseOption(context, BLOCK_OPTION.anchor, 4, 'ANCHOR');
  // Obsolete since SBC-3; who asks for them wants other blocks than would be written.
  refuseOption(context, BLOCK_OPTION.physicalBlockData, 2, 'PBDATA');
  refuseOption(context, BLOCK_OPTION.logicalBlockData, 1, 'LBDATA');
  if (!isThin(unit)) refuseOption(context, BLOCK_OPTION.unmap, 3, 'UNMAP');
  const withoutData = task.cdb[0] === OPCODE.writeSame16 && (fields.options & BLOCK_OPTION.noDataOut) !== 0;
  const wantedDataOut = withoutData ? 0 : unit.blockSize;
  if (task.expectedDataOut !== wantedDataOut) {
    throw invalidFieldInCdb(0, undefined, `${task.expectedDataOut} bytes announced, ${wantedDataOut} are needed`);
  }
  const block = withoutData ? new Uint8Array(unit.blockSize) : receivedData(task, unit.blockSize);
  if (fields.blockCount === 0) return { wantedDataOut };
  if ((fields.options & BLOCK_OPTION.unmap) !== 0 && isAllZero(block)) {
    await deallocate(context, fields.lba, fields.blockCount);
    return { wantedDataOut };
  }
  const piece = Math.min(fields.blockCount, blockLimits(unit).optimalTransfer);
  const data = repeated(block, piece);
  for (let done = 0; done < fields.blockCount; done += piece) {
    const count = Math.min(piece, fields.blockCount - done);
    if (done > 0) await betweenSteps(context.channel, task);
    await writeBlocks(context, fields.lba + done, data.subarray(0, count * unit.blockSize), false);
  }
  return { wantedDataOut };
}

function refuseOption(context: CommandContext, option: number, bit: number, name: string): void {
  if ((context.fields.options & option) !== 0) throw invalidFieldInCdb(1, bit, `${name} is not supported`);
}

function repeated(block: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(block.length * count);
  for (let index = 0; index < count; index++) data.set(block, index * block.length);
  return data;
}
