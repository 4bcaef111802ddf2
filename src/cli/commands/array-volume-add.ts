import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';
import { usageError } from '../cli-error.ts';
import type { VolumeDescription } from '../services.ts';

interface Request {
  readonly directory: string;
  readonly lun: number;
  readonly name: string;
  readonly size: number;
  readonly kind: VolumeDescription['kind'];
  readonly blockSize: '512' | '4096';
  readonly physicalBlockSize?: '4096';
  readonly readOnly?: boolean;
  readonly sanitizeMinimum?: number;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  const { directory, lun, name, size, kind } = request;
  const blockSize = request.blockSize === '512' ? 512 : 4096;
  if (size === 0 || size % blockSize !== 0) {
    throw usageError(
      `--size ${size} is not possible`,
      `it must be whole blocks of ${blockSize} bytes`,
      'give --size 64MiB',
    );
  }
  const volume = { lun, name, kind, blockSize, blockCount: size / blockSize, ...optionsOf(request) } as const;
  return await editArray(directory, { operation: 'volume-add', volume }, context);
}

/** What they mean together is checked by the array. */
function optionsOf({ physicalBlockSize, readOnly, sanitizeMinimum }: Request): Partial<VolumeDescription> {
  return {
    ...(physicalBlockSize === undefined ? {} : { physicalBlockSize: 4096 }),
    ...(readOnly ? { readOnly } : {}),
    ...(sanitizeMinimum ? { sanitizeMinimum } : {}),
  };
}
