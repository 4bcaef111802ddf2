import type { GroupDefinition } from './definition.ts';
import type { LineageEntry } from '../interface-block/process-table.ts';
import { isPastOf } from './lineage.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import { planned, refused, step, type Plan, type StepOf } from './plan.ts';
import { splitStep } from './plan-split.ts';
import { copiesBeyond, NO_TERMS, takeoverStep } from './plan-takeover.ts';
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
  if (isAlreadySo(from, to, verdict)) return planned([]);
  const opposed =
    notUsableAsSource(from, verdict, what) ??
    wouldStrand(from, to, verdict, what) ??
    wouldLose(from, to, verdict, intent, what);
  if (opposed) return opposed;
  const follow = auxiliaryStep(from, to, intent.discard === to.array);
  if (from.journal.role === 'primary') {
    const first = hasNotHeard(from, to) ? [splitStep(to, verdict.group)] : [];
    return planned([...first, follow, primaryStep(from)]);
  }
  const takeover = takeoverStep(verdict.group, from.array, NO_TERMS);
  return planned([
    {
      ...takeover,
      why: 'an auxiliary becomes the source by taking over; its lineage then shows where the sides parted',
    },
    { ...follow, provisional: ['generation', 'lineage'] },
    { ...primaryStep(from), provisional: ['generation'] },
  ]);
}

/**
 * The primary suspended and the auxiliary still believes to follow it: to that one a resync in the same generation would be
 * nothing new, so it is suspended first.
 */
function hasNotHeard(from: PresentSide, to: PresentSide): boolean {
  return from.journal.state === 'suspended' && to.journal.role === 'auxiliary' && to.journal.state !== 'suspended';
}

/** A copy that runs in the generation of its primary. In another one the auxiliary may still wait for what was announced. */
function isAlreadySo(from: PresentSide, to: PresentSide, verdict: Verdict): boolean {
  if (verdict.primary !== from.array) return false;
  if (verdict.kind === 'replicating') return true;
  return verdict.kind === 'copying' && from.journal.generation === to.journal.generation;
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
    const why = `${intent.from} cannot be both kept and discarded`;
    return refused('bad-request', what, why, 'name two different arrays');
  }
  if (verdict.kind === 'suspended') {
    const why = 'neither side is primary, so the arrays cannot say which data to keep';
    return refused('state-does-not-hold', what, why, 'name the array whose data is to be kept with --from');
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
    const next = `cdctl swap ${verdict.group} --to ${from.array} changes the direction without loss`;
    return refused('state-does-not-hold', what, why, next);
  }
  if (journal.consistent && journal.restoredSequence === journal.readSequence) return undefined;
  const why = journal.consistent
    ? `${from.array} has acquired writes that it has not restored`
    : `the volumes at ${from.array} are not consistent: their copy has not ended`;
  const next = `${wayToKeep(from, verdict.group)}, or resync from the other side`;
  return refused('refused-for-safety', what, why, next);
}

/** What makes it usable as a source. Where no write that was acquired ends its copy, its volumes are taken as they are or not at all. */
function wayToKeep({ array, journal, pairs }: PresentSide, group: string): string {
  const takeover = `cdctl takeover ${group} --at ${array} --peer-is-lost`;
  if (journal.damaged) return `${takeover} --give-up-damaged`;
  return copiesBeyond(pairs, journal.readSequence).length === 0
    ? `cdctl journal restore ${group}`
    : `to keep them as they are: ${takeover} --accept-inconsistent`;
}

/**
 * A primary may have stored writes for a pair that the other side never formed, or has dissolved. Its place in the write order
 * does not tell of them, and as an auxiliary it would wait for that pair for ever, out of the reach of hosts.
 */
function wouldStrand(from: PresentSide, to: PresentSide, verdict: Verdict, what: string): Plan | undefined {
  const known = new Set(from.pairs.map((row) => row.pair));
  const stranded = to.pairs.map((row) => row.pair).filter((pair) => !known.has(pair));
  if (to.journal.role !== 'primary' || stranded.length === 0) return undefined;
  const names = stranded.join(', ');
  const why = `${to.array} has ${names}, which ${from.array} has not: what it wrote there would be on neither side of a pair`;
  const commands = stranded.map((pair) => `cdctl pair delete ${verdict.group}/${pair}`).join(' and ');
  const next = `${commands}, which leaves the volume at ${to.array} as it is, then resync`;
  return refused('state-does-not-hold', what, why, next);
}

/** `to` must be a past state of `from`, or be given up by name. */
function wouldLose(
  from: PresentSide,
  to: PresentSide,
  verdict: Verdict,
  intent: ResyncIntent,
  what: string,
): Plan | undefined {
  if (intent.discard === to.array) return undefined;
  if (verdict.olderCopy !== undefined) return refuseByVerdict(verdict, what);
  // An auxiliary whose copy was interrupted has given up what it had: the copy from the same source only goes on.
  const interruptedCopy = to.journal.role === 'auxiliary' && to.journal.state === 'copy';
  if (interruptedCopy || isPastOf(to.journal, lineageAsSource(from))) return undefined;
  const unequal = `${to.array} holds, or may hold, writes that ${from.array} lacks`;
  const why = verdict.kind === 'diverged' ? verdict.explanation : unequal;
  const command = `cdctl pair resync ${verdict.group} --from ${from.array} --discard ${to.array}`;
  return refused('refused-for-safety', what, why, `to give up what only ${to.array} has: ${command}`);
}

/** An auxiliary takes over first: that closes its last generation at what it has restored. */
function lineageAsSource({ journal }: PresentSide): readonly LineageEntry[] {
  if (journal.role === 'primary') return journal.lineage;
  return [...journal.lineage, { generation: 'begun by the takeover', startSequence: journal.restoredSequence }];
}

function auxiliaryStep(from: PresentSide, to: PresentSide, discard: boolean): StepOf<'pair.resync'> {
  const { generation, lineage, group } = from.journal;
  const header = { group, role: 'auxiliary', discard, generation } as const;
  const given = discard ? '; its own writes since the fork are given up' : '';
  const why = `follow ${from.array}, copying the differences of both sides${given}`;
  const plain = step('resync-auxiliary', to.array, 'pair.resync', header, why);
  return { ...plain, request: { header, rows: lineage } };
}

function primaryStep(from: PresentSide): StepOf<'pair.resync'> {
  const { generation, group } = from.journal;
  const header = { group, role: 'primary', discard: false, generation } as const;
  return step('resync-primary', from.array, 'pair.resync', header, 'store journal again');
}
