import type { JournalStatus } from '../host/operations.ts';
import { accept, resultOf, type ChangeOptions, type ChangeResult } from './change.ts';
import { isCancelled, remainingMs, startRun, type ReplicationContext, type Run } from './context.ts';
import { cycle, requireDirection, suspendedDuring, type CycleOutcome } from './cycle.ts';
import type { GroupDefinition } from './definition.ts';
import { perform, stopped } from './drive.ts';
import { observe } from './observe.ts';
import { planCycle, type Direction } from './plan-cycle.ts';
import { step } from './plan.ts';
import { backoff, pause, poll } from './poll.ts';
import { stallWatch } from './stall.ts';

export interface DrainResult extends ChangeResult {
  readonly cycles: number;
  readonly recordsAcquired: number;
  readonly recordsPurged: number;
  readonly bytes: number;
  /** False where it was cancelled first. */
  readonly complete: boolean;
  readonly last?: CycleOutcome;
}

/**
 * Cycles until the journal is empty, everything is restored and all pairs are in state pair. Ends with a timeout at the
 * deadline or when nothing moves, and with a refusal when the group is suspended.
 */
export async function drainGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  options: ChangeOptions = {},
): Promise<DrainResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planCycle(before), before);
  if (options.dryRun === true) return { ...resultOf(run, { dryRun: true, steps, notes, before }), ...NOTHING_DRAINED };
  const drained = await drain(run, requireDirection(before, `drain ${group.name}`));
  const after = isCancelled(run) ? undefined : await observe(run);
  return { ...resultOf(run, { dryRun: false, steps, notes, before, ...(after ? { after } : {}) }), ...drained };
}

type Drained = Omit<DrainResult, keyof ChangeResult>;

const NOTHING_DRAINED: Drained = { cycles: 0, recordsAcquired: 0, recordsPurged: 0, bytes: 0, complete: false };

export interface DrainOptions {
  /** Also until the auxiliary has heard of the primary's generation, which a swap needs and an empty journal does not. */
  readonly sameGeneration?: boolean;
  /** Ends incomplete after so many cycles with all pairs copied: an application that keeps writing is never drained. */
  readonly cycleLimit?: number;
}

export async function drain(run: Run, direction: Direction, options: DrainOptions = {}): Promise<Drained> {
  const stall = stallWatch(run);
  let nextPauseMs = backoff();
  let total: Drained = NOTHING_DRAINED;
  let known = direction.auxiliary.journal;
  let copiedCycles = 0;
  while (!isCancelled(run)) {
    const outcome = await cycle(run, direction, known);
    total = add(total, outcome);
    known = outcome.auxiliaryJournal;
    if (outcome.suspended) throw suspendedDuring(`drain ${run.group.name}`, run.group, outcome);
    if (outcome.complete && (options.sameGeneration !== true || inOneGeneration(outcome))) {
      return { ...total, complete: true };
    }
    if (outcome.copying.length === 0) copiedCycles += 1;
    if (options.cycleLimit !== undefined && copiedCycles >= options.cycleLimit) return total;
    requireProgress(run, outcome, stall.isStalled(progressOf(outcome)));
    if (outcome.moved) nextPauseMs = backoff();
    await pause(run, nextPauseMs());
  }
  return total;
}

function inOneGeneration({ primaryJournal, auxiliaryJournal }: CycleOutcome): boolean {
  return primaryJournal.generation === auxiliaryJournal.generation;
}

function add(total: Drained, outcome: CycleOutcome): Drained {
  const { recordsAcquired, recordsPurged, bytes = 0 } = outcome.figures;
  return {
    cycles: total.cycles + 1,
    recordsAcquired: total.recordsAcquired + recordsAcquired,
    recordsPurged: total.recordsPurged + recordsPurged,
    bytes: total.bytes + bytes,
    complete: false,
    last: outcome,
  };
}

/** Anything that must change while a drain gets on: pointers, states, copied chunks. */
function progressOf({ primaryJournal: near, auxiliaryJournal: far, copying }: CycleOutcome): string {
  const copied = copying.map((pair) => `${pair.pair} ${pair.copiedChunks} ${pair.state}`);
  return [
    near.journalOutSequence,
    far.readSequence,
    far.restoredSequence,
    near.state,
    far.state,
    far.generation,
    ...copied,
  ].join(' ');
}

function requireProgress(run: Run, outcome: CycleOutcome, stalled: boolean): void {
  if (!stalled && remainingMs(run) > 0) return;
  throw stopped(
    run,
    'timeout',
    `${stalled ? 'nothing moves any more' : 'the deadline passed'}: ${standsAt(outcome)}`,
    outcome,
  );
}

function standsAt({ primaryJournal: near, auxiliaryJournal: far, copying }: CycleOutcome): string {
  const parts = [
    `last write ${near.journalInSequence - 1}, acquired ${far.readSequence}, restored ${far.restoredSequence}`,
  ];
  for (const pair of copying.filter((row) => row.state === 'copy')) {
    parts.push(`${pair.pair} copied ${pair.copiedChunks} of ${pair.copyChunks} chunks`);
  }
  if (near.generation !== far.generation)
    parts.push(`the auxiliary has not yet heard of generation ${near.generation}`);
  if (far.errorText) parts.push(far.errorText);
  return parts.join('; ');
}

/** S1902 to S1905: until restoration completed and to-be restored are equal, and equal to read completed. */
export async function awaitRestored(run: Run, auxiliary: string): Promise<JournalStatus> {
  const why = 'processing status of the auxiliary journal (S1902-S1904), compared in S1905';
  const show = step('S1902', auxiliary, 'journal.show', { group: run.group.name }, why);
  const stall = stallWatch(run);
  const { end, value } = await poll(
    run,
    () => perform(run, show),
    (far) => far.restoredSequence >= far.toBeRestoredSequence || stall.isStalled(far.restoredSequence),
  );
  if (value.restoredSequence >= value.toBeRestoredSequence) return value;
  const why2 = `${auxiliary} has restored up to write ${value.restoredSequence} of ${value.toBeRestoredSequence}`;
  throw stopped(
    run,
    end === 'cancelled' ? 'cancelled' : 'timeout',
    value.errorText ? `${why2}: ${value.errorText}` : why2,
    value,
  );
}
