import type { Clock } from '../base/clock.ts';
import type { ArrayOperations } from '../host/operations.ts';
import type { GroupDefinition } from './definition.ts';
import type { EventBody, ReplicationEvent, StepResult } from './events.ts';
import { ReplicationRefusal } from './refusal.ts';

export interface ReplicationContext {
  readonly clock: Clock;
  /** By configuration name. */
  readonly arrays: ReadonlyMap<string, ArrayOperations>;
  /** For the whole verb, from its call. */
  readonly timeoutMs: number;
  /** How long an observation waits for an array before it counts as unreachable; never longer than `timeoutMs`. */
  readonly observeTimeoutMs?: number;
  /** Ends waiting. A cycle that has begun is brought to its end first. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ReplicationEvent) => void;
}

/** One call of one verb: its deadline and what it has done so far. */
export interface Run {
  readonly context: ReplicationContext;
  readonly group: GroupDefinition;
  /** On the monotonic clock. */
  readonly startedMs: number;
  readonly deadlineMs: number;
  readonly done: StepResult[];
}

const OBSERVE_TIMEOUT_MS = 5_000;

export function startRun(context: ReplicationContext, group: GroupDefinition): Run {
  const startedMs = context.clock.monotonicMs();
  return { context, group, startedMs, deadlineMs: startedMs + context.timeoutMs, done: [] };
}

/** Milliseconds until the deadline; 0 once it has passed. */
export function remainingMs(run: Run): number {
  return Math.max(0, run.deadlineMs - run.context.clock.monotonicMs());
}

export function observeLimitMs(run: Run): number {
  return Math.min(run.context.observeTimeoutMs ?? OBSERVE_TIMEOUT_MS, Math.max(1, remainingMs(run)));
}

export function isCancelled(run: Run): boolean {
  return run.context.signal?.aborted === true;
}

export function emit(run: Run, body: EventBody): void {
  run.context.onEvent?.({ ...body, group: run.group.name, atMs: run.context.clock.wallMs() });
}

export function operationsAt(run: Run, array: string): ArrayOperations {
  const operations = run.context.arrays.get(array);
  if (operations) return operations;
  throw new ReplicationRefusal({
    kind: 'bad-request',
    what: `group ${run.group.name}`,
    why: `array ${array} is not configured`,
    next: 'name one of the arrays of the group',
  });
}

export function otherArray(group: GroupDefinition, array: string): string {
  return group.arrays[0] === array ? group.arrays[1] : group.arrays[0];
}
