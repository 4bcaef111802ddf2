import {
  describeBlock,
  describeLabel,
  type BlockDescription,
  type DumpSection,
} from '../../interface-block/describe.ts';
import { LABEL_CHECKED_SIZE, LABEL_SIZE, SLOT_SIZE } from '../../interface-block/geometry.ts';
import { LABEL_MAGIC, type Label } from '../../interface-block/label.ts';
import type { Violation } from '../../base/violation.ts';
import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';

export interface BlockDecode {
  readonly description?: BlockDescription;
  readonly label?: {
    readonly value?: Label;
    readonly violation?: Violation;
    readonly sections: readonly DumpSection[];
  };
}

/** A block that does not check is shown all the same, with what is wrong; the exit code is then 1. */
export async function run(
  request: { readonly file: string },
  context: CommandContext,
): Promise<CommandResult<BlockDecode>> {
  const bytes = request.file === '-' ? await context.readInput() : await readFile(request.file, context);
  if (![LABEL_CHECKED_SIZE, LABEL_SIZE, SLOT_SIZE].includes(bytes.length)) {
    throw usageError(
      `${bytes.length} bytes cannot be decoded`,
      'a label has 512 or 4096 bytes, a request 4096, a slot 16384',
      'read whole blocks (see src/interface-block/README.md)',
    );
  }
  const data = decode(bytes);
  const violation = data.description?.violation ?? data.label?.violation;
  if (!violation) return { data };
  const why = `${violation.field}: got ${violation.got}, expected ${violation.limit}`;
  const note = {
    what: 'the block does not check',
    where: request.file,
    why,
    next: 'it must be neither executed nor believed',
  };
  return { data, exit: 'does-not-hold', note };
}

function decode(bytes: Uint8Array): BlockDecode {
  const magic = new TextDecoder('latin1').decode(bytes.subarray(0, LABEL_MAGIC.length));
  if (magic !== LABEL_MAGIC && bytes.length !== LABEL_CHECKED_SIZE) return { description: describeBlock(bytes) };
  const { label, sections } = describeLabel(bytes);
  return { label: label.ok ? { value: label.value, sections } : { violation: label.violation, sections } };
}

async function readFile(path: string, context: CommandContext): Promise<Uint8Array> {
  return context.services.files.read(path).catch((error: unknown) => {
    throw usageError(
      `${path} cannot be read`,
      error instanceof Error ? error.message : String(error),
      'give another file',
    );
  });
}
