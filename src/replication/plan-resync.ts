import type { GroupDefinition } from './definition.ts';
import { isAncestor, positionOf } from './lineage.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import { planned, refused, step, type Plan, type StepOf } from './plan.ts';
import { refuseByVerdict, refuseUnreachable, requireArray } from './plan-checks.ts';
import { verdictOf, type Verdict } from './verdict.ts';

export interface ResyncIntent {
  /** The array whose data is kept: it becomes or stays primary. Without it: the side that is primary. */
  readonly from?: string;
  /** The array whose own writes since the fork are given up. */
  readonly discard?: string;
}

/**
 * Resumes a suspended group by copying the differences: first the array that becomes or stays auxiliary, which checks
 * that it has no writes of its own, then the primary.
 */
export function planResync(group: GroupDefinition, observation: GroupObservation, intent: ResyncIntent): Plan {
  const what = `resync ${group.name}`;
  const misfit =
    requireArray(group, intent.from, what) ??
    requireArray(group, intent.discard, what) ??
    refuseUnreachable(observation, what);
  if (misfit) return misfit;
  const verdict = verdictOf(observation);
  const [first, second] = observation.sides;
  if (!isPresent(first) || !isPresent(second) || verdict.kind === 'partly-formed')
    return refuseByVerdict(verdict, what);
  const source = sourceOf(group, verdict, intent);
  if (source === undefined) return cannotChoose(verdict, what, intent);
  const [from, to] = source === first.array ? [first, second] : [second, first];
  return planFrom(from, to, verdict, intent, what);
}

function planFrom(from: PresentSide, to: PresentSide, verdict: Verdict, intent: ResyncIntent, what: string): Plan {
  const isSo = (verdict.kind === 'copying' || verdict.kind === 'replicating') && verdict.primary === from.array;
  if (isSo) return planned([]);
  const opposed = notUsableAsSource(from, verdict, what) ?? wouldLose(from, to, verdict, intent, what);
  if (opposed) return opposed;
  return planned([auxiliaryStep(from, to, intent.discard === to.array), primaryStep(from)]);
}

/** The direction: as asked, or away from the discarded side, or from the only primary. */
function sourceOf(group: GroupDefinition, verdict: Verdict, intent: ResyncIntent): string | undefined {
  const { from, discard } = intent;
  if (from !== undefined) return from === discard ? undefined : from;
  if (discard !== undefined) return group.arrays.find((array) => array !== discard);
  return verdict.kind === 'diverged' || verdict.kind === 'handing-over' ? undefined : verdict.primary;
}

function cannotChoose(verdict: Verdict, what: string, intent: ResyncIntent): Plan {
  if (intent.from !== undefined) {
    return refused(
      'bad-request',
      what,
      `${intent.from} cannot be both kept and discarded`,
      'name two different arrays',
    );
  }
  if (verdict.kind === 'suspended') {
    const why = 'neither side is primary, so the arrays cannot say which data to keep';
    return refused('state-does-not-hold', what, why, 'run it again with the same --from as before');
  }
  return refuseByVerdict(verdict, what);
}

/** The source of a resync overwrites the other side, so it must be primary or a whole auxiliary. */
function notUsableAsSource(from: PresentSide, verdict: Verdict, what: string): Plan | undefined {
  const { journal } = from;
  if (verdict.kind === 'handing-over') return refuseByVerdict(verdict, what);
  if (journal.role === 'primary') return undefined;
  if (verdict.kind === 'replicating' || verdict.kind === 'copying') {
    const why = `${from.array} is the auxiliary of a group that runs`;
    return refused(
      'state-does-not-hold',
      what,
      why,
      `cdctl swap ${verdict.group} --to ${from.array} changes the direction without loss`,
    );
  }
  if (journal.consistent && journal.restoredSequence === journal.readSequence) return undefined;
  const why = journal.consistent
    ? `${from.array} has acquired writes that it has not restored`
    : `the volumes at ${from.array} are not consistent: their copy has not ended`;
  return refused(
    'refused-for-safety',
    what,
    why,
    `cdctl journal restore ${verdict.group}, or resync from the other side`,
  );
}

/** `to` must be an ancestor of `from`, or be given up by name. */
function wouldLose(
  from: PresentSide,
  to: PresentSide,
  verdict: Verdict,
  intent: ResyncIntent,
  what: string,
): Plan | undefined {
  if (intent.discard === to.array) return undefined;
  // An auxiliary whose copy was interrupted has given up what it had: the copy from the same source only goes on.
  const interruptedCopy = to.journal.role === 'auxiliary' && to.journal.state === 'copy';
  if (interruptedCopy || isAncestor(positionOf(to.journal), from.journal.lineage)) return undefined;
  const why =
    verdict.kind === 'diverged'
      ? verdict.explanation
      : `${to.array} holds, or may hold, writes that ${from.array} lacks`;
  const next = `to give up what only ${to.array} has: cdctl pair resync ${verdict.group} --from ${from.array} --discard ${to.array}`;
  return refused('refused-for-safety', what, why, next);
}

function auxiliaryStep(from: PresentSide, to: PresentSide, discard: boolean): StepOf<'pair.resync'> {
  const { generation, lineage, group } = from.journal;
  const header = { group, role: 'auxiliary', discard, generation } as const;
  const why = `follow ${from.array}, copying the differences of both sides${discard ? '; its own writes since the fork are given up' : ''}`;
  const plain = step('resync-auxiliary', to.array, 'pair.resync', header, why);
  return { ...plain, request: { header, rows: lineage } };
}

function primaryStep(from: PresentSide): StepOf<'pair.resync'> {
  const { generation, group } = from.journal;
  const header = { group, role: 'primary', discard: false, generation } as const;
  return step('resync-primary', from.array, 'pair.resync', header, 'store journal again');
}
