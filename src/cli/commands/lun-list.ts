import type { VolumeRow } from '../../host/operations.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { classOfSeveral, type ExitClassName } from '../exit-classes.ts';
import { failureOf, type Failure } from '../failure.ts';
import { arrayNamed, withLuns, withSite, type Site } from '../site.ts';

export interface LunList {
  readonly portal?: { readonly url: string; readonly luns: readonly number[] };
  readonly arrays?: readonly ArrayLuns[];
}

export interface ArrayLuns {
  readonly array: string;
  readonly serial: string;
  readonly volumes?: readonly VolumeRow[];
  readonly error?: Failure;
}

/** Through the command devices, which know what each LUN is for; for a portal URL, what REPORT LUNS says. */
export async function run(
  request: { readonly where?: string },
  context: CommandContext,
): Promise<CommandResult<LunList>> {
  const { where } = request;
  if (where?.startsWith('iscsi://')) {
    const luns = await withLuns(context, (access) => access.reportLuns(where, context.timeoutMs));
    return { data: { portal: { url: where, luns } } };
  }
  return withSite(context, (site) => listArrays(site, where, context));
}

async function listArrays(
  site: Site,
  where: string | undefined,
  context: CommandContext,
): Promise<CommandResult<LunList>> {
  const wanted = where === undefined ? [...site.configuration.arrays.values()] : [arrayNamed(site, where)];
  if (wanted.length === 1) {
    const { name, serial } = wanted[0]!;
    const volumes = await site.arrays.get(name)!.listVolumes({ timeoutMs: context.timeoutMs });
    return { data: { arrays: [{ array: name, serial, volumes }] } };
  }
  const arrays = await Promise.all(wanted.map(({ name, serial }) => listArray(site, name, serial, context)));
  const exit = classOfSeveral(arrays.map(({ error }): ExitClassName => error?.class ?? 'done'));
  return { data: { arrays }, exit };
}

async function listArray(site: Site, array: string, serial: string, context: CommandContext): Promise<ArrayLuns> {
  try {
    return { array, serial, volumes: await site.arrays.get(array)!.listVolumes({ timeoutMs: context.timeoutMs }) };
  } catch (error) {
    return { array, serial, error: failureOf(error, 'lun list') };
  }
}
