import type { GroupDefinition } from './definition.ts';
import { otherLunsOf } from './misfits.ts';
import { isPresent, primaryFirst, type GroupObservation, type PresentSide } from './observe.ts';
import { planned, refused, step, type Plan, type Step } from './plan.ts';
import { refuseUnreachable } from './plan-checks.ts';

export interface DeleteIntent {
  /** Without it: all pairs of the group. */
  readonly pair?: string;
  /** Dissolve it on the array that answers although the other does not (a site that will not come back). */
  readonly reachableOnly?: boolean;
}

/** Dissolves pairs on both sides, the primary first, so that no journal fills for a peer that has left. */
export function planDelete(group: GroupDefinition, observation: GroupObservation, intent: DeleteIntent): Plan {
  const what = `delete ${intent.pair ?? observation.group}`;
  const others = intent.pair === undefined ? [] : otherLunsOf(group, observation, intent.pair);
  if (others.length > 0) {
    const next = 'compare cdctl pair show with the configuration, and correct that';
    return refused('refused-for-safety', what, others.join('; '), next);
  }
  const unreachable = refuseUnreachable(
    observation,
    what,
    'repair the path, or dissolve only the side that answers: --reachable-only',
  );
  if (unreachable && (intent.reachableOnly !== true || observation.sides.every((side) => !side.reachable)))
    return unreachable;
  const sides = observation.sides.filter(isPresent).sort(primaryFirst);
  const concerned = sides.filter(
    (side) => intent.pair === undefined || side.pairs.some((row) => row.pair === intent.pair),
  );
  const left = observation.sides
    .filter((side) => !side.reachable)
    .map((side) => `${side.array} does not answer and is left as it is`);
  return planned(
    concerned.map((side) => deleteStep(side, observation.group, intent.pair ?? '')),
    [...left, ...concerned.flatMap(unusableNote)],
  );
}

function deleteStep(side: PresentSide, group: string, pair: string): Step {
  const why = 'the volumes become independent and writable';
  return step(`delete-${side.journal.role}`, side.array, 'pair.delete', { group, pair }, why);
}

function unusableNote(side: PresentSide): readonly string[] {
  if (side.journal.role !== 'auxiliary' || side.journal.consistent) return [];
  return [`the volumes at ${side.array} are not consistent: their copy had not ended`];
}
