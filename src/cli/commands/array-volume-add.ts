import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';
import { usageError } from '../cli-error.ts';
import type { VolumeDescription } from '../services.ts';

interface Request {
  readonly directory: string;
  readonly lun: number;
  readonly name: string;
  readonly size?: number;
  readonly backing?: string;
  readonly kind: VolumeDescription['kind'];
  readonly blockSize: '512' | '4096';
  readonly physicalBlockSize?: '4096';
  readonly readOnly?: boolean;
  readonly sanitizeMinimum?: number;
  readonly encrypted?: boolean;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  const { directory, lun, name, kind, backing } = request;
  const blockSize = request.blockSize === '512' ? 512 : 4096;
  if (backing !== undefined) checkBacking(backing, kind);
  // The array makes a volume as large as its backing.
  const size = request.size ?? (backing === undefined ? undefined : 0);
  if (size === undefined) throw usageError('--size is missing', 'only a backing has a size', 'give --size 64MiB');
  if ((size === 0 && request.size !== undefined) || size % blockSize !== 0) {
    throw usageError(
      `--size ${size} is not possible`,
      `it must be whole blocks of ${blockSize} bytes`,
      'give --size 64MiB',
    );
  }
  const volume = { lun, name, kind, blockSize, blockCount: size / blockSize, ...optionsOf(request) } as const;
  return editArray(directory, { operation: 'volume-add', volume }, context);
}

/** What they mean together is checked by the array. */
function optionsOf(request: Request): Partial<VolumeDescription> {
  const { physicalBlockSize, readOnly, sanitizeMinimum, encrypted, backing } = request;
  return {
    ...(physicalBlockSize === undefined ? {} : { physicalBlockSize: 4096 }),
    ...(readOnly ? { readOnly } : {}),
    ...(sanitizeMinimum ? { sanitizeMinimum } : {}),
    ...(encrypted ? { encrypted } : {}),
    ...(backing === undefined ? {} : { backing }),
  };
}

/** The array itself looks at what is there. A secret would stand in the process list. */
function checkBacking(backing: string, kind: VolumeDescription['kind']): void {
  if (kind !== 'volume') {
    throw usageError(`--kind ${kind} with --backing`, 'only a volume can have a backing', 'leave out one of them');
  }
  if (/^iscsi:\/\/[^/@]*[:%][^/]*@|password=/i.test(backing)) {
    const why = 'it would stand in the process list and in the tables of the array';
    throw usageError(
      '--backing holds a secret',
      why,
      'name the user only; its secret file stands among the remotes of access.yaml',
    );
  }
  if (!/^(?:\/dev\/|iscsi:\/\/)\S+$/.test(backing)) {
    throw usageError(
      `--backing ${backing} is not possible`,
      'it must be a LUN',
      'give /dev/... or iscsi://host/iqn/lun',
    );
  }
}
