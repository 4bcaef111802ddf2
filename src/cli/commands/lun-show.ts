import { decodeLabel, type Label } from '../../interface-block/label.ts';
import { LABEL_SIZE } from '../../interface-block/geometry.ts';
import { LunError, type Lun, type LunCapacity, type LunErrorKind, type LunIdentity } from '../../lun/lun.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { withLun } from '../lun-selector.ts';

export interface LunShow {
  readonly path: string;
  readonly identity: LunIdentity;
  readonly capacity: LunCapacity;
  /** Present where the LUN is a command device. */
  readonly label?: Label;
}

export async function run(request: { readonly lun: string }, context: CommandContext): Promise<CommandResult<LunShow>> {
  return withLun(context, request.lun, async ({ lun }) => {
    const options = { timeoutMs: context.timeoutMs };
    const [identity, capacity] = [await lun.identify(options), await lun.capacity(options)];
    const label = await readLabel(lun, capacity, options.timeoutMs);
    return { data: { path: lun.path, identity, capacity, ...(label && { label }) } };
  });
}

/** A unit that is not ready or reserved can still be shown; a path that fails is no answer about the LUN. */
const SHOWN_UNREAD: readonly LunErrorKind[] = ['not-ready', 'no-medium', 'reservation-conflict', 'check-condition'];

function unreadable(error: unknown): undefined {
  if (error instanceof LunError && SHOWN_UNREAD.includes(error.kind)) return undefined;
  throw error;
}

async function readLabel(lun: Lun, capacity: LunCapacity, timeoutMs: number): Promise<Label | undefined> {
  if (capacity.blockCount * capacity.blockSize < LABEL_SIZE) return undefined;
  const bytes = await lun.read(0, LABEL_SIZE / capacity.blockSize, { timeoutMs }).catch(unreadable);
  const label = bytes && decodeLabel(bytes);
  return label?.ok ? label.value : undefined;
}
