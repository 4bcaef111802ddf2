import type { ArrayDefinition } from '../config/configuration.ts';
import type { SecretSource } from '../config/chap.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { InitiatorName } from '../initiator-name.ts';
import { initiatorNameOf } from '../site.ts';
import type { GroupDefinition } from '../../replication/definition.ts';

export interface ConfigShow {
  readonly file: string;
  readonly installation: string | undefined;
  /** Under which this host logs in to iSCSI targets, and what gave it. */
  readonly initiatorName: InitiatorName;
  readonly arrays: readonly ArrayDefinition[];
  readonly groups: readonly GroupDefinition[];
  /** CHAP users, and where their secrets stand; never a secret. */
  readonly chap: readonly (Place & { readonly target?: Place })[];
}

interface Place {
  readonly user: string;
  readonly secretFile?: string;
  readonly secretVariable?: string;
}

export async function run(_request: object, context: CommandContext): Promise<CommandResult<ConfigShow>> {
  const configuration = await context.configuration();
  const { path, installation, arrays, groups, chap } = configuration;
  const users = [...chap].map(([user, { secret, target }]) => ({
    ...place(user, secret),
    ...(target && { target: place(target.user, target.secret) }),
  }));
  return {
    data: {
      file: path,
      installation,
      initiatorName: initiatorNameOf(context, configuration),
      arrays: [...arrays.values()],
      groups: [...groups.values()],
      chap: users,
    },
  };
}

function place(user: string, source: SecretSource): Place {
  return 'file' in source ? { user, secretFile: source.file } : { user, secretVariable: source.variable };
}
