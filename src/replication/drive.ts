import type { GroupChange } from '../interface-block/process-table.ts';
import type { CallOptions } from '../host/array-client.ts';
import type { ArrayOperations, JournalStatus, PairRow } from '../host/operations.ts';
import { emit, isCancelled, operationsAt, remainingMs, type Run } from './context.ts';
import type { StepResult } from './events.ts';
import type { Step, StepOf, StepProcess } from './plan.ts';
import { ReplicationRefusal } from './refusal.ts';

/** What an array answers to a step. */
export type AnswerOf<N extends StepProcess> = N extends 'journal.show'
  ? JournalStatus
  : N extends 'pair.show'
    ? readonly PairRow[]
    : GroupChange;

export interface PerformOptions {
  /** At least this long, also beyond the deadline: for steps that must not be left undone half-way. */
  readonly graceMs?: number;
}

/** Carries out steps in order. It knows order, deadline, cancellation and events, and nothing of what the steps are for. */
export async function drive(run: Run, steps: readonly Step[]): Promise<void> {
  for (const next of steps) {
    if (isCancelled(run)) throw stopped(run, 'cancelled', `cancelled before ${next.id} at ${next.array}`);
    await perform(run, next);
  }
}

/** One step: its command, its events, its result in `run.done`. Rejects with the command client's error as it is. */
export async function perform<N extends StepProcess>(
  run: Run,
  step: StepOf<N>,
  options: PerformOptions = {},
): Promise<AnswerOf<N>> {
  const timeoutMs = Math.max(remainingMs(run), options.graceMs ?? 0);
  const { id, array, process, why } = step;
  if (timeoutMs <= 0)
    throw stopped(run, 'timeout', `the deadline of ${run.context.timeoutMs} ms passed before ${id} at ${array}`);
  emit(run, { kind: 'step-begun', id, array, process, why });
  const begunMs = run.context.clock.monotonicMs();
  try {
    const reply = await execute(operationsAt(run, array), step as unknown as Step, { timeoutMs });
    record(run, {
      id,
      array,
      process,
      elapsedMs: run.context.clock.monotonicMs() - begunMs,
      ...changedOf(reply),
      reply,
    });
    return reply as AnswerOf<N>;
  } catch (error) {
    const elapsedMs = run.context.clock.monotonicMs() - begunMs;
    emit(run, {
      kind: 'step-failed',
      id,
      array,
      process,
      elapsedMs,
      error: error instanceof Error ? error.message : String(error),
    });
    throw error;
  }
}

/** A query that is repeated while waiting keeps one entry, the last: results stay bounded however long it takes. */
function record(run: Run, result: StepResult): void {
  emit(run, { kind: 'step-done', ...result });
  const last = run.done.at(-1);
  if (last?.id === result.id && last.array === result.array && result.changed === undefined) run.done.pop();
  run.done.push(result);
}

function changedOf(reply: unknown): { changed?: boolean } {
  const { changed } = reply as { changed?: unknown };
  return typeof changed === 'boolean' ? { changed } : {};
}

function execute(operations: ArrayOperations, step: Step, options: CallOptions): Promise<unknown> {
  switch (step.process) {
    case 'pair.create':
      return operations.createPair(step.request.header, options);
    case 'pair.show':
      return operations.showPairs(step.request.header.group, options);
    case 'pair.split':
      return operations.splitGroup(step.request.header.group, options);
    case 'pair.resync':
      return operations.resyncGroup({ ...step.request.header, lineage: step.request.rows }, options);
    case 'pair.delete':
      return operations.deletePair(step.request.header.group, step.request.header.pair, options);
    case 'pair.swap':
      return operations.swapGroup(step.request.header, options);
    case 'pair.takeover':
      return operations.takeOver(step.request.header, options);
    case 'pair.fence':
      return operations.fence(step.request.header, options);
    case 'journal.show':
      return operations.showJournal(step.request.header.group, options);
    case 'journal.acquire':
      return operations.acquire(step.request.header, options);
    case 'journal.restore':
      return operations.restore(step.request.header, options);
    default:
      return operations.purge(step.request.header, options);
  }
}

export function stopped(run: Run, kind: 'cancelled' | 'timeout', why: string, evidence?: unknown): ReplicationRefusal {
  const next = 'run it again: it goes on from what the arrays say';
  return new ReplicationRefusal({ kind, what: `group ${run.group.name}`, why, next }, evidence);
}
