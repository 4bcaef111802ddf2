import { CommandError } from '../host/command-error.ts';
import type { JournalStatus } from '../host/operations.ts';
import { accept, resultOf, type ChangeOptions, type ChangeResult } from './change.ts';
import { emit, remainingMs, startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { awaitRestored } from './drain.ts';
import { perform } from './drive.ts';
import { isPresent, isRefusedWith, observe, peerOf, sideAt, type GroupObservation } from './observe.ts';
import { acquireStep, restoreStep, showAuxiliary } from './plan-cycle.ts';
import {
  acquirableSequence,
  damagedRefusal,
  inconsistentRefusal,
  planTakeover,
  takeoverStep,
  termsOf,
  type TakeoverIntent,
} from './plan-takeover.ts';
import { step } from './plan.ts';
import { poll } from './poll.ts';
import { ReplicationRefusal } from './refusal.ts';
import { stallWatch } from './stall.ts';
import { lossOf, type Loss } from './loss.ts';

export interface TakeoverOptions extends TakeoverIntent, ChangeOptions {}

export interface TakeoverResult extends ChangeResult {
  readonly primary: string;
  /** What of the old primary's writes is, or may be, missing; absent where nothing was taken over. */
  readonly loss?: Loss;
}

/** A lost peer gives nothing more: waiting for acquisition ends when it stops getting on for so long. */
const ACQUIRE_STALL_MS = 3_000;
const ACQUIRE_LIMIT_MS = 60_000;
/** Acquisition that was ordered earlier can still land between the restore and the takeover. */
const ATTEMPTS = 5;

/** Makes `at` primary without its peer, after everything that it holds or can still get is restored. */
export async function takeOver(
  context: ReplicationContext,
  group: GroupDefinition,
  options: TakeoverOptions,
): Promise<TakeoverResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planTakeover(group, before, options), before);
  const dryRun = options.dryRun === true;
  if (dryRun || steps.length === 0) {
    return {
      ...resultOf(run, { dryRun, steps, notes, before }),
      primary: options.at,
      ...expectedLoss(before, options.at, steps.length),
    };
  }
  await acquireTheRest(run, before, options.at);
  const last = await restoreAndTakeOver(run, options);
  const after = await observe(run);
  return {
    ...resultOf(run, { dryRun, steps, notes, before, after }),
    primary: options.at,
    loss: lossOf(last, peerOf(before, options.at)),
  };
}

/** For a dry run: what would be missing if nothing more could be acquired. */
function expectedLoss(before: GroupObservation, at: string, steps: number): { loss?: Loss } {
  const side = sideAt(before, at);
  if (steps === 0 || !side || !isPresent(side)) return {};
  const { journal } = side;
  const restoredSequence = journal.damaged ? journal.restoredSequence : journal.readSequence;
  return { loss: lossOf({ ...journal, restoredSequence }, peerOf(before, at)) };
}

/** S1604 to S1608 as far as they still work. That they do not is the case that takeover is for, never its failure. */
async function acquireTheRest(run: Run, before: GroupObservation, at: string): Promise<void> {
  const side = sideAt(before, at);
  if (!side || !isPresent(side)) return;
  const target = acquirableSequence(side, peerOf(before, at));
  if (target !== undefined) await tryAcquire(run, at, target);
  const stall = stallWatch(run, ACQUIRE_STALL_MS);
  const untilMs = run.context.clock.monotonicMs() + Math.min(ACQUIRE_LIMIT_MS, remainingMs(run) / 2);
  await poll(
    run,
    () => perform(run, showAuxiliary(run.group.name, at)),
    (far) => far.readSequence >= far.toBeReadSequence || far.state === 'suspended' || stall.isStalled(far.readSequence),
    { untilMs },
  );
}

async function tryAcquire(run: Run, at: string, toSequence: number): Promise<void> {
  try {
    await perform(run, acquireStep(run.group.name, at, toSequence));
  } catch (error) {
    if (!(error instanceof CommandError) || error.kind !== 'refused') throw error;
    emit(run, { kind: 'note', text: `${at} acquires no more journal: ${error.message}` });
  }
}

async function restoreAndTakeOver(run: Run, options: TakeoverOptions): Promise<JournalStatus> {
  for (let attempt = 1; ; attempt += 1) {
    const last = await restoreAll(run, options.at);
    requireUndamaged(run, options, last);
    await requireConsistent(run, options, last);
    try {
      await perform(run, takeoverStep(run.group.name, options.at, termsOf(options)));
      return last;
    } catch (error) {
      if (attempt >= ATTEMPTS || !isRefusedWith(error, 'wrong-state')) throw error;
    }
  }
}

/** S1609 and S1902 to S1905, until restored and read completed are equal. */
async function restoreAll(run: Run, at: string): Promise<JournalStatus> {
  const now = await perform(run, showAuxiliary(run.group.name, at));
  if (now.readSequence > now.toBeRestoredSequence) {
    await perform(run, restoreStep(run.group.name, at, now.readSequence));
  }
  return awaitRestored(run, at);
}

/** That a record cannot be read shows when it is to be restored. */
function requireUndamaged(run: Run, options: TakeoverOptions, last: JournalStatus): void {
  if (!last.damaged || options.giveUpDamaged === true) return;
  const what = `takeover of ${run.group.name} at ${options.at}`;
  throw new ReplicationRefusal(damagedRefusal(last, options.at, what), last);
}

async function requireConsistent(run: Run, options: TakeoverOptions, last: JournalStatus): Promise<void> {
  if (last.consistent || options.acceptInconsistent === true) return;
  const show = step('S1902', options.at, 'pair.show', { group: run.group.name }, 'which pairs are usable');
  const pairs = await perform(run, show);
  const unusable = pairs.filter((pair) => !pair.consistent);
  throw new ReplicationRefusal(
    inconsistentRefusal(unusable, options.at, `takeover of ${run.group.name} at ${options.at}`),
    last,
  );
}
