import { byteCheck } from '../../scsi/cdb.ts';
import { betweenSteps, receivedData, writeBlocks, type CommandContext, type CommandResult } from './command-context.ts';
import { invalidFieldInCdb, miscompare } from './faults.ts';
import { blockLimits } from './limits.ts';
import { filledUp } from './transfer-commands.ts';

/**
 * VERIFY and WRITE AND VERIFY. BYTCHK 0 reads the blocks, BYTCHK 1 also compares them with the Data-Out buffer, and BYTCHK 3,
 * of VERIFY alone, each block with the one that is in it.
 */

const BYTE_CHECK = { medium: 0, compare: 1, compareEach: 3 } as const;

export async function verify(context: CommandContext): Promise<CommandResult> {
  const { fields, unit } = context;
  const mode = checkedMode(context, [BYTE_CHECK.medium, BYTE_CHECK.compare, BYTE_CHECK.compareEach]);
  if (mode === BYTE_CHECK.medium) {
    await readThrough(context, fields.blockCount);
    return {};
  }
  if (mode === BYTE_CHECK.compareEach) return compareEach(context);
  if (fields.blockCount > blockLimits(unit).maximumTransfer) {
    throw invalidFieldInCdb(lengthByte(context), undefined, 'longer than the maximum transfer length');
  }
  const wantedDataOut = fields.blockCount * unit.blockSize;
  await compare(context, receivedData(context.task, wantedDataOut));
  return { wantedDataOut };
}

export async function writeAndVerify(context: CommandContext): Promise<CommandResult> {
  const { fields, unit } = context;
  const mode = checkedMode(context, [BYTE_CHECK.medium, BYTE_CHECK.compare]);
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const data = await filledUp(context, receivedData(context.task, wantedDataOut));
  if (data.length > 0) {
    await writeBlocks(context, fields.lba, data, true);
    if (mode === BYTE_CHECK.compare) await compare(context, data);
    else await readThrough(context, data.length / unit.blockSize);
  }
  return { wantedDataOut };
}

function checkedMode(context: CommandContext, known: readonly number[]): number {
  const mode = byteCheck(context.fields);
  if (!known.includes(mode)) throw invalidFieldInCdb(1, 2, `BYTCHK ${mode} is not supported`);
  return mode;
}

function lengthByte(context: CommandContext): number {
  return { 10: 7, 12: 6, 16: 10 }[context.command.usage.length / 2] ?? 0;
}

async function compare(context: CommandContext, expected: Uint8Array): Promise<void> {
  const { fields, task, unit } = context;
  if (expected.length === 0) return;
  const stored = await unit.read(fields.lba, Math.ceil(expected.length / unit.blockSize), task.nexus);
  const offset = firstDifference(stored.subarray(0, expected.length), expected);
  if (offset !== undefined) throw miscompare(offset);
}

/** INFORMATION of a miscompare is the offset in the one block (SBC-3 5.29). */
async function compareEach(context: CommandContext): Promise<CommandResult> {
  const { fields, task, unit } = context;
  if (fields.blockCount === 0) return {};
  const expected = receivedData(task, unit.blockSize);
  if (expected.length < unit.blockSize) throw invalidFieldInCdb(lengthByte(context), undefined, 'one block is needed');
  await readThrough(context, fields.blockCount, (stored) => {
    for (let at = 0; at < stored.length; at += unit.blockSize) {
      const offset = firstDifference(stored.subarray(at, at + unit.blockSize), expected);
      if (offset !== undefined) throw miscompare(offset);
    }
  });
  return { wantedDataOut: unit.blockSize };
}

/** Reads in pieces, so that no length needs a buffer of its own and an abort is noticed. */
async function readThrough(
  context: CommandContext,
  blockCount: number,
  inspect?: (stored: Uint8Array) => void,
): Promise<void> {
  const { channel, fields, task, unit } = context;
  const piece = blockLimits(unit).optimalTransfer;
  for (let done = 0; done < blockCount; done += piece) {
    if (done > 0) await betweenSteps(channel, task);
    const stored = await unit.read(fields.lba + done, Math.min(piece, blockCount - done), task.nexus);
    inspect?.(stored);
  }
}

/** Byte offset of the first difference of two arrays of one length. */
export function firstDifference(left: Uint8Array, right: Uint8Array): number | undefined {
  if (Buffer.compare(left, right) === 0) return undefined;
  return left.findIndex((byte, index) => byte !== right[index]);
}
