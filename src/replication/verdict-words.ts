import { counted } from './counted.ts';
import { forkOf } from './lineage.ts';
import { givenUpWords } from './loss.ts';
import type { JournalStatus } from '../host/operations.ts';
import type { Verdict } from './verdict.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import type { SuspendReason } from '../interface-block/process-table.ts';

export type VerdictFacts = Omit<Verdict, 'explanation' | 'nextStep'>;

interface Words {
  readonly explanation: string;
  readonly nextStep: string;
}

type Writer = (facts: VerdictFacts, observation: GroupObservation) => Words;

const WRITERS: Readonly<Record<Verdict['kind'], Writer>> = {
  absent: ({ group }) => ({
    explanation: 'Neither array knows the group',
    nextStep: `cdctl pair create ${group} --primary ARRAY`,
  }),
  'partly-formed': partlyFormedWords,
  copying: ({ group, primary, auxiliary, currency }) => ({
    explanation:
      currency.kind === 'inconsistent'
        ? `${auxiliary} is copying from ${primary}; its volumes are not usable before the copy has ended`
        : `${auxiliary} has its copy of ${primary}, which learns so with the next cycle`,
    nextStep: `cdctl replicate ${group} --until-empty runs the cycles that end the copy`,
  }),
  replicating: ({ group, primary, auxiliary, lag }) => ({
    explanation: `${auxiliary} follows ${primary}${lag && lag.writes > 0 ? `, ${counted(lag.writes, 'write')} behind` : ' and has every write'}`,
    nextStep: `cdctl replicate ${group} keeps it so`,
  }),
  suspended: suspendedWords,
  'handing-over': ({ group, primary }) => ({
    explanation: 'A swap stopped between its two halves: both sides are auxiliary and no host can write',
    nextStep: `cdctl swap ${group} --to ${primary ?? 'ARRAY'} finishes it`,
  }),
  'taken-over': takenOverWords,
  diverged: ({ group, divergence = [] }) => ({
    explanation: `Split brain: each side may hold writes that the other lacks (${divergence.map(sideLoss).join('; ')})`,
    nextStep: `decide which side to give up, then cdctl pair resync ${group} --discard ARRAY --confirm ${group}; nothing is merged`,
  }),
  unknown: unknownWords,
};

export function wordsFor(facts: VerdictFacts, observation: GroupObservation): Words {
  return WRITERS[facts.kind](facts, observation);
}

/** `osaka: generation 5c.., 20 journal records, 1024 bytes of differences`. */
export function sideLoss(side: NonNullable<Verdict['divergence']>[number]): string {
  return `${side.array}: ${counted(side.journalRecords, 'journal record')} after the fork and ${side.differentBytes} bytes tracked as different, generation ${side.generation}`;
}

function partlyFormedWords({ group }: VerdictFacts, observation: GroupObservation): Words {
  const parts = observation.sides.map((side) =>
    isPresent(side)
      ? `${side.array} has ${side.pairs.map((pair) => pair.pair).join(', ')}`
      : `${side.array} has none of it`,
  );
  return {
    explanation: `The two arrays do not have the same pairs: ${parts.join('; ')}`,
    nextStep: partlyFormedStep(group, observation.sides.filter(isPresent)),
  };
}

/** Pairs join a group that runs and has a primary; any other goes on once both sides have the same pairs. */
function partlyFormedStep(group: string, sides: readonly PresentSide[]): string {
  const primary = sides.find((side) => side.journal.role === 'primary');
  const lone = pairsOfOneSide(sides);
  const deletions = lone.map((pair) => `cdctl pair delete ${group}/${pair}`).join(' and ');
  if (primary && sides.every((side) => side.journal.state !== 'suspended')) {
    const create = `cdctl pair create ${group} --primary ${primary.array}`;
    if (hadAuxiliary(primary, lone)) return `${deletions}, whose other half is gone; then ${create} forms it anew`;
    return `${create} completes it, except a pair that only the auxiliary has; cdctl pair delete ${group} clears it`;
  }
  if (sides.length < 2 || lone.length === 0) return `cdctl pair delete ${group} clears it; then create it anew`;
  return `${deletions}, which leaves the volume as it is; then cdctl pair show ${group} says how the rest goes on`;
}

/** What its auxiliary held by then is in no journal any more, so that an array lets no new one join. */
function hadAuxiliary(primary: PresentSide, lone: readonly string[]): boolean {
  return primary.pairs.some((row) => lone.includes(row.pair) && row.state === 'pair');
}

function pairsOfOneSide(sides: readonly PresentSide[]): readonly string[] {
  const names = sides.flatMap((side) => side.pairs.map((row) => row.pair));
  return names.filter((name) => names.indexOf(name) === names.lastIndexOf(name));
}

const REASONS: Readonly<Record<SuspendReason, string>> = {
  none: 'a resync stopped half-way',
  split: 'an operator split it',
  'journal-full': 'the primary journal was full; the application went on and its writes are tracked as differences',
  error: 'a volume or journal failed',
  takeover: 'the primary was taken over',
  'peer-suspended': 'the primary has stopped storing journal',
  'older-copy':
    'its storage came back from an older copy, or was formed anew; its volumes and positions are not believed',
  'peer-older-copy': 'the storage of the other array came back from an older copy; it is not followed',
};

function suspendedWords(facts: VerdictFacts, observation: GroupObservation): Words {
  const sides = observation.sides.filter(isPresent);
  const reasons = sides.filter((side) => side.journal.state === 'suspended').map(reasonOf);
  const from = facts.primary ?? 'ARRAY';
  return {
    explanation:
      reasons.length > 0 ? `Suspended (${reasons.join('; ')})` : 'A resync stopped half-way: neither side is primary',
    nextStep:
      facts.olderCopy !== undefined
        ? olderCopyStep(facts.group)
        : `cdctl pair resync ${facts.group} --from ${from} copies the differences`,
  };
}

export function hasOlderCopy({ suspendReason }: Pick<JournalStatus, 'suspendReason'>): boolean {
  return suspendReason === 'older-copy' || suspendReason === 'peer-older-copy';
}

/** Only a person knows which side is right; the other one is then copied whole. */
export function olderCopyStep(group: string): string {
  return `decide whose data is right, then cdctl pair resync ${group} --from THAT --discard OTHER --confirm ${group}, which copies everything`;
}

export function reasonOf(side: Pick<PresentSide, 'array' | 'journal'>): string {
  const { suspendReason, errorText } = side.journal;
  if (side.journal.damaged) return `${side.array}: its journal is damaged: ${givenUpWords(side.journal)}`;
  // The error of an older copy says the same, cut short.
  const more = errorText && !hasOlderCopy(side.journal) ? `: ${errorText}` : '';
  return `${side.array}: ${REASONS[suspendReason]}${more}`;
}

function takenOverWords(facts: VerdictFacts, observation: GroupObservation): Words {
  const [first, second] = observation.sides;
  const gone = facts.auxiliary ?? '';
  if (isPresent(first) && isPresent(second)) {
    const fork = forkOf(first.journal, second.journal);
    return {
      explanation: `${facts.primary} took over at write ${fork}; ${gone} still calls itself primary but holds nothing newer than that`,
      nextStep: `stop every application at ${gone}, then cdctl pair resync ${facts.group} --from ${facts.primary}`,
    };
  }
  return {
    explanation: `${facts.primary} has taken over and tracks what it writes; ${gone} does not answer`,
    nextStep: `when ${gone} is back: cdctl pair resync ${facts.group} --from ${facts.primary}`,
  };
}

function unknownWords(facts: VerdictFacts, observation: GroupObservation): Words {
  const errors = observation.sides
    .filter((side) => !side.reachable)
    .map((side) => `${side.array} does not answer (${side.error.message})`);
  const known = observation.sides.find(isPresent);
  if (!known)
    return { explanation: errors.join('; '), nextStep: 'check the paths to the command devices: cdctl config check' };
  if (known.journal.role === 'primary') {
    return {
      explanation: `${errors.join('; ')}; ${known.array} is primary (${known.journal.state}) and keeps ${counted(known.journal.usedRecords, 'journal record')} for it`,
      nextStep: `repair the paths to ${facts.auxiliary}; the journal suspends the group, not the application, when it is full`,
    };
  }
  const { damaged } = known.journal;
  const damage = damaged ? `; its journal is damaged: ${givenUpWords(known.journal)}` : '';
  const takeover = `cdctl takeover ${facts.group} --at ${known.array}${damaged ? ' --give-up-damaged' : ''}`;
  return {
    explanation: `${errors.join('; ')}; ${known.array} is auxiliary, ${facts.currency.kind}: ${facts.currency.rule}${damage}`,
    nextStep: `repair the paths to ${facts.primary}; where that site is lost: ${takeover}`,
  };
}
