import { BLOCK_OPTION } from '../../scsi/cdb.ts';
import { receivedData, writeBlocks, type CommandContext, type CommandResult } from './command-context.ts';

/** READ, WRITE and what moves no data: each READ and each WRITE reaches its unit as exactly one call. */

export async function read(context: CommandContext): Promise<CommandResult> {
  const { unit, fields } = context;
  if (fields.blockCount === 0) return {};
  // FUA: the data come from the medium, so what the cache holds must be there first (SBC-3 5.10).
  if (forcesUnitAccess(context)) await unit.flush();
  return { dataIn: await unit.read(fields.lba, fields.blockCount) };
}

/**
 * Where the initiator announced less data than the CDB names, the whole blocks that arrived are written, in one call;
 * the residual count tells the initiator (RFC 7143 11.4.5.2).
 */
export async function write(context: CommandContext): Promise<CommandResult> {
  const { unit, fields } = context;
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const data = wholeBlocks(receivedData(context.task, wantedDataOut), unit.blockSize);
  if (data.length > 0) await writeBlocks(context, fields.lba, data, forcesUnitAccess(context));
  return { wantedDataOut };
}

export function wholeBlocks(data: Uint8Array, blockSize: number): Uint8Array {
  return data.subarray(0, data.length - (data.length % blockSize));
}

export function forcesUnitAccess(context: CommandContext): boolean {
  return (context.fields.options & BLOCK_OPTION.forceUnitAccess) !== 0;
}

/** Of the whole unit, whichever range was named; IMMED may be ignored, and then the answer is worth more. */
export async function synchronizeCache(context: CommandContext): Promise<CommandResult> {
  await context.unit.flush();
  return {};
}

/** GOOD, not CONDITION MET: nothing promises that the blocks fit into the cache. */
export function preFetch(): CommandResult {
  return {};
}
