import { emit, startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { stopped } from './drive.ts';
import { lastSequence } from './lineage.ts';
import { isPresent, observe, type GroupObservation, type PresentSide } from './observe.ts';
import { poll } from './poll.ts';
import { ReplicationRefusal } from './refusal.ts';
import { verdictOf, type Verdict } from './verdict.ts';

/**
 * What to wait for, on both sides: `pair` all pairs follow; `suspended` neither side flows any more; `empty` every write is
 * restored and the primary journal is empty; `restored` the auxiliary volumes hold write number `sequence`.
 */
export type WaitCondition =
  | { readonly until: 'pair' | 'suspended' | 'empty' }
  | { readonly until: 'restored'; readonly sequence: number };

export interface WaitResult {
  readonly group: string;
  readonly condition: WaitCondition;
  readonly waitedMs: number;
  readonly observation: GroupObservation;
  readonly verdict: Verdict;
}

type State = 'holds' | 'not-yet' | 'impossible';

/**
 * Looks until the condition holds. It runs no cycles. Ends early, with state-does-not-hold, where the condition can no longer
 * come by waiting; an array that does not answer is waited for.
 */
export async function waitForGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  condition: WaitCondition,
): Promise<WaitResult> {
  const run = startRun(context, group);
  const { end, value } = await poll(
    run,
    () => observe(run),
    (observation) => conditionState(observation, condition) !== 'not-yet',
    { onWait: (observation) => reportWaiting(run, observation, condition) },
  );
  const verdict = verdictOf(value);
  const state = conditionState(value, condition);
  if (state === 'impossible') throw cannotCome(condition, verdict, value);
  if (state === 'not-yet') {
    const kind = end === 'cancelled' ? 'cancelled' : 'timeout';
    throw stopped(run, kind, `not ${conditionText(condition)}: ${verdict.explanation}`, value);
  }
  return {
    group: group.name,
    condition,
    waitedMs: context.clock.monotonicMs() - run.startedMs,
    observation: value,
    verdict,
  };
}

export function conditionState(observation: GroupObservation, condition: WaitCondition): State {
  if (condition.until === 'restored') return restoredState(observation, condition.sequence);
  const verdict = verdictOf(observation);
  const state = BY_VERDICT[condition.until][verdict.kind];
  if (state !== 'holds' || condition.until === 'pair') return state;
  return condition.until === 'suspended' ? bothSuspended(observation) : isEmpty(observation, verdict);
}

/** `holds` may still depend on figures; `partly-formed` and `handing-over` are moments of a verb that runs elsewhere. */
const BY_VERDICT: Readonly<Record<'pair' | 'suspended' | 'empty', Readonly<Record<Verdict['kind'], State>>>> = {
  pair: {
    absent: 'impossible',
    'partly-formed': 'not-yet',
    copying: 'not-yet',
    replicating: 'holds',
    suspended: 'impossible',
    'handing-over': 'not-yet',
    'taken-over': 'impossible',
    diverged: 'impossible',
    unknown: 'not-yet',
  },
  suspended: {
    absent: 'impossible',
    'partly-formed': 'not-yet',
    copying: 'not-yet',
    replicating: 'not-yet',
    suspended: 'holds',
    'handing-over': 'not-yet',
    'taken-over': 'holds',
    diverged: 'impossible',
    unknown: 'not-yet',
  },
  empty: {
    absent: 'impossible',
    'partly-formed': 'not-yet',
    copying: 'not-yet',
    replicating: 'holds',
    suspended: 'impossible',
    'handing-over': 'not-yet',
    'taken-over': 'impossible',
    diverged: 'impossible',
    unknown: 'not-yet',
  },
};

function bothSuspended(observation: GroupObservation): State {
  const present = observation.sides.filter(isPresent);
  return present.length > 0 && present.every((side) => side.journal.state === 'suspended') ? 'holds' : 'not-yet';
}

function isEmpty(observation: GroupObservation, verdict: Verdict): State {
  const present = observation.sides.filter(isPresent);
  const primary = present.find((side) => side.array === verdict.primary)?.journal;
  const auxiliary = present.find((side) => side.array === verdict.auxiliary)?.journal;
  if (!primary || !auxiliary) return 'not-yet';
  const empty = primary.journalOutSequence === primary.journalInSequence;
  return empty && auxiliary.restoredSequence === lastSequence(primary) ? 'holds' : 'not-yet';
}

function restoredState(observation: GroupObservation, sequence: number): State {
  const present = observation.sides.filter(isPresent);
  const auxiliary = present.find((side) => side.journal.role === 'auxiliary');
  if (auxiliary) return auxiliaryReached(auxiliary, sequence);
  if (observation.sides.some((side) => !side.reachable)) return 'not-yet';
  // No side restores any more: the group is gone, or both sides are primary.
  return 'impossible';
}

/** A suspended auxiliary still restores what it has acquired, and nothing beyond. */
function auxiliaryReached({ journal }: PresentSide, sequence: number): State {
  if (journal.restoredSequence >= sequence && journal.consistent) return 'holds';
  return journal.state === 'suspended' && journal.readSequence < sequence ? 'impossible' : 'not-yet';
}

function conditionText(condition: WaitCondition): string {
  return condition.until === 'restored' ? `restored up to write ${condition.sequence}` : condition.until;
}

function cannotCome(condition: WaitCondition, verdict: Verdict, observation: GroupObservation): ReplicationRefusal {
  return new ReplicationRefusal(
    {
      kind: 'state-does-not-hold',
      what: `wait for ${verdict.group} to be ${conditionText(condition)}`,
      why: verdict.explanation,
      next: verdict.nextStep,
    },
    observation,
  );
}

function reportWaiting(run: Run, observation: GroupObservation, condition: WaitCondition): void {
  const waitedMs = run.context.clock.monotonicMs() - run.startedMs;
  for (const side of observation.sides.filter(isPresent)) {
    if (side.journal.state !== 'copy' || side.journal.role !== 'auxiliary') continue;
    const pairs = side.pairs.map(({ pair, state, copiedChunks, copyChunks, chunkBytes }) => ({
      pair,
      state,
      copiedChunks,
      copyChunks,
      chunkBytes,
    }));
    emit(run, { kind: 'copy-progress', array: side.array, pairs });
  }
  emit(run, {
    kind: 'waiting',
    id: 'wait',
    array: run.group.arrays.join(' and '),
    for: conditionText(condition),
    waitedMs,
  });
}
