import { isPresent, type ArrayObservation, type PresentSide } from './observe.ts';
import { lagAlone, lagBetween, type Lag } from './lag.ts';

/** How good the auxiliary volumes are for going on with them, and the rule that says so. */
export interface Currency {
  /**
   * `consistent`: equal to the primary now. `consistent-behind`: equal to the primary at an earlier moment (or not proven
   * to be current). `inconsistent`: a copy has not ended. `unknown`: no auxiliary answers.
   */
  readonly kind: 'consistent' | 'consistent-behind' | 'inconsistent' | 'unknown';
  readonly rule: string;
  readonly lag?: Lag;
}

export function currencyOf(primary: ArrayObservation, auxiliary: ArrayObservation, nowMs: number): Currency {
  if (!isPresent(auxiliary)) return { kind: 'unknown', rule: `${auxiliary.array} has no answer about the group` };
  const lag = isPresent(primary) ? lagBetween(primary, auxiliary, nowMs) : lagAlone(auxiliary, nowMs);
  return { ...judge(isPresent(primary) ? primary : undefined, auxiliary, lag), lag };
}

function judge(primary: PresentSide | undefined, auxiliary: PresentSide, lag: Lag): Omit<Currency, 'lag'> {
  if (!auxiliary.journal.consistent) return { kind: 'inconsistent', rule: notConsistent(auxiliary) };
  if (!primary) return { kind: 'consistent-behind', rule: 'the primary does not answer, so it may hold newer writes' };
  if (primary.journal.state === 'suspended' || auxiliary.journal.state === 'suspended') {
    return { kind: 'consistent-behind', rule: 'the group is suspended: writes since then are differences' };
  }
  if (lag.writes > 0) return { kind: 'consistent-behind', rule: 'journal that is not yet restored' };
  return { kind: 'consistent', rule: 'every write of the primary is restored' };
}

function notConsistent(auxiliary: PresentSide): string {
  const from = Math.max(...auxiliary.pairs.map((pair) => pair.consistentFrom));
  const copying = auxiliary.pairs.some((pair) => !pair.consistent && pair.consistentFrom === 0);
  if (copying || from <= auxiliary.journal.restoredSequence) return 'a copy has not ended';
  return `the copy has ended; usable once write ${from} is restored`;
}
