import type { GroupDefinition } from './definition.ts';
import { handoverOf, holdsEverything } from './handover.ts';
import { lastSequence, relate } from './lineage.ts';
import { misfitsOf } from './misfits.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import { showAuxiliary } from './plan-cycle.ts';
import { planned, refused, step, type Plan, type StepOf } from './plan.ts';
import { refuseByVerdict, refuseUnreachable, requireArray, sidesFrom } from './plan-checks.ts';
import { verdictOf, type Verdict } from './verdict.ts';

export interface SwapIntent {
  /** The array that is to be primary. Without it: the one that is auxiliary now, so that twice is there and back. */
  readonly to?: string;
}

export function oldPrimaryStep(
  group: string,
  array: string,
  generation: string,
  sequence: number,
): StepOf<'pair.swap'> {
  const why = `stop storing journal and become auxiliary, if write ${sequence} is still the last (S2001-S2002)`;
  return step('S1906', array, 'pair.swap', { group, role: 'auxiliary', generation, sequence }, why);
}

export function newPrimaryStep(
  group: string,
  array: string,
  generation: string,
  sequence: number,
): StepOf<'pair.swap'> {
  const why = `become primary with everything up to write ${sequence} restored and store journal (S2101-S2102)`;
  return step('S1907', array, 'pair.swap', { group, role: 'primary', generation, sequence }, why);
}

/** Fig. 19 from wherever the arrays are: from the start, from its middle, or nothing. */
export function planSwap(group: GroupDefinition, observation: GroupObservation, intent: SwapIntent): Plan {
  const what = `swap ${group.name}`;
  const lost = 'where that site is lost, cdctl takeover at the other; otherwise repair the path and run it again';
  const misfit = requireArray(group, intent.to, what) ?? refuseUnreachable(observation, what, lost);
  if (misfit) return misfit;
  const verdict = verdictOf(observation);
  const [first, second] = observation.sides;
  if (!isPresent(first) || !isPresent(second)) return refuseByVerdict(verdict, what);
  const misfits = misfitsOf(group, observation);
  if (verdict.kind === 'handing-over') return withNotes(planFinish(first, second, verdict, intent, what), misfits);
  if (verdict.kind !== 'replicating' && verdict.kind !== 'copying') return refuseByVerdict(verdict, what);
  if (intent.to === verdict.primary) return planned([], misfits);
  return withNotes(planFromStart(observation, verdict, what), misfits);
}

function withNotes(plan: Plan, notes: readonly string[]): Plan {
  return plan.refused ? plan : { ...plan, notes: [...plan.notes, ...notes] };
}

function planFromStart(observation: GroupObservation, verdict: Verdict, what: string): Plan {
  const [primary, auxiliary] = sidesFrom(observation, verdict.primary ?? '');
  if (!isPresent(primary) || !isPresent(auxiliary)) return refuseByVerdict(verdict, what);
  const { group } = observation;
  const last = lastSequence(primary.journal);
  const { generation } = primary.journal;
  const provisional = ['generation', 'sequence'];
  return planned(
    [
      {
        ...showAuxiliary(group, auxiliary.array),
        id: 'S1902',
        why: 'after cycles of Fig. 16 (S1901): has the restoration ended (S1902-S1905)?',
      },
      { ...oldPrimaryStep(group, primary.array, generation, last), provisional },
      { ...newPrimaryStep(group, auxiliary.array, generation, last), provisional },
    ],
    verdict.kind === 'copying' ? [`the swap waits until the copy to ${auxiliary.array} has ended`] : [],
  );
}

/** S1907 alone: the side that becomes primary must hold the last write that the old primary acknowledged. */
function planFinish(first: PresentSide, second: PresentSide, verdict: Verdict, intent: SwapIntent, what: string): Plan {
  const handover = handoverOf(first, second);
  const target = intent.to ?? handover.target;
  if (target === undefined) {
    const why = 'both sides are auxiliary and the arrays do not say which of them was to become primary';
    return refused('state-does-not-hold', what, why, `name it: cdctl swap ${verdict.group} --to ARRAY`);
  }
  if (handover.target !== undefined && target !== handover.target) {
    const why = `a swap to ${handover.target} is half done, and its last command may still arrive there`;
    return refused('refused-for-safety', what, why, `finish it with --to ${handover.target}, then swap back`);
  }
  const [side, other] = target === first.array ? [first, second] : [second, first];
  const oneGeneration = first.journal.generation === second.journal.generation;
  if (!oneGeneration) return cannotFinish(newerOf(first, second), 'the two sides are of different generations', what);
  if (!holdsEverything(side, handover)) {
    const why = `${target} does not hold write ${handover.sequence}, the last that was acknowledged`;
    if (!holdsEverything(other, handover))
      return cannotFinish(furtherOf(first, second), `${why}, nor is it restored at the other side`, what);
    const next = `the other side holds it: cdctl swap ${verdict.group} --to ${other.array}`;
    return refused('refused-for-safety', what, why, next);
  }
  return planned([newPrimaryStep(verdict.group, target, side.journal.generation, handover.sequence)]);
}

/** Halves of swaps that were ordered by hand: what the right side lacks of being primary only a takeover gives it. */
function cannotFinish({ array, journal }: PresentSide, why: string, what: string): Plan {
  const { group } = journal;
  const takeover = `cdctl takeover ${group} --at ${array} --peer-is-lost`;
  return refused('refused-for-safety', what, why, `${takeover}, then cdctl pair resync ${group} --from ${array}`);
}

/** Whose history goes on where that of the other side ends; the first where neither does. */
function newerOf(first: PresentSide, second: PresentSide): PresentSide {
  return relate(first.journal, second.journal) === 'first-behind' ? second : first;
}

function furtherOf(first: PresentSide, second: PresentSide): PresentSide {
  return second.journal.readSequence > first.journal.readSequence ? second : first;
}
