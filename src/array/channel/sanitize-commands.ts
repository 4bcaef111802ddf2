import { describeViolation } from '../../base/violation.ts';
import { decodeOverwriteList, decodeSanitizeCdb, OVERWRITE_HEADER_LENGTH } from '../../scsi/sanitize.ts';
import { sanitizeFault, type Sanitizer, type SanitizeRequest } from '../sanitize/sanitizer.ts';
import { receivedData, throwIfAborted, type CommandContext, type CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, invalidParameter } from './faults.ts';
import { requireWritable } from './write-access.ts';

/** SANITIZE, of units whose backing can be erased. It goes on whatever becomes of the command, its nexus and the unit. */

const NO_PATTERN = { passes: 1, invert: false, pattern: new Uint8Array(0) } as const;

export async function sanitizeOverwrite(context: CommandContext): Promise<CommandResult> {
  const { task, unit } = context;
  const { allowExit, immediate, parameterListLength: length } = cdbValue(decodeSanitizeCdb(task.cdb), 1);
  if (length <= OVERWRITE_HEADER_LENGTH || length > unit.blockSize + OVERWRITE_HEADER_LENGTH) {
    throw invalidFieldInCdb(7, undefined, `a parameter list of ${length} bytes`);
  }
  const list = decodeOverwriteList(receivedData(task, length), unit.blockSize);
  if (!list.ok) throw invalidParameter(describeViolation(list.violation));
  await sanitize(context, { ...list.value, method: 'overwrite', allowExit }, immediate);
  return { wantedDataOut: length };
}

export function sanitizeBlockErase(context: CommandContext): Promise<CommandResult> {
  return erase(context, 'block-erase');
}

export function sanitizeCryptoErase(context: CommandContext): Promise<CommandResult> {
  return erase(context, 'crypto-erase');
}

async function erase(context: CommandContext, method: SanitizeRequest['method']): Promise<CommandResult> {
  const { allowExit, immediate } = withoutList(context);
  await sanitize(context, { ...NO_PATTERN, method, allowExit }, immediate);
  return {};
}

export async function sanitizeExitFailureMode(context: CommandContext): Promise<CommandResult> {
  withoutList(context);
  const status = control(context).status();
  if (!status) return {};
  if (status.state === 'running') throw sanitizeFault(status);
  if (!status.allowExit) {
    throw invalidFieldInCdb(1, 4, 'AUSE was 0: only another sanitize ends this failure');
  }
  await control(context).exitFailure();
  return {};
}

function withoutList(context: CommandContext): { readonly allowExit: boolean; readonly immediate: boolean } {
  const fields = cdbValue(decodeSanitizeCdb(context.task.cdb), 1);
  if (fields.parameterListLength !== 0) throw invalidFieldInCdb(7, undefined, 'there is no parameter list');
  return fields;
}

/** The device server has seen that the unit has one. */
function control({ unit }: CommandContext): Sanitizer {
  return unit.sanitize!;
}

/** An aborted task ends; what it began does not. */
async function sanitize(context: CommandContext, request: SanitizeRequest, immediate: boolean): Promise<void> {
  const { channel, task, unit } = context;
  throwIfAborted(channel, task);
  requireWritable(channel, unit);
  await control(context).begin(request);
  if (immediate) return;
  for (let status = control(context).status(); status; status = control(context).status()) {
    if (status.state === 'failed') throw sanitizeFault(status);
    await control(context).step();
    throwIfAborted(channel, task);
  }
}
