import type { GroupDefinition } from './definition.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';

/**
 * In what the pairs of an array differ from those that the definition names, in sentences. Whatever is done with the group is done with the
 * pairs that the arrays have: a volume that was never paired, or given up, is not protected by a group that looks sound. Nothing is said of an
 * array that does not answer or has no such group.
 */
export function misfitsOf(group: GroupDefinition, { sides }: Pick<GroupObservation, 'sides'>): readonly string[] {
  return sides.filter(isPresent).flatMap((side) => misfitsAt(group, side));
}

/** Where the pair of that name is one of other volumes than the definition says: one of the two means another pair. */
export function otherLunsOf(
  group: GroupDefinition,
  { sides }: Pick<GroupObservation, 'sides'>,
  pair: string,
): readonly string[] {
  const meant = group.pairs.find(({ name }) => name === pair);
  if (!meant) return [];
  return sides.filter(isPresent).flatMap((side) => {
    const formed = side.pairs.filter((row) => row.pair === pair);
    return formed.length === 0 ? [] : misfitsAt({ ...group, pairs: [meant] }, { ...side, pairs: formed });
  });
}

function misfitsAt(group: GroupDefinition, { array, pairs }: PresentSide): readonly string[] {
  const formed = new Map(pairs.map((row) => [row.pair, row.role === 'primary' ? row.primaryLun : row.auxiliaryLun]));
  const wanted = group.pairs.flatMap(({ name, luns }) => {
    const [here, there] = [luns[array], formed.get(name)];
    formed.delete(name);
    if (there === undefined)
      return [`pair ${name} of the configuration is not formed at ${array}: LUN ${here} has no part in it`];
    return here === there ? [] : [`pair ${name} has LUN ${there} at ${array}, the configuration says LUN ${here}`];
  });
  const others = [...formed].map(([name, lun]) => `pair ${name} at ${array}, LUN ${lun}, is not in the configuration`);
  return [...wanted, ...others];
}
