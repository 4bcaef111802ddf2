import { lastSequence } from './lineage.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import { acquireStep, copiedPairsMask, directionOf, purgeStep, restoreStep } from './plan-cycle.ts';
import { planned, refused, type Plan } from './plan.ts';
import { refuseByVerdict, refuseUnreachable } from './plan-checks.ts';
import { verdictOf } from './verdict.ts';

/** The three journal commands of Fig. 13 to 15 on their own, with the guards that a cycle keeps by its order. */

export function planAcquire(observation: GroupObservation, toSequence?: number): Plan {
  const what = `acquire journal of ${observation.group}`;
  const direction = directionOf(observation, what);
  if ('refused' in direction) return direction;
  const { primary, auxiliary } = direction;
  if (primary.journal.state === 'suspended') return refuseByVerdict(verdictOf(observation), what);
  const last = lastSequence(primary.journal);
  const target = toSequence ?? last;
  if (target > last) return refused('state-does-not-hold', what, `the last write is ${last}`, 'name an earlier one');
  if (target <= auxiliary.journal.toBeReadSequence) return planned([]);
  return planned([acquireStep(observation.group, auxiliary.array, target)]);
}

/** Needs the auxiliary alone. */
export function planRestore(observation: GroupObservation, toSequence?: number): Plan {
  const what = `restore journal of ${observation.group}`;
  const auxiliaries = observation.sides.filter(isPresent).filter((side) => side.journal.role === 'auxiliary');
  const [auxiliary] = auxiliaries;
  if (!auxiliary || auxiliaries.length > 1) {
    return refuseUnreachable(observation, what) ?? refuseByVerdict(verdictOf(observation), what);
  }
  const { readSequence, toBeRestoredSequence } = auxiliary.journal;
  const target = toSequence ?? readSequence;
  if (target > readSequence) {
    const why = `${auxiliary.array} has acquired up to write ${readSequence}`;
    return refused('state-does-not-hold', what, why, 'name an earlier one, or acquire first');
  }
  if (target <= toBeRestoredSequence) return planned([]);
  return planned([restoreStep(observation.group, auxiliary.array, target)]);
}

/** The proof that the auxiliary can give is for its last record, so that is the one to purge up to. */
export function planPurge(observation: GroupObservation, toSequence?: number): Plan {
  const what = `purge journal of ${observation.group}`;
  const direction = directionOf(observation, what);
  if ('refused' in direction) return direction;
  const { primary, auxiliary } = direction;
  if (primary.journal.state === 'suspended') return planned([], ['the primary is suspended: its journal is empty']);
  const misfit = notProvable(auxiliary, toSequence, what);
  if (misfit) return misfit;
  if (auxiliary.journal.readSequence < primary.journal.journalOutSequence) return planned([]);
  return planned([purgeStep(observation.group, primary.array, auxiliary.journal, copiedPairsMask(auxiliary.pairs))]);
}

function notProvable(auxiliary: PresentSide, toSequence: number | undefined, what: string): Plan | undefined {
  const { readSequence } = auxiliary.journal;
  if (toSequence === undefined || toSequence === readSequence) return undefined;
  if (toSequence > readSequence) {
    const why = `${auxiliary.array} holds records up to ${readSequence} durably, not ${toSequence}`;
    return refused('refused-for-safety', what, why, 'acquire first');
  }
  const why = `${auxiliary.array} proves what it holds by its last record, ${readSequence}`;
  return refused('state-does-not-hold', what, why, `purge up to ${readSequence}, or leave the number out`);
}
