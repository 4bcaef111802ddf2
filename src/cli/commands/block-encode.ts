import { describeBlock, type BlockDescription } from '../../interface-block/describe.ts';
import { checkRequestId, processNamed, requestFrom } from '../block-input.ts';
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { requestBytes } from '../planned-blocks.ts';

interface Request {
  readonly process: string;
  readonly set?: readonly string[];
  readonly row?: readonly string[];
  readonly serial: string;
  readonly requestId?: string;
  readonly admission: number;
  readonly page: number;
  readonly output?: string;
}

export interface BlockView {
  readonly description: BlockDescription;
  /** All of it, hex. */
  readonly bytes: Uint8Array;
  readonly output?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<BlockView>> {
  const process = processNamed(request.process);
  const requestId = checkRequestId(request.requestId);
  if (!/^[A-Z0-9]{1,16}$/.test(request.serial)) {
    throw usageError(
      `--serial ${request.serial} cannot be used`,
      'a serial is 1 to 16 characters of A-Z and 0-9',
      'give --serial TK000001',
    );
  }
  const message = requestFrom(process, request.set ?? [], request.row ?? []);
  const { admission: admissionNumber, page, output } = request;
  const details = { admissionNumber, page, ...(requestId && { requestId }) };
  const bytes = requestBytes(process, message, request.serial, context, details);
  await store(bytes, output, context);
  return { data: { description: describeBlock(bytes), bytes, ...(output !== undefined && { output }) } };
}

async function store(bytes: Uint8Array, output: string | undefined, context: CommandContext): Promise<void> {
  if (output === undefined) return;
  if (output !== '-') return context.services.files.write(output, bytes);
  if (!context.writeBytes) {
    throw usageError(
      '--output - and --json exclude each other',
      'standard output carries one of them',
      'give --output FILE',
    );
  }
  await context.writeBytes(bytes);
}
