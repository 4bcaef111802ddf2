import type { Lun } from '../../lun/lun.ts';
import type { ReplicationContext } from '../../replication/context.ts';
import type { GroupDefinition } from '../../replication/definition.ts';
import { loadConfiguration } from '../config/find.ts';
import { withSite } from '../site.ts';
import { groupNamed, replicationContext } from '../with-group.ts';
import type { Play } from './play.ts';

export const DEMO_GROUP = 'oradb';

/** What an operator at one site has: that site's configuration, which is attached to that site's array only. */
export interface Desk {
  readonly site: string;
  readonly group: GroupDefinition;
  readonly replication: ReplicationContext;
  /** Path of the volume of each region at this site. */
  readonly paths: readonly string[];
  /** The same volumes, open. */
  readonly luns: readonly Lun[];
  readonly timeoutMs: number;
}

export async function atDesk<T>(play: Play, site: string, use: (desk: Desk) => Promise<T>): Promise<T> {
  const { services, environment, timeoutMs } = play.context;
  const file = play.lab.arrays.find(({ name }) => name === site)!.configuration;
  const configuration = await loadConfiguration(services.files, environment, file);
  const context = { ...play.context, configuration: async () => configuration };
  return withSite(
    context,
    async (open) => {
      const group = groupNamed(open, DEMO_GROUP);
      const portal = configuration.arrays.get(site)!.portal!;
      const paths = play.regions.map(({ volume }) => `${portal}/${lunOf(group, volume, site)}`);
      const luns = await Promise.all(paths.map((path) => open.access.opener.open(path, { timeoutMs })));
      const replication = replicationContext(context, open, () => undefined);
      return use({ site, group, replication, paths, luns, timeoutMs });
    },
    (event) => play.block(site, event),
  );
}

export function lunOf(group: GroupDefinition, volume: string, site: string): number {
  return group.pairs.find((pair) => pair.name === volume)!.luns[site]!;
}
