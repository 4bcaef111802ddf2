import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';

interface Request {
  readonly directory: string;
  readonly lun: number;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  return await editArray(request.directory, { operation: 'command-device-remove', lun: request.lun }, context);
}
