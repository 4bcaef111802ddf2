import type { PairRow, JournalStatus } from '../host/operations.ts';
import { lastSequence } from './lineage.ts';
import { isPresent, type GroupObservation, type PresentSide } from './observe.ts';
import { planned, step, type Plan, type RefusedPlan, type Step, type StepOf } from './plan.ts';
import { refuseByVerdict, refuseUnreachable, sidesFrom } from './plan-checks.ts';
import { verdictOf } from './verdict.ts';

/**
 * The steps of Fig. 16, each made by one function from what the arrays said. S1602-S1603 and S1606-S1607, the reading of
 * the edited data, are the command client's part of S1601 and S1605; S1608 is a comparison, not a command.
 */

/** Which way journal flows. */
export interface Direction {
  readonly primary: PresentSide;
  readonly auxiliary: PresentSide;
}

export function showPrimary(group: string, primary: string): StepOf<'journal.show'> {
  return step('S1601', primary, 'journal.show', { group }, 'processing status of the primary journal (S1601-S1603)');
}

export function showAuxiliary(group: string, auxiliary: string): StepOf<'journal.show'> {
  return step(
    'S1605',
    auxiliary,
    'journal.show',
    { group },
    'processing status of the auxiliary journal (S1605-S1607)',
  );
}

export function acquireStep(group: string, auxiliary: string, toSequence: number): StepOf<'journal.acquire'> {
  const why = `acquire journal up to write ${toSequence}, the one before journal-in`;
  return step('S1604', auxiliary, 'journal.acquire', { group, toSequence }, why);
}

export function restoreStep(group: string, auxiliary: string, toSequence: number): StepOf<'journal.restore'> {
  return step(
    'S1609',
    auxiliary,
    'journal.restore',
    { group, toSequence },
    `restore up to write ${toSequence}, read completed`,
  );
}

export function purgeStep(
  group: string,
  primary: string,
  auxiliary: JournalStatus,
  copiedPairs: string,
): StepOf<'journal.purge'> {
  const { readSequence: toSequence, generation, readProof: proof, life, changes } = auxiliary;
  const why = `free journal up to write ${toSequence}, which the auxiliary journal holds durably`;
  return step(
    'S1610',
    primary,
    'journal.purge',
    { group, toSequence, generation, proof, copiedPairs, life, changes },
    why,
  );
}

/** Bit `slot` for each pair that the auxiliary has wholly copied, as 8 bytes of hex. */
export function copiedPairsMask(pairs: readonly PairRow[]): string {
  const copied = pairs.filter((row) => row.state === 'pair');
  const mask = copied.reduce((bits, row) => bits | (1n << BigInt(row.slot)), 0n);
  return mask.toString(16).padStart(16, '0');
}

export const NO_PAIRS = '0000000000000000';

/** The sides of a group whose journal can flow, or at least be restored; otherwise why not. */
export function directionOf(observation: GroupObservation, what: string): Direction | RefusedPlan {
  const verdict = verdictOf(observation);
  const unreachable = refuseUnreachable(observation, what);
  if (unreachable) return unreachable;
  const runs = verdict.kind === 'replicating' || verdict.kind === 'copying' || verdict.kind === 'suspended';
  if (!runs || verdict.primary === undefined) return refuseByVerdict(verdict, what);
  const [primary, auxiliary] = sidesFrom(observation, verdict.primary);
  return isPresent(primary) && isPresent(auxiliary) ? { primary, auxiliary } : refuseByVerdict(verdict, what);
}

/** What a cycle from here would send; S1609 and S1610 name what S1604 will have brought by then. */
export function planCycle(observation: GroupObservation): Plan {
  const direction = directionOf(observation, `cycle ${observation.group}`);
  if ('refused' in direction) return direction;
  const { primary, auxiliary } = direction;
  const { group } = observation;
  const last = lastSequence(primary.journal);
  const steps: Step[] = [showPrimary(group, primary.array)];
  const flows = primary.journal.state !== 'suspended';
  const brings = flows && last > auxiliary.journal.readSequence;
  if (brings) steps.push(acquireStep(group, auxiliary.array, last));
  steps.push(showAuxiliary(group, auxiliary.array));
  const read = brings ? last : auxiliary.journal.readSequence;
  if (read > auxiliary.journal.toBeRestoredSequence) {
    steps.push({ ...restoreStep(group, auxiliary.array, read), provisional: ['toSequence'] });
  }
  if (flows && read >= primary.journal.journalOutSequence) {
    const purge = purgeStep(
      group,
      primary.array,
      { ...auxiliary.journal, readSequence: read },
      copiedPairsMask(auxiliary.pairs),
    );
    steps.push({ ...purge, provisional: ['toSequence', 'proof', 'copiedPairs'] });
  }
  return planned(steps);
}
