import { describeBlock, type BlockDescription } from '../../interface-block/describe.ts';
import { PROCESSES, type ProcessName, type RequestOf } from '../../interface-block/process-table.ts';
import { checkRequestId, processNamed, requestFrom } from '../block-input.ts';
import { usageError } from '../cli-error.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { requestBytes } from '../planned-blocks.ts';
import { sendBlockFile, type RawSend } from '../send-block-file.ts';
import { arrayNamed, withSite } from '../site.ts';

interface Request {
  readonly array: string;
  readonly process?: string;
  readonly set?: readonly string[];
  readonly row?: readonly string[];
  readonly file?: string;
  readonly requestId?: string;
}

export interface BlockSend {
  readonly array: string;
  readonly process: ProcessName;
  readonly request: unknown;
  readonly dryRun?: true;
  /** With `--dry-run`: what would be sent. */
  readonly block?: BlockDescription;
  readonly reply?: unknown;
}

interface Message {
  readonly process: ProcessName;
  readonly request: RequestOf<ProcessName>;
  readonly requestId: string | undefined;
}

/** One command; with `--file` its bytes as they are. Those that can change an array must be confirmed by the array's name. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<BlockSend | RawSend>> {
  if (request.file !== undefined) return sendBlockFile(request.array, request.file, context);
  const message = typed(request);
  const { process } = message;
  return withSite(context, async (site) => {
    const array = arrayNamed(site, request.array);
    const base = { array: array.name, process, request: message.request };
    if (context.dryRun) {
      const bytes = requestBytes(process, message.request, array.serial, context, idOf(message));
      return { changed: false, data: { ...base, dryRun: true, block: describeBlock(bytes) } };
    }
    const { changes } = PROCESSES[process];
    if (changes) await confirmName(context, array.name, `${process} can change array ${array.name}`);
    const reply = await site.clients.get(array.name)!.call(process, message.request, idOf(message));
    return { changed: changes && changedIn(reply), data: { ...base, reply } };
  });
}

function idOf({ requestId }: Message): { readonly requestId?: string } {
  return requestId === undefined ? {} : { requestId };
}

function changedIn(reply: { readonly header: object }): boolean {
  return (reply.header as { changed?: boolean }).changed ?? true;
}

function typed(request: Request): Message {
  if (request.process === undefined) {
    throw usageError('the process is missing', 'neither a process nor --file was given', 'see cdctl block send --help');
  }
  const process = processNamed(request.process);
  const message = requestFrom(process, request.set ?? [], request.row ?? []);
  return { process, request: message, requestId: checkRequestId(request.requestId) };
}
