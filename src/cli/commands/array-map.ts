import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';

interface Request {
  readonly directory: string;
  readonly lun: number;
  readonly name: string;
  readonly targetSerial: string;
  readonly targetLun: number;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  const { directory, lun, name, targetSerial, targetLun } = request;
  return await editArray(directory, { operation: 'map', entry: { lun, name, targetSerial, targetLun } }, context);
}
