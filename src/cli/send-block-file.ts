import { CommandError } from '../host/command-error.ts';
import { sendRawBlock } from '../host/raw-block.ts';
import { describeBlock, type BlockDescription } from '../interface-block/describe.ts';
import { SLOT_COUNT, WRITE_UNIT } from '../interface-block/geometry.ts';
import { statusName } from '../interface-block/status.ts';
import { usageError } from './cli-error.ts';
import type { ArrayDefinition } from './config/configuration.ts';
import { confirmName } from './confirm.ts';
import type { CommandContext } from './context.ts';
import type { CommandResult } from './definition.ts';
import { arrayNamed, withSite } from './site.ts';

/** What became of bytes that were sent as they are. */
export interface RawSend {
  readonly array: string;
  readonly path: string;
  /** Absent with `--dry-run`. */
  readonly slot: number | undefined;
  readonly sent: BlockDescription;
  readonly dryRun?: true;
  /** Absent where the array deleted the block at completion (S906). */
  readonly answer: BlockDescription | undefined;
}

/** Sends 4096 bytes of a file once, sound or not, through the first path of the array; nothing is retried. */
export async function sendBlockFile(
  name: string,
  file: string,
  context: CommandContext,
): Promise<CommandResult<RawSend>> {
  const block = await readBlock(file, context);
  const sent = describeBlock(block);
  return withSite(context, async (site) => {
    const array = arrayNamed(site, name);
    const path = array.commandDevices[0]!;
    if (context.dryRun)
      return {
        changed: false,
        data: { array: array.name, path, dryRun: true, slot: undefined, sent, answer: undefined },
      };
    await confirmName(context, array.name, `${file} is sent to array ${array.name} as it is`);
    const lun = await site.access.opener.open(path, { timeoutMs: context.timeoutMs });
    try {
      const { clock, random } = context.services;
      const slot = random.below(SLOT_COUNT);
      const parts = { array: array.name, serial: array.serial, lun, block, slot, clock, timeoutMs: context.timeoutMs };
      const result = await sendRawBlock(parts);
      const answer = result.answer && describeBlock(result.answer);
      refuseIfRefused(array, path, answer);
      return { changed: true, data: { array: array.name, path, slot: result.slot, sent, answer } };
    } finally {
      await lun.close().catch(() => undefined);
    }
  });
}

async function readBlock(file: string, context: CommandContext): Promise<Uint8Array> {
  const bytes = await context.services.files.read(file).catch((error: unknown) => {
    throw usageError(
      `${file} cannot be read`,
      error instanceof Error ? error.message : String(error),
      'give another --file',
    );
  });
  if (bytes.length === WRITE_UNIT) return bytes;
  throw usageError(
    `${file} is no block`,
    `it has ${bytes.length} bytes, a block has ${WRITE_UNIT}`,
    'make one: cdctl block encode',
  );
}

function refuseIfRefused(array: ArrayDefinition, path: string, answer: BlockDescription | undefined): void {
  const block = answer?.block;
  if (!block || !('status' in block) || block.status === 0) return;
  const status = statusName(block.status);
  throw new CommandError('refused', array.name, answer.refusal ?? `status ${block.status}`, {
    path,
    requestId: block.requestId,
    ...(status && { status }),
    ...(answer.processName && { process: answer.processName }),
  });
}
