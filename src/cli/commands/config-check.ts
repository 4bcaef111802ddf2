import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { loadSecrets } from '../config/secrets.ts';
import { initiatorNameOf, secretPlaces } from '../site.ts';

export interface ConfigCheck {
  readonly file: string;
  readonly arrays: number;
  readonly groups: number;
  readonly pairs: number;
  readonly secrets: number;
}

/** Everything that can be said of the file without asking an array; the secrets are looked for too. */
export async function run(_request: object, context: CommandContext): Promise<CommandResult<ConfigCheck>> {
  const configuration = await context.configuration();
  initiatorNameOf(context, configuration);
  await loadSecrets(secretPlaces(context), configuration);
  const groups = [...configuration.groups.values()];
  return {
    data: {
      file: configuration.path,
      arrays: configuration.arrays.size,
      groups: groups.length,
      pairs: groups.reduce((sum, group) => sum + group.pairs.length, 0),
      secrets: configuration.chap.size,
    },
  };
}
