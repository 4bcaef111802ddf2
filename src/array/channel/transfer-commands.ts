import { BLOCK_OPTION } from '../../scsi/cdb.ts';
import { receivedData, writeBlocks, type CommandContext, type CommandResult } from './command-context.ts';

/** READ, WRITE and what moves no data: each READ and each WRITE reaches its unit as exactly one call. */

export async function read(context: CommandContext): Promise<CommandResult> {
  const { unit, fields, task } = context;
  if (fields.blockCount === 0) return {};
  // FUA: the data come from the medium, so what the cache holds must be there first (SBC-3 5.10).
  if (forcesUnitAccess(context)) await unit.flush();
  // No more than the initiator has room for: the transport lets in as many READs as that has memory for.
  const blockCount = Math.min(fields.blockCount, Math.ceil(task.expectedDataIn / unit.blockSize));
  const producedDataIn = fields.blockCount * unit.blockSize;
  if (blockCount === 0) return { producedDataIn };
  return { dataIn: await unit.read(fields.lba, blockCount, task.nexus), producedDataIn };
}

/**
 * Where the initiator announced less data than the CDB names, what arrived is written, in one call, and the rest of a block that
 * it ends in stays; the residual count tells the initiator (RFC 7143 11.4.5.2).
 */
export async function write(context: CommandContext): Promise<CommandResult> {
  const { unit, fields } = context;
  const wantedDataOut = fields.blockCount * unit.blockSize;
  const received = receivedData(context.task, wantedDataOut);
  // Whole blocks go on in this turn: commands start in the order in which they came.
  const data = received.length % unit.blockSize === 0 ? received : await filledUp(context, received);
  if (data.length > 0) await writeBlocks(context, fields.lba, data, forcesUnitAccess(context));
  return { wantedDataOut };
}

/** Data that end within a block, and the rest of that block as it stands on the unit; needs the range for itself. */
export async function filledUp({ fields, task, unit }: CommandContext, data: Uint8Array): Promise<Uint8Array> {
  const begun = data.length % unit.blockSize;
  if (begun === 0) return data;
  const last = await unit.read(fields.lba + (data.length - begun) / unit.blockSize, 1, task.nexus);
  const whole = new Uint8Array(data.length - begun + unit.blockSize);
  whole.set(data, 0);
  whole.set(last.subarray(begun), data.length);
  return whole;
}

/** A write of which the initiator announced a part that ends within a block. */
export function endsInBlock({ command, fields, task, unit }: CommandContext): boolean {
  const announced = task.expectedDataOut;
  const cutShort = announced < fields.blockCount * unit.blockSize;
  return command.effect === 'write' && cutShort && announced % unit.blockSize !== 0;
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
