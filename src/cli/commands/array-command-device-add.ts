import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';

interface Request {
  readonly directory: string;
  readonly lun: number;
  readonly deviceSerial: string;
  readonly deviceName: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  const { directory, lun, deviceSerial, deviceName } = request;
  const entry = { lun, deviceSerial, deviceName };
  return await editArray(directory, { operation: 'command-device-add', entry }, context);
}
