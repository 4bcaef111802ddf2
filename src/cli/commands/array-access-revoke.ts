import { editAccess, withoutName, type AccessEdit } from '../access-edit.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';

interface Request {
  readonly directory: string;
  readonly name: string;
}

export async function run({ directory, name }: Request, context: CommandContext): Promise<CommandResult<AccessEdit>> {
  return editAccess(directory, (access) => withoutName(access, name), context);
}
