import type { JournalStatus, PairRow } from '../host/operations.ts';
import type { RequestOf } from '../interface-block/process-table.ts';
import type { GroupDefinition } from './definition.ts';
import { lastSeenSequence, lastSequence } from './lineage.ts';
import { givenUpWords } from './loss.ts';
import { misfitsOf } from './misfits.ts';
import {
  isPresent,
  peerOf,
  type ArrayObservation,
  type GroupObservation,
  type PresentSide,
  type UnreachableSide,
} from './observe.ts';
import { acquireStep, restoreStep, showAuxiliary } from './plan-cycle.ts';
import { planned, refused, step, type Plan, type Step, type StepOf } from './plan.ts';
import { GET_RIGHTS, refuseByVerdict, requireArray, sidesFrom } from './plan-checks.ts';
import type { Refusal } from './refusal.ts';
import { sideKind, verdictOf, type SideKind } from './verdict.ts';

export interface TakeoverIntent {
  /** The array that is to be primary alone. */
  readonly at: string;
  /** Also where a copy had not ended: the volumes may be unusable. */
  readonly acceptInconsistent?: boolean;
  /** Also where the journal there is damaged: what it holds from there on is given up. */
  readonly giveUpDamaged?: boolean;
  /** The peer array answers, but its site is given up all the same. */
  readonly peerIsLost?: boolean;
}

/** What the situation asks for, by the side that is to take over (rows) and its peer (columns). */
export type TakeoverAction = 'nothing' | 'take-over' | 'swap-instead' | 'impossible';

const ACTIONS: Readonly<Record<SideKind, Readonly<Record<SideKind, TakeoverAction>>>> = {
  unreachable: { unreachable: 'impossible', absent: 'impossible', primary: 'impossible', auxiliary: 'impossible' },
  absent: { unreachable: 'impossible', absent: 'impossible', primary: 'impossible', auxiliary: 'impossible' },
  primary: { unreachable: 'nothing', absent: 'nothing', primary: 'nothing', auxiliary: 'nothing' },
  auxiliary: { unreachable: 'take-over', absent: 'take-over', primary: 'swap-instead', auxiliary: 'swap-instead' },
};

export function takeoverAction(side: ArrayObservation, peer: ArrayObservation): TakeoverAction {
  return ACTIONS[sideKind(side)][sideKind(peer)];
}

/** What is put up with, in the words of the command. */
export type TakeoverTerms = Omit<RequestOf<'pair.takeover'>['header'], 'group'>;

export const NO_TERMS: TakeoverTerms = { acceptInconsistent: false, giveUpDamaged: false };

export function termsOf(intent: TakeoverIntent): TakeoverTerms {
  const { acceptInconsistent = false, giveUpDamaged = false } = intent;
  return { acceptInconsistent, giveUpDamaged };
}

export function takeoverStep(group: string, array: string, terms: TakeoverTerms): StepOf<'pair.takeover'> {
  const why = 'become primary without the peer, in a new generation; track what is written';
  return step('takeover', array, 'pair.takeover', { group, ...terms }, why);
}

/** The decision, and from here: acquire what the peer array still gives, restore what was acquired, take over. */
export function planTakeover(group: GroupDefinition, observation: GroupObservation, intent: TakeoverIntent): Plan {
  const what = `takeover of ${group.name} at ${intent.at}`;
  const misfit = requireArray(group, intent.at, what);
  if (misfit) return misfit;
  const [side, peer] = sidesFrom(observation, intent.at);
  const action = takeoverAction(side, peer);
  if (action === 'nothing') return planned([], misfitsOf(group, observation));
  if (!isPresent(side) || action === 'impossible') return notThere(side, observation, what);
  if (action === 'take-over' && !peer.reachable && peer.denied && intent.peerIsLost !== true) {
    return livesOn(peer, what);
  }
  if (action === 'swap-instead' && intent.peerIsLost !== true) return swapInstead(observation, what, intent.at);
  const opposed = wouldGiveUp(side, intent, what) ?? wouldBeInconsistent(side, peer, intent, what);
  return opposed ?? planned(takeoverSteps(group.name, side, peer, intent), misfitsOf(group, observation));
}

function wouldGiveUp({ array, journal }: PresentSide, intent: TakeoverIntent, what: string): Plan | undefined {
  if (!journal.damaged || intent.giveUpDamaged === true) return undefined;
  return { refused: true, refusal: damagedRefusal(journal, array, what) };
}

export function damagedRefusal(journal: JournalStatus, array: string, what: string): Refusal {
  return {
    kind: 'refused-for-safety',
    what,
    why: `the journal at ${array} is damaged at record ${journal.restoredSequence + 1}: ${givenUpWords(journal)}`,
    next: 'while the primary lives, pair resync loses nothing; else give those writes up by --give-up-damaged',
  };
}

function takeoverSteps(
  group: string,
  side: PresentSide,
  peer: ArrayObservation,
  intent: TakeoverIntent,
): readonly Step[] {
  const target = acquirableSequence(side, peer);
  const reach = Math.max(target ?? 0, side.journal.readSequence);
  const steps: Step[] = target === undefined ? [] : [acquireStep(group, side.array, target)];
  steps.push({ ...showAuxiliary(group, side.array), why: 'what has been acquired (S1605-S1608)?' });
  if (reach > side.journal.toBeRestoredSequence) {
    steps.push({ ...restoreStep(group, side.array, reach), provisional: ['toSequence'] });
  }
  steps.push({ ...showAuxiliary(group, side.array), id: 'S1902', why: 'has the restoration ended (S1902-S1905)?' });
  steps.push(takeoverStep(group, side.array, termsOf(intent)));
  return steps;
}

/** Up to where the peer's journal is known to go beyond what is ordered; undefined where there is nothing to ask for. */
export function acquirableSequence(side: PresentSide, peer: ArrayObservation): number | undefined {
  const { journal } = side;
  if (journal.state === 'suspended') return undefined;
  const flows = isPresent(peer) && peer.journal.role === 'primary' && peer.journal.state !== 'suspended';
  const known = Math.max(flows ? lastSequence(peer.journal) : 0, lastSeenSequence(journal));
  return known > journal.toBeReadSequence ? known : undefined;
}

function notThere(side: ArrayObservation, observation: GroupObservation, what: string): Plan {
  if (side.reachable) return withoutGroup(side, observation, what);
  const why = `${side.array}: ${side.error.message}`;
  if (side.denied) return refused('would-be-refused', what, why, GET_RIGHTS);
  return refused('array-unreachable', what, why, 'run it where its command device can be reached');
}

/** That the peer is away is what a takeover is for; that there is nothing to take over is why it cannot be. */
function withoutGroup(side: ArrayObservation, observation: GroupObservation, what: string): Plan {
  if (peerOf(observation, side.array).reachable) return refuseByVerdict(verdictOf(observation), what);
  const why = `${side.array} has no such group, so nothing was ever copied to it, or the group was dissolved there`;
  return refused('state-does-not-hold', what, why, 'see the name of the group and the array: cdctl pair show');
}

/** Whoever may not ask an array knows that it works, and not that its hosts have stopped. */
function livesOn({ array, error }: UnreachableSide, what: string): Plan {
  const why = `${array} answers, though not to this host, and may be serving its own: ${error.message}`;
  return refused(
    'refused-for-safety',
    what,
    why,
    `${GET_RIGHTS}; if its site is given up all the same: --peer-is-lost`,
  );
}

function swapInstead(observation: GroupObservation, what: string, at: string): Plan {
  const verdict = verdictOf(observation);
  const why = `the other array answers, so nothing needs to be lost (${verdict.explanation})`;
  const canSwap = ['replicating', 'copying', 'handing-over'].includes(verdict.kind);
  const way = canSwap ? `cdctl swap ${verdict.group} --to ${at}` : verdict.nextStep;
  return refused('refused-for-safety', what, why, `${way}; if its site is given up all the same: --peer-is-lost`);
}

/** Refuses where even restoring everything that can still be acquired will not make the volumes usable. */
function wouldBeInconsistent(
  side: PresentSide,
  peer: ArrayObservation,
  intent: TakeoverIntent,
  what: string,
): Plan | undefined {
  const reach = Math.max(acquirableSequence(side, peer) ?? 0, side.journal.readSequence);
  const hopeless = copiesBeyond(side.pairs, reach);
  if (hopeless.length === 0 || intent.acceptInconsistent === true) return undefined;
  const refusal = inconsistentRefusal(hopeless, side.array, what);
  return { refused: true, refusal };
}

/** The pairs whose volumes are not usable even once every write up to `reach` is restored. */
export function copiesBeyond(pairs: readonly PairRow[], reach: number): readonly PairRow[] {
  return pairs.filter((pair) => !pair.consistent && (pair.consistentFrom === 0 || pair.consistentFrom > reach));
}

export function inconsistentRefusal(pairs: readonly PairRow[], array: string, what: string): Refusal {
  const names = pairs.map((pair) => pair.pair).join(', ');
  const why = `the copy of ${names} to ${array} had not ended: the volumes are a mixture of old and new`;
  return {
    kind: 'refused-for-safety',
    what,
    why,
    next: 'wait for the primary, restore a backup, or --accept-inconsistent',
  };
}
