import type { JournalStatus } from '../host/operations.ts';
import { accept, resultOf, type ChangeOptions, type ChangeResult } from './change.ts';
import { emit, isCancelled, remainingMs, startRun, type ReplicationContext, type Run } from './context.ts';
import { requireDirection } from './cycle.ts';
import type { GroupDefinition } from './definition.ts';
import { awaitRestored, drain } from './drain.ts';
import { perform, stopped } from './drive.ts';
import { isRefusedWith, observe, type GroupObservation } from './observe.ts';
import type { Direction } from './plan-cycle.ts';
import { newPrimaryStep, oldPrimaryStep, planSwap, type SwapIntent } from './plan-swap.ts';
import { step, type StepOf } from './plan.ts';
import { ReplicationRefusal } from './refusal.ts';
import { verdictOf } from './verdict.ts';

export interface SwapOptions extends SwapIntent, ChangeOptions {
  /** How long host writes may be held back at most, per attempt; default 10 s. 0: never hold them back. */
  readonly fenceLeaseMs?: number;
}

export interface SwapResult extends ChangeResult {
  readonly primary?: string;
  readonly auxiliary?: string;
  /** The last write of the old primary; the new one goes on from it. */
  readonly sequence?: number;
  /** Attempts at S1906, the last of which was accepted; 0 where only S1907 was missing. */
  readonly attempts: number;
  /** Host writes were held back to drain under load. */
  readonly fenced: boolean;
}

/** Attempts while the application goes on before its writes are held back. */
const PLAIN_ATTEMPTS = 2;
const FENCED_ATTEMPTS = 2;
const FENCE_LEASE_MS = 10_000;
/** Cycles of S1901 in one attempt: what an application writes during the last one is left for the next attempt. */
const PLAIN_CYCLES = 3;
const FENCED_CYCLES = 10;
/** Between S1906 and S1907 nobody accepts writes: the second is sent even where the deadline has just passed. */
const FINISH_GRACE_MS = 10_000;

/** Fig. 19. Begun anywhere, it goes on from what the arrays say; name `to` where it may be run twice. */
export async function swapGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  options: SwapOptions = {},
): Promise<SwapResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planSwap(group, before, options), before);
  const dryRun = options.dryRun === true;
  if (dryRun || steps.length === 0)
    return { ...resultOf(run, { dryRun, steps, notes, before }), ...rolesNow(before), attempts: 0, fenced: false };
  const finishing = steps.find((next) => next.id === 'S1907' && steps.length === 1);
  const swapped =
    finishing?.process === 'pair.swap' ? await finish(run, finishing) : await swapFromStart(run, before, options);
  const after = await observe(run);
  return { ...resultOf(run, { dryRun, steps, notes, before, after }), ...swapped };
}

function rolesNow(observation: GroupObservation): Pick<SwapResult, 'primary' | 'auxiliary'> {
  const { primary, auxiliary } = verdictOf(observation);
  return { ...(primary === undefined ? {} : { primary }), ...(auxiliary === undefined ? {} : { auxiliary }) };
}

type Swapped = Pick<SwapResult, 'primary' | 'auxiliary' | 'sequence' | 'attempts' | 'fenced'>;

async function finish(run: Run, step: StepOf<'pair.swap'>): Promise<Swapped> {
  await perform(run, step, { graceMs: FINISH_GRACE_MS });
  const auxiliary = run.group.arrays.find((array) => array !== step.array);
  return {
    primary: step.array,
    ...(auxiliary ? { auxiliary } : {}),
    sequence: step.request.header.sequence,
    attempts: 0,
    fenced: false,
  };
}

async function swapFromStart(run: Run, before: GroupObservation, options: SwapOptions): Promise<Swapped> {
  const direction = requireDirection(before, `swap ${run.group.name}`);
  const lease = options.fenceLeaseMs ?? FENCE_LEASE_MS;
  const limit = PLAIN_ATTEMPTS + (lease > 0 ? FENCED_ATTEMPTS : 0);
  for (let attempt = 1; attempt <= limit; attempt += 1) {
    const fenced = attempt > PLAIN_ATTEMPTS;
    const last = fenced ? await handOverFenced(run, direction, lease) : await handOver(run, direction, PLAIN_CYCLES);
    if (!last) continue;
    const { generation, restoredSequence: sequence } = last;
    await perform(run, newPrimaryStep(run.group.name, direction.auxiliary.array, generation, sequence), {
      graceMs: FINISH_GRACE_MS,
    });
    return {
      primary: direction.auxiliary.array,
      auxiliary: direction.primary.array,
      sequence,
      attempts: attempt,
      fenced,
    };
  }
  throw applicationKeepsWriting(run, direction, limit);
}

/** S1901 to S1906. Undefined where the application wrote in between, so that the old primary refused. */
async function handOver(
  run: Run,
  { primary, auxiliary }: Direction,
  cycleLimit: number,
): Promise<JournalStatus | undefined> {
  const drained = await drain(run, { primary, auxiliary }, { sameGeneration: true, cycleLimit });
  if (isCancelled(run)) throw stopped(run, 'cancelled', 'cancelled before S1906; nothing was swapped');
  if (!drained.complete) return undefined;
  const last = await awaitRestored(run, auxiliary.array);
  if (last.restoredSequence !== last.readSequence) return undefined;
  // S1907 needs both sides in one generation: the old primary is not stopped before that is so.
  if (last.generation !== drained.last?.primaryJournal.generation) return undefined;
  try {
    await perform(run, oldPrimaryStep(run.group.name, primary.array, last.generation, last.restoredSequence));
    return last;
  } catch (error) {
    if (isRefusedWith(error, 'moved-on')) return undefined;
    throw error;
  }
}

/** The same while the primary holds back host writes. The fence falls with S1906, by its lease, or is lifted here. */
async function handOverFenced(run: Run, direction: Direction, lease: number): Promise<JournalStatus | undefined> {
  // Whole milliseconds: the clock's are not.
  const leaseMs = Math.max(1, Math.floor(Math.min(lease, remainingMs(run))));
  const { array } = direction.primary;
  await perform(run, fenceStep(run, array, leaseMs));
  emit(run, { kind: 'fenced', array, leaseMs });
  let last: JournalStatus | undefined;
  try {
    last = await handOver(run, direction, FENCED_CYCLES);
    return last;
  } finally {
    if (!last) await liftFence(run, array);
  }
}

/** Best effort: where it does not arrive the lease ends the fence. */
async function liftFence(run: Run, array: string): Promise<void> {
  try {
    await perform(run, fenceStep(run, array, 0), { graceMs: 1_000 });
  } catch (error) {
    emit(run, {
      kind: 'note',
      text: `the fence at ${array} ends with its lease: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function fenceStep(run: Run, array: string, leaseMs: number): StepOf<'pair.fence'> {
  const why =
    leaseMs > 0 ? `hold back host writes for at most ${leaseMs} ms, to drain the journal` : 'accept host writes again';
  return step('fence', array, 'pair.fence', { group: run.group.name, leaseMs }, why);
}

function applicationKeepsWriting(run: Run, { primary }: Direction, attempts: number): ReplicationRefusal {
  return new ReplicationRefusal({
    kind: 'state-does-not-hold',
    what: `swap ${run.group.name}`,
    why: `an application kept writing at ${primary.array} through ${attempts} attempts`,
    next: 'stop the application there, or allow a longer fence, then run it again; nothing was swapped',
  });
}
