import { byteCheck } from '../../scsi/cdb.ts';
import {
  receivedData,
  throwIfAborted,
  writeBlocks,
  type CommandContext,
  type CommandResult,
} from './command-context.ts';
import { invalidFieldInCdb, miscompare } from './faults.ts';
import { blockLimits } from './limits.ts';
import { wholeBlocks } from './transfer-commands.ts';

/** VERIFY and WRITE AND VERIFY. BYTCHK 0 reads the blocks, BYTCHK 1 also compares them with the Data-Out buffer. */

const BYTE_CHECK = { medium: 0, compare: 1 } as const;

export async function verify(context: CommandContext): Promise<CommandResult> {
  const { fields, unit } = context;
  if (checkedMode(context) === BYTE_CHECK.medium) {
    await readThrough(context, fields.blockCount);
    return {};
  }
  if (fields.blockCount > blockLimits(unit.blockSize).maximumTransfer) {
    throw invalidFieldInCdb(lengthByte(context), undefined, 'longer than the maximum transfer length');
  }
  const wantedDataOut = fields.blockCount * unit.blockSize;
  await compare(context, wholeBlocks(receivedData(context.task, wantedDataOut), unit.blockSize));
  return { wantedDataOut };
}

export async function writeAndVerify(context: CommandContext): Promise<CommandResult> {
  const { fields, unit } = context;
  const mode = checkedMode(context);
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const data = wholeBlocks(receivedData(context.task, wantedDataOut), unit.blockSize);
  if (data.length > 0) {
    await writeBlocks(context, fields.lba, data, true);
    if (mode === BYTE_CHECK.compare) await compare(context, data);
    else await readThrough(context, data.length / unit.blockSize);
  }
  return { wantedDataOut };
}

function checkedMode(context: CommandContext): number {
  const mode = byteCheck(context.fields);
  if (mode > BYTE_CHECK.compare) throw invalidFieldInCdb(1, 2, `BYTCHK ${mode} is not supported`);
  return mode;
}

function lengthByte(context: CommandContext): number {
  return { 10: 7, 12: 6, 16: 10 }[context.command.usage.length / 2] ?? 0;
}

async function compare(context: CommandContext, expected: Uint8Array): Promise<void> {
  const { fields, unit } = context;
  if (expected.length === 0) return;
  const stored = await unit.read(fields.lba, expected.length / unit.blockSize);
  const offset = firstDifference(stored, expected);
  if (offset !== undefined) throw miscompare(offset);
}

/** Reads in pieces, so that no length needs a buffer of its own and an abort is noticed. */
async function readThrough(context: CommandContext, blockCount: number): Promise<void> {
  const { fields, unit } = context;
  const piece = blockLimits(unit.blockSize).optimalTransfer;
  for (let done = 0; done < blockCount; done += piece) {
    throwIfAborted(context.task);
    await unit.read(fields.lba + done, Math.min(piece, blockCount - done));
  }
}

/** Byte offset of the first difference of two arrays of one length. */
export function firstDifference(left: Uint8Array, right: Uint8Array): number | undefined {
  if (Buffer.compare(left, right) === 0) return undefined;
  return left.findIndex((byte, index) => byte !== right[index]);
}
