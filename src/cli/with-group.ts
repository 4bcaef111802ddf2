import type { GroupDefinition } from '../replication/definition.ts';
import type { ReplicationContext } from '../replication/context.ts';
import type { ReplicationEvent } from '../replication/events.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import { withSite, type Site } from './site.ts';
import { formatBytes } from './values.ts';

/** A group of the configuration with the arrays that it lives on. */
export interface OpenGroup {
  readonly group: GroupDefinition;
  readonly replication: ReplicationContext;
  readonly site: Site;
}

export async function withGroup<T>(
  context: CommandContext,
  name: string,
  use: (open: OpenGroup) => Promise<T>,
): Promise<T> {
  return withSite(context, async (site) => {
    const group = groupNamed(site, name);
    return use({ group, site, replication: replicationContext(context, site) });
  });
}

export function replicationContext(
  context: CommandContext,
  site: Site,
  onEvent: (event: ReplicationEvent) => void = (event) => showProgress(context, event),
): ReplicationContext {
  return {
    clock: context.services.clock,
    arrays: site.arrays,
    timeoutMs: context.timeoutMs,
    signal: context.stop,
    onEvent,
  };
}

export function groupNamed(site: Site, name: string): GroupDefinition {
  const group = site.configuration.groups.get(name);
  if (group) return group;
  const known = [...site.configuration.groups.keys()];
  throw new CliError('usage', {
    what: `no group "${name}"`,
    where: site.configuration.path,
    why: known.length === 0 ? 'the configuration names no group' : `the configuration names ${known.join(', ')}`,
    next: known.length === 0 ? 'describe one under groups' : 'name one of them',
  });
}

/** `oradb/data` or `oradb/10`: a pair by its name, or by a LUN of either side. */
export function splitPairSelector(selector: string): { readonly group: string; readonly pair: string | undefined } {
  const at = selector.indexOf('/');
  return at < 0 ? { group: selector, pair: undefined } : { group: selector.slice(0, at), pair: selector.slice(at + 1) };
}

export function pairNamed(group: GroupDefinition, name: string): string {
  const byName = group.pairs.find((pair) => pair.name === name);
  const byLun = group.pairs.filter((pair) => Object.values(pair.luns).some((lun) => String(lun) === name));
  const meant = new Set([...(byName ? [byName] : []), ...byLun]);
  const [pair] = meant;
  if (pair && meant.size === 1) return pair.name;
  throw new CliError('usage', {
    what: `group ${group.name} has no ${meant.size > 1 ? 'one ' : ''}pair "${name}"`,
    where: 'the configuration',
    why:
      meant.size > 1
        ? `${[...meant].map((each) => each.name).join(' and ')} can be meant: by name, or by LUN ${name}`
        : `its pairs are ${group.pairs.map((each) => each.name).join(', ')}`,
    next: 'name one of them',
  });
}

export function arrayOfGroup(group: GroupDefinition, name: string): string {
  if (group.arrays.includes(name)) return name;
  throw new CliError('usage', {
    what: `group ${group.name} is not on array "${name}"`,
    why: `it is on ${group.arrays.join(' and ')}`,
    next: 'name one of them',
  });
}

export function showProgress(context: CommandContext, event: ReplicationEvent): void {
  const text = progressText(event);
  if (text !== undefined) context.progress(text);
}

function progressText(event: ReplicationEvent): string | undefined {
  switch (event.kind) {
    case 'step-begun':
      return `${event.group}: ${event.id} ${event.process} at ${event.array}: ${event.why}`;
    case 'waiting':
      return `${event.group}: waiting at ${event.array} for ${event.for}`;
    case 'copy-progress':
      return `${event.group}: copying ${event.pairs.map(copyText).join(', ')}`;
    case 'cycle-done':
      return `${event.group}: ${event.restoredSequence} of ${event.primarySequence} writes restored`;
    default:
      return undefined;
  }
}

function copyText(pair: { pair: string; copiedChunks: number; copyChunks: number; chunkBytes: number }): string {
  const done = formatBytes(pair.copiedChunks * pair.chunkBytes);
  return `${pair.pair} ${done} of ${formatBytes(pair.copyChunks * pair.chunkBytes)}`;
}
