import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { editArray, type ArrayEdit } from '../edit-array.ts';

interface Request {
  readonly directory: string;
  readonly serial: string;
  readonly name: string;
  readonly portal: readonly string[];
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<ArrayEdit>> {
  const { directory, serial, name, portal } = request;
  return await editArray(directory, { operation: 'remote-add', remote: { serial, name, portals: portal } }, context);
}
