import { isPresent, primaryFirst, type GroupObservation, type PresentSide } from './observe.ts';
import { planned, refused, step, type Plan, type Step } from './plan.ts';
import { refuseByVerdict } from './plan-checks.ts';
import { verdictOf } from './verdict.ts';

/** Suspends both sides, the primary first, so that from then on its differences are tracked. A side that does not answer is noted. */
export function planSplit(observation: GroupObservation): Plan {
  const what = `split ${observation.group}`;
  const verdict = verdictOf(observation);
  if (verdict.kind === 'absent' || verdict.kind === 'handing-over') return refuseByVerdict(verdict, what);
  const present = observation.sides.filter(isPresent);
  const unreachable = observation.sides.filter((side) => !side.reachable);
  if (!present.some((side) => side.journal.role === 'primary') && unreachable.length > 0) {
    const errors = unreachable.map((side) => `${side.array}: ${side.error.message}`).join('; ');
    return refused('array-unreachable', what, errors, 'the primary has to be split first; repair its path');
  }
  const active = present.filter((side) => side.journal.state !== 'suspended').sort(primaryFirst);
  return planned(
    active.map((side) => splitStep(side, observation.group)),
    unreachable.map((side) => `${side.array} does not answer and is left as it is`),
  );
}

export function splitStep(side: PresentSide, group: string): Step {
  const { role } = side.journal;
  const why =
    role === 'primary'
      ? 'stop storing journal and track differences'
      : 'stop following; what is acquired can still be restored';
  return step(`split-${role}`, side.array, 'pair.split', { group }, why);
}
