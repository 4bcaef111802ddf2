import type { ArrayDefinition } from '../config/configuration.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { GroupDefinition } from '../../replication/definition.ts';

export interface ConfigShow {
  readonly file: string;
  readonly installation: string | undefined;
  readonly arrays: readonly ArrayDefinition[];
  readonly groups: readonly GroupDefinition[];
  /** CHAP user and the file that holds the secret; never the secret. */
  readonly chap: readonly { readonly user: string; readonly secretFile: string }[];
}

export async function run(_request: object, context: CommandContext): Promise<CommandResult<ConfigShow>> {
  const { path, installation, arrays, groups, secretFiles } = await context.configuration();
  const chap = [...secretFiles].map(([user, secretFile]) => ({ user, secretFile }));
  return { data: { file: path, installation, arrays: [...arrays.values()], groups: [...groups.values()], chap } };
}
