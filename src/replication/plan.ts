import type { ProcessName, RequestOf } from '../interface-block/process-table.ts';
import type { Refusal, RefusalKind } from './refusal.ts';

/** The commands of a group: every process number that concerns pairs or journals. */
export type StepProcess = Extract<ProcessName, `pair.${string}` | `journal.${string}`>;

/** One command to one array, as data: what `--dry-run` prints and the driver carries out. */
export interface StepOf<N extends StepProcess> {
  /** The step of the source where it has one (`S1604`), otherwise the verb and the side (`resync-auxiliary`). */
  readonly id: string;
  /** Configuration name of the array that executes it. */
  readonly array: string;
  readonly process: N;
  readonly request: RequestOf<N>;
  readonly why: string;
  /** Request fields that are read from the arrays when the step runs; what stands in `request` is today's value. */
  readonly provisional?: readonly string[];
}

export type Step = { [N in StepProcess]: StepOf<N> }[StepProcess];

/** What an observation and an intent lead to. No steps: the group is already so. */
export type Plan =
  | { readonly refused: false; readonly steps: readonly Step[]; readonly notes: readonly string[] }
  | { readonly refused: true; readonly refusal: Refusal };

export function planned(steps: readonly Step[], notes: readonly string[] = []): Plan {
  return { refused: false, steps, notes };
}

export type RefusedPlan = Extract<Plan, { readonly refused: true }>;

export function refused(kind: RefusalKind, what: string, why: string, next: string): RefusedPlan {
  return { refused: true, refusal: { kind, what, why, next } };
}

export function step<N extends StepProcess>(
  id: string,
  array: string,
  process: N,
  header: RequestOf<N>['header'],
  why: string,
  provisional: readonly string[] = [],
): StepOf<N> {
  const request = { header, rows: [] } as unknown as RequestOf<N>;
  return { id, array, process, request, why, ...(provisional.length > 0 ? { provisional } : {}) };
}
