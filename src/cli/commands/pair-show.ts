import { misfitsOf } from '../../replication/misfits.ts';
import { observeGroup, type GroupObservation } from '../../replication/observe.ts';
import { verdictOf, type Verdict } from '../../replication/verdict.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { ExitClassName } from '../exit-classes.ts';
import { withSite } from '../site.ts';
import { groupNamed, replicationContext } from '../with-group.ts';

export interface GroupState {
  readonly group: string;
  readonly observation: GroupObservation;
  readonly verdict: Verdict;
  /** In what the arrays' pairs differ from those of the configuration. */
  readonly misfits: readonly string[];
}

export interface PairShow {
  readonly groups: readonly GroupState[];
}

export async function run(
  request: { readonly group?: string },
  context: CommandContext,
): Promise<CommandResult<PairShow>> {
  return withSite(context, async (site) => {
    const all = [...site.configuration.groups.values()];
    const wanted = request.group === undefined ? all : [groupNamed(site, request.group)];
    const replication = replicationContext(context, site);
    const groups = await Promise.all(
      wanted.map(async (group) => {
        const observation = await observeGroup(replication, group);
        return {
          group: group.name,
          observation,
          verdict: verdictOf(observation),
          misfits: misfitsOf(group, observation),
        };
      }),
    );
    const exit = exitOf(groups);
    return exit === 'done' ? { data: { groups } } : { data: { groups }, exit, note: silenceNote(groups) };
  });
}

/** Who does not answer, and why. */
function silenceNote(groups: readonly GroupState[]): NonNullable<CommandResult['note']> {
  const silent = new Map<string, string>();
  for (const { observation } of groups) {
    for (const side of observation.sides) if (!side.reachable) silent.set(side.array, side.error.message);
  }
  return {
    what: `no answer from ${[...silent.keys()].join(' and ')}`,
    where: [...silent.keys()].map((array) => `array ${array}`).join(', '),
    why: [...silent.values()].join('; '),
    next: groups.find(({ verdict }) => verdict.unreachable.length > 0)?.verdict.nextStep ?? 'check the paths',
  };
}

/** A picture with a missing half is partial; one of which nothing could be seen has no path. */
export function exitOf(groups: readonly GroupState[]): ExitClassName {
  const sides = groups.flatMap(({ observation }) => observation.sides);
  if (sides.every((side) => side.reachable)) return 'done';
  return sides.some((side) => side.reachable) ? 'partial' : 'no-path';
}
