import type { GroupDefinition } from './definition.ts';
import { peerOf, sideAt, type ArrayObservation, type GroupObservation } from './observe.ts';
import { refused, type RefusedPlan } from './plan.ts';
import type { Verdict } from './verdict.ts';

/** Refusals that several verbs share; undefined where nothing stands against it. */

export function requireArray(group: GroupDefinition, array: string | undefined, what: string): RefusedPlan | undefined {
  if (array === undefined || group.arrays.includes(array)) return undefined;
  const why = `${array} is not an array of the group`;
  return refused('bad-request', what, why, `name ${group.arrays.join(' or ')}`);
}

export function refuseUnreachable(observation: GroupObservation, what: string, next?: string): RefusedPlan | undefined {
  const sides = observation.sides.filter((side) => !side.reachable);
  if (sides.length === 0) return undefined;
  const why = sides.map((side) => `${side.array}: ${side.error.message}`).join('; ');
  if (sides.some((side) => side.denied)) return refused('would-be-refused', what, why, GET_RIGHTS);
  return refused('array-unreachable', what, why, next ?? 'repair the path to its command device, then run it again');
}

export const GET_RIGHTS = 'have this host granted what it needs there, or give it its key, then run it again';

export function refuseByVerdict(verdict: Verdict, what: string): RefusedPlan {
  const unsafe = verdict.kind === 'diverged' || verdict.olderCopy !== undefined;
  const kind = unsafe ? 'refused-for-safety' : 'state-does-not-hold';
  return refused(kind, what, verdict.explanation, verdict.nextStep);
}

/** The named side first, the other second. */
export function sidesFrom(observation: GroupObservation, array: string): readonly [ArrayObservation, ArrayObservation] {
  const side = sideAt(observation, array);
  if (!side) throw new Error(`${array} was not observed`);
  return [side, peerOf(observation, array)];
}
