import type { Label } from '../../interface-block/label.ts';
import { sharedTime } from '../../base/shared-time.ts';
import type { LunExamination } from '../../lun/examination.ts';
import { LunError, type LunCapacity, type LunErrorKind, type LunIdentity } from '../../lun/lun.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { readFirstBlocks } from '../lun-facts.ts';
import { withLun, type OpenLun } from '../lun-selector.ts';

export interface LunShow {
  readonly path: string;
  /** Under which this host asked; absent where the path is no iSCSI path. */
  readonly initiatorName?: string;
  readonly identity: LunIdentity;
  /** Absent where the unit does not tell it now. */
  readonly capacity?: LunCapacity;
  readonly examination: LunExamination;
  /** Present where the LUN is a command device. */
  readonly label?: Label;
  /** A copy onto this LUN was begun and has not ended. */
  readonly unfinishedCopy: boolean;
  /** Every field of every page, and their bytes. */
  readonly all: boolean;
}

interface Request {
  readonly lun: string;
  readonly all?: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunShow>> {
  return withLun(context, request.lun, (open) => show(request, context, open), { onlyReads: true });
}

async function show(
  request: Request,
  context: CommandContext,
  { lun, access }: OpenLun,
): Promise<CommandResult<LunShow>> {
  const options = sharedTime(context.services.clock, context.timeoutMs);
  const identity = await lun.identify(options);
  const examination = await access.examine(lun, options.timeoutMs);
  const capacity = await lun.capacity(options).catch(untold);
  const first = capacity && (await readFirstBlocks(lun, capacity, options.timeoutMs));
  return {
    data: {
      path: lun.path,
      ...(lun.scsi && { initiatorName: access.initiatorName() }),
      identity,
      examination,
      all: request.all ?? false,
      ...(capacity && { capacity }),
      unfinishedCopy: first?.unfinishedCopy ?? false,
      ...(first?.label && { label: first.label }),
    },
  };
}

/** A unit without medium, or one that another host has reserved for itself, still has much to show. */
const TOLD_NOTHING: readonly LunErrorKind[] = ['not-ready', 'no-medium', 'reservation-conflict', 'check-condition'];

function untold(error: unknown): undefined {
  if (error instanceof LunError && TOLD_NOTHING.includes(error.kind)) return undefined;
  throw error;
}
