import type { RequestOf } from '../interface-block/process-table.ts';
import type { PairRow } from '../host/operations.ts';
import type { GroupDefinition, PairDefinition } from './definition.ts';
import { isPresent, type ArrayObservation, type GroupObservation } from './observe.ts';
import { planned, refused, step, type Plan, type Step } from './plan.ts';
import { refuseByVerdict, refuseUnreachable, requireArray, sidesFrom } from './plan-checks.ts';
import { verdictOf, type Verdict } from './verdict.ts';

export interface CreateIntent {
  /** The array whose volumes are copied from. */
  readonly primary: string;
  /** The volumes are known to be equal: no copy. */
  readonly noCopy?: boolean;
}

type Header = RequestOf<'pair.create'>['header'];

/** S1101 on the copy source, then S1102 on the copy destination, for each configured pair that is not yet formed on that side. */
export function planCreate(group: GroupDefinition, observation: GroupObservation, intent: CreateIntent): Plan {
  const what = `create ${group.name}`;
  const misfit = requireArray(group, intent.primary, what) ?? refuseUnreachable(observation, what);
  if (misfit) return misfit;
  const verdict = verdictOf(observation);
  if (verdict.kind === 'diverged') return refuseByVerdict(verdict, what);
  const [primary, auxiliary] = sidesFrom(observation, intent.primary);
  const opposed = wrongDirection(primary, auxiliary, what, group.name) ?? notRunning(verdict, what);
  if (opposed) return opposed;
  const steps: Step[] = [];
  for (const pair of group.pairs) {
    const header = headerOf(group, pair, primary, auxiliary, intent.noCopy ?? false);
    for (const side of [primary, auxiliary]) {
      const formed = formedAt(side, pair.name);
      if (formed && !sameParameters(formed, header)) return formedOtherwise(what, pair.name, side.array);
      if (!formed) steps.push(createStep(side.array, header, side === primary));
    }
    if (formedAt(auxiliary, pair.name) && !formedAt(primary, pair.name))
      return orphaned(what, `${group.name}/${pair.name}`, primary.array, auxiliary.array);
  }
  return planned(steps);
}

function formedAt(side: ArrayObservation, pair: string): PairRow | undefined {
  return isPresent(side) ? side.pairs.find((row) => row.pair === pair) : undefined;
}

/**
 * What the auxiliary followed was dissolved. A pair that the primary forms now is another one, which the old half would never
 * follow; and whether its volume is still wanted is for the operator to say.
 */
function orphaned(what: string, pair: string, primary: string, auxiliary: string): Plan {
  const why = `pair ${pair} was dissolved at ${primary}; its half at ${auxiliary} would never follow a new one`;
  const next = `cdctl pair delete ${pair} makes the volume at ${auxiliary} independent; then create again, which copies to it`;
  return refused('state-does-not-hold', what, why, next);
}

function createStep(array: string, header: Header, isPrimary: boolean): Step {
  return isPrimary
    ? step(
        'S1101',
        array,
        'pair.create',
        { ...header, role: 'primary' },
        `form pair ${header.pair} and start storing journal`,
      )
    : step(
        'S1102',
        array,
        'pair.create',
        { ...header, role: 'auxiliary' },
        `form pair ${header.pair} and start the copy (S1103)`,
      );
}

function headerOf(
  group: GroupDefinition,
  pair: PairDefinition,
  primary: ArrayObservation,
  auxiliary: ArrayObservation,
  noCopy: boolean,
): Header {
  return {
    group: group.name,
    pair: pair.name,
    role: 'primary',
    noCopy,
    primaryLun: lunAt(pair.luns, primary.array),
    auxiliaryLun: lunAt(pair.luns, auxiliary.array),
    primaryJournalLun: lunAt(group.journals, primary.array),
    auxiliaryJournalLun: lunAt(group.journals, auxiliary.array),
    primarySerial: primary.serial,
    auxiliarySerial: auxiliary.serial,
  };
}

function lunAt(luns: Readonly<Record<string, number>>, array: string): number {
  const lun = luns[array];
  if (lun === undefined) throw new Error(`no LUN is configured at ${array}`);
  return lun;
}

const COMPARED = [
  'primaryLun',
  'auxiliaryLun',
  'primaryJournalLun',
  'auxiliaryJournalLun',
  'primarySerial',
  'auxiliarySerial',
] as const;

function sameParameters(formed: PairRow, header: Header): boolean {
  return COMPARED.every((field) => formed[field] === header[field]);
}

function formedOtherwise(what: string, pair: string, array: string): Plan {
  const why = `pair ${pair} exists on ${array} with other LUNs or another direction`;
  return refused('state-does-not-hold', what, why, 'compare cdctl pair show with the configuration');
}

function wrongDirection(
  primary: ArrayObservation,
  auxiliary: ArrayObservation,
  what: string,
  group: string,
): Plan | undefined {
  const reversed =
    (isPresent(primary) && primary.journal.role === 'auxiliary') ||
    (isPresent(auxiliary) && auxiliary.journal.role === 'primary');
  if (!reversed) return undefined;
  const why = `${auxiliary.array} is not the auxiliary of ${primary.array} in the group as it is`;
  return refused('state-does-not-hold', what, why, `cdctl swap ${group} --to ${primary.array} changes the direction`);
}

/** Pairs join a group that runs; a suspended one is resumed first, so that its one write order holds for all. */
function notRunning(verdict: Verdict, what: string): Plan | undefined {
  if (['absent', 'partly-formed', 'copying', 'replicating'].includes(verdict.kind)) return undefined;
  return refuseByVerdict(verdict, what);
}
