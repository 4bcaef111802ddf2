import { currencyOf, type Currency } from './currency.ts';
import { differentBytes, type Lag } from './lag.ts';
import { forkOf, positionOf, relate, type Relation } from './lineage.ts';
import { isPresent, peerOf, type ArrayObservation, type GroupObservation, type PresentSide } from './observe.ts';
import { handoverOf } from './handover.ts';
import { wordsFor } from './verdict-words.ts';

export type VerdictKind =
  | 'absent'
  | 'partly-formed'
  | 'copying'
  | 'replicating'
  | 'suspended'
  /** A swap stopped half-way: both sides are auxiliary, nobody accepts writes. */
  | 'handing-over'
  /** A side took over; the other is unreachable, or holds nothing that the new primary lacks. */
  | 'taken-over'
  /** Split brain: each side holds, or may hold, writes that the other lacks. */
  | 'diverged'
  | 'unknown';

/** What one side of a diverged group has that the other has not. */
export interface Divergence {
  readonly array: string;
  readonly generation: string;
  readonly sequence: number;
  /** Bytes of its volumes that it tracks as different. */
  readonly differentBytes: number;
  /** Journal records that the other side may never have read. */
  readonly journalRecords: number;
}

export interface Verdict {
  readonly kind: VerdictKind;
  readonly group: string;
  /** The array whose volumes accept writes (of two: the one with the newer lineage). */
  readonly primary?: string;
  readonly auxiliary?: string;
  readonly explanation: string;
  readonly nextStep: string;
  readonly lag?: Lag;
  readonly currency: Currency;
  readonly unreachable: readonly string[];
  /** The array whose storage came back from an older copy, where that was found out and is not settled. */
  readonly olderCopy?: string;
  readonly divergence?: readonly Divergence[];
}

/** What the table says before it is put into words. */
export interface Judgement {
  readonly kind: VerdictKind;
  readonly primary?: ArrayObservation;
  readonly auxiliary?: ArrayObservation;
}

export type SideKind = 'unreachable' | 'absent' | 'primary' | 'auxiliary';
type Judge = (first: ArrayObservation, second: ArrayObservation) => Judgement;

export function sideKind(side: ArrayObservation): SideKind {
  if (!side.reachable) return 'unreachable';
  if (side.absent || side.journal.role === 'simplex') return 'absent';
  return side.journal.role;
}

const swapped =
  (judge: Judge): Judge =>
  (first, second) =>
    judge(second, first);
const partlyFormed: Judge = () => ({ kind: 'partly-formed' });
const unknown: Judge = () => ({ kind: 'unknown' });
const onlyPrimary: Judge = (primary, auxiliary) => ({
  kind: tookOver(primary) ? 'taken-over' : 'unknown',
  primary,
  auxiliary,
});
const onlyAuxiliary: Judge = (auxiliary, primary) => ({ kind: 'unknown', primary, auxiliary });

/** Kinds of both sides (rows: the first array, columns: the second) to the judgement. */
const BY_SIDE: Readonly<Record<SideKind, Readonly<Record<SideKind, Judge>>>> = {
  unreachable: {
    unreachable: unknown,
    absent: unknown,
    primary: swapped(onlyPrimary),
    auxiliary: swapped(onlyAuxiliary),
  },
  absent: { unreachable: unknown, absent: () => ({ kind: 'absent' }), primary: partlyFormed, auxiliary: partlyFormed },
  primary: { unreachable: onlyPrimary, absent: partlyFormed, primary: twoPrimaries, auxiliary: aPair },
  auxiliary: { unreachable: onlyAuxiliary, absent: partlyFormed, primary: swapped(aPair), auxiliary: twoAuxiliaries },
};

type ActiveState = 'copy' | 'pair' | 'suspended';

/** States of a group with one primary and one auxiliary of one lineage (rows: the primary, columns: the auxiliary). */
const BY_STATE: Readonly<Record<ActiveState, Readonly<Record<ActiveState, VerdictKind>>>> = {
  copy: { copy: 'copying', pair: 'copying', suspended: 'suspended' },
  pair: { copy: 'copying', pair: 'replicating', suspended: 'suspended' },
  suspended: { copy: 'suspended', pair: 'suspended', suspended: 'suspended' },
};

function aPair(primary: ArrayObservation, auxiliary: ArrayObservation): Judgement {
  const [near, far] = both(primary, auxiliary);
  if (!samePairs(near, far)) return { kind: 'partly-formed', primary, auxiliary };
  if (hasOwnWrites(far, near)) return { kind: 'diverged', primary, auxiliary };
  return { kind: BY_STATE[activeState(near)][activeState(far)], primary, auxiliary };
}

/** While a copy runs the auxiliary gives up what it had, so its position says nothing. */
function hasOwnWrites(auxiliary: PresentSide, primary: PresentSide): boolean {
  if (auxiliary.journal.state === 'copy') return false;
  const relation = relate(auxiliary.journal, primary.journal);
  return (
    relation === 'diverged' ||
    (relation === 'second-behind' && auxiliary.journal.generation !== primary.journal.generation)
  );
}

const NEWER_OF_TWO: Readonly<Record<Relation, 'first' | 'second' | 'neither'>> = {
  // Two primaries of one generation both number their writes in it: whatever they hold, it is not the same.
  same: 'neither',
  'first-behind': 'second',
  'second-behind': 'first',
  diverged: 'neither',
};

function twoPrimaries(first: ArrayObservation, second: ArrayObservation): Judgement {
  const [one, other] = both(first, second);
  const sameGeneration = one.journal.generation === other.journal.generation;
  const newer = sameGeneration ? 'neither' : NEWER_OF_TWO[relate(one.journal, other.journal)];
  if (newer === 'neither') return { kind: 'diverged' };
  return newer === 'first'
    ? { kind: 'taken-over', primary: first, auxiliary: second }
    : { kind: 'taken-over', primary: second, auxiliary: first };
}

function twoAuxiliaries(first: ArrayObservation, second: ArrayObservation): Judgement {
  const [one, other] = both(first, second);
  if (!samePairs(one, other)) return { kind: 'partly-formed' };
  // A swap is only ordered between two sides in state pair; a copy or a suspension is a resync that stopped half-way.
  if (one.journal.state !== 'pair' || other.journal.state !== 'pair') return { kind: 'suspended' };
  const handover = handoverOf(one, other);
  if (!handover.target) return { kind: 'handing-over' };
  return handover.target === first.array
    ? { kind: 'handing-over', primary: first, auxiliary: second }
    : { kind: 'handing-over', primary: second, auxiliary: first };
}

function both(first: ArrayObservation, second: ArrayObservation): readonly [PresentSide, PresentSide] {
  if (isPresent(first) && isPresent(second)) return [first, second];
  throw new Error('the table put an absent side where a present one belongs');
}

function tookOver(side: ArrayObservation): boolean {
  return isPresent(side) && side.journal.state === 'suspended' && side.journal.suspendReason === 'takeover';
}

function activeState(side: PresentSide): ActiveState {
  return side.journal.state === 'simplex' ? 'suspended' : side.journal.state;
}

function samePairs(first: PresentSide, second: PresentSide): boolean {
  const names = (side: PresentSide): string =>
    side.pairs
      .map((pair) => pair.pair)
      .sort()
      .join('\n');
  return (
    names(first) === names(second) &&
    first.journal.peerSerial === second.serial &&
    second.journal.peerSerial === first.serial
  );
}

/** What the observation means, in one word of the table, in figures, and in sentences. Pure. */
export function verdictOf(observation: GroupObservation): Verdict {
  const [first, second] = observation.sides;
  const judgement = BY_SIDE[sideKind(first)][sideKind(second)](first, second);
  const currency = currencyFor(judgement, observation);
  const divergence =
    judgement.kind === 'diverged' ? both(first, second).map((side) => divergenceOf(side, observation)) : undefined;
  const facts = {
    kind: judgement.kind,
    group: observation.group,
    ...(judgement.primary ? { primary: judgement.primary.array } : {}),
    ...(judgement.auxiliary ? { auxiliary: judgement.auxiliary.array } : {}),
    ...(currency.lag ? { lag: currency.lag } : {}),
    currency,
    unreachable: observation.sides.filter((side) => !side.reachable).map((side) => side.array),
    ...(divergence ? { divergence } : {}),
    ...olderCopyIn(observation),
  };
  return { ...facts, ...wordsFor(facts, observation) };
}

function olderCopyIn(observation: GroupObservation): { olderCopy?: string } {
  for (const side of observation.sides.filter(isPresent)) {
    const { suspendReason } = side.journal;
    if (suspendReason === 'older-copy') return { olderCopy: side.array };
    if (suspendReason === 'peer-older-copy') return { olderCopy: peerOf(observation, side.array).array };
  }
  return {};
}

function currencyFor(judgement: Judgement, observation: GroupObservation): Currency {
  const { kind, primary, auxiliary } = judgement;
  if (kind === 'handing-over' && primary && auxiliary) {
    return { kind: 'consistent', rule: 'both sides hold every write that was acknowledged before the swap' };
  }
  const isAuxiliary = auxiliary !== undefined && sideKind(auxiliary) === 'auxiliary';
  if (!primary || !auxiliary || !isAuxiliary || kind === 'diverged') {
    return { kind: 'unknown', rule: 'no auxiliary follows a primary' };
  }
  return currencyOf(primary, auxiliary, observation.observedAtMs);
}

function divergenceOf(side: PresentSide, observation: GroupObservation): Divergence {
  const other = observation.sides.find((candidate) => candidate.array !== side.array);
  const shared = other && isPresent(other) ? forkOf(side.journal, other.journal) : 0;
  const position = positionOf(side.journal);
  return {
    array: side.array,
    ...position,
    differentBytes: differentBytes(side),
    journalRecords: Math.max(0, position.sequence - shared),
  };
}
