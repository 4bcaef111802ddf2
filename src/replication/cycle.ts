import type { JournalStatus } from '../host/operations.ts';
import { NO_LIFE } from '../interface-block/lives.ts';
import { accept, resultOf, type ChangeOptions, type ChangeResult } from './change.ts';
import { figuresOf, isComplete } from './cycle-figures.ts';
import { emit, isCancelled, startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { perform, stopped } from './drive.ts';
import type { CycleFigures, PairProgress } from './events.ts';
import { lastSequence } from './lineage.ts';
import { isRefusedWith, observe, type GroupObservation } from './observe.ts';
import {
  acquireStep,
  copiedPairsMask,
  directionOf,
  NO_PAIRS,
  planCycle,
  purgeStep,
  restoreStep,
  showAuxiliary,
  showPrimary,
  type Direction,
} from './plan-cycle.ts';
import { step } from './plan.ts';
import { hasOlderCopy, olderCopyStep, reasonOf } from './verdict-words.ts';
import { poll } from './poll.ts';
import { ReplicationRefusal } from './refusal.ts';
import { stallWatch } from './stall.ts';

/** One turn of Fig. 16. */
export interface CycleOutcome {
  readonly figures: CycleFigures;
  /** False where there was nothing to acquire, restore or purge. */
  readonly moved: boolean;
  /** The auxiliary journal had no room for all that was asked; another cycle brings the rest. */
  readonly clamped: boolean;
  /** Every write that S1601 knew is acquired and restored, the primary journal is empty, and all pairs are in state pair. */
  readonly complete: boolean;
  readonly suspended: boolean;
  /** As S1601 and the last S1605 said. */
  readonly primaryJournal: JournalStatus;
  readonly auxiliaryJournal: JournalStatus;
  /** Of the auxiliary; only read while a copy runs. */
  readonly copying: readonly PairProgress[];
}

export interface CycleResult extends ChangeResult {
  readonly cycle?: CycleOutcome;
}

/** S1601 to S1610, once. A group that is suspended is still restored up to what the auxiliary has acquired. */
export async function runCycle(
  context: ReplicationContext,
  group: GroupDefinition,
  options: ChangeOptions = {},
): Promise<CycleResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planCycle(before), before);
  if (options.dryRun === true) return resultOf(run, { dryRun: true, steps, notes, before });
  const direction = requireDirection(before, `cycle ${group.name}`);
  const outcome = await cycle(run, direction, direction.auxiliary.journal);
  return { ...resultOf(run, { dryRun: false, steps, notes, before }), cycle: outcome };
}

export function requireDirection(observation: GroupObservation, what: string): Direction {
  const direction = directionOf(observation, what);
  if ('refused' in direction) throw new ReplicationRefusal(direction.refusal, observation);
  return direction;
}

/** `known` is what the auxiliary said last: the figures of this cycle count from there. */
export async function cycle(run: Run, direction: Direction, known: JournalStatus): Promise<CycleOutcome> {
  const near = await showPrimaryJournal(run, direction);
  const clamped = await orderAcquisition(run, direction, near, known);
  const far = await awaitAcquisition(run, direction, near);
  const restored = await orderRestore(run, direction, far);
  const copying = near.state === 'copy' || far.state === 'copy' ? await showCopy(run, direction) : undefined;
  const mask = near.state === 'copy' && copying ? copying.mask : NO_PAIRS;
  const purge = await orderPurge(run, direction, near, far, mask);
  const counted = { near, far, known, restored, purged: purge.records };
  const figures = figuresOf(direction, counted, run.context.clock.wallMs());
  emit(run, { kind: 'cycle-done', ...figures });
  return {
    figures,
    moved: figures.recordsAcquired > 0 || restored > 0 || purge.changed,
    clamped,
    complete: isComplete(counted),
    suspended: near.state === 'suspended' || far.state === 'suspended' || purge.suspended,
    primaryJournal: near,
    auxiliaryJournal: far,
    copying: copying?.progress ?? [],
  };
}

/** S1601 to S1603. */
async function showPrimaryJournal(run: Run, { primary }: Direction): Promise<JournalStatus> {
  const near = await perform(run, showPrimary(run.group.name, primary.array));
  if (near.role !== 'primary') throw turned(run, primary.array, near);
  return near;
}

/** S1604. True where the auxiliary accepted less than was asked. */
async function orderAcquisition(
  run: Run,
  { auxiliary }: Direction,
  near: JournalStatus,
  known: JournalStatus,
): Promise<boolean> {
  const last = lastSequence(near);
  const news = last > known.readSequence || near.generation !== known.generation || !hasMet(near, known);
  // A suspended primary has no journal to give: the order only lets the auxiliary find that out and say so.
  const wanted = near.state === 'suspended' ? known.state === 'pair' : news;
  if (!wanted) return false;
  try {
    const answer = await perform(run, acquireStep(run.group.name, auxiliary.array, last));
    return near.state !== 'suspended' && answer.sequence < last;
  } catch (error) {
    if (
      // Suspended meanwhile; unsafe: one side came back from an older copy.
      isRefusedWith(error, 'wrong-state', 'unsafe') ||
      (near.state === 'suspended' && isRefusedWith(error, 'moved-on'))
    )
      return false;
    throw error;
  }
}

/** A copy that was told to follow another generation does not meet its primary; the cycle does not wait for that. */
const MEETING_MS = 2_000;

/** S1605 to S1608: until read completed and to-be read are equal. Cancellation ends the waiting, not the cycle. */
async function awaitAcquisition(run: Run, { auxiliary }: Direction, near: JournalStatus): Promise<JournalStatus> {
  const { group } = run;
  const stall = stallWatch(run);
  const meeting = stallWatch(run, MEETING_MS);
  const begunMs = run.context.clock.monotonicMs();
  const { end, value } = await poll(
    run,
    () => perform(run, showAuxiliary(group.name, auxiliary.array)),
    (far) => {
      emit(run, {
        kind: 'compared',
        id: 'S1608',
        array: auxiliary.array,
        completed: far.readSequence,
        toBe: far.toBeReadSequence,
      });
      const met = !mustMeet(near, far) || (far.state === 'copy' && meeting.isStalled(0));
      return (
        far.role !== 'auxiliary' ||
        (far.readSequence >= far.toBeReadSequence && met) ||
        far.state === 'suspended' ||
        stall.isStalled(far.readSequence)
      );
    },
    {
      onWait: (far) => {
        const left = far.toBeReadSequence - far.readSequence;
        const waitedMs = run.context.clock.monotonicMs() - begunMs;
        emit(run, {
          kind: 'waiting',
          id: 'S1608',
          array: auxiliary.array,
          for: `${left} more records to be acquired`,
          waitedMs,
        });
      },
    },
  );
  if (value.role !== 'auxiliary') throw turned(run, auxiliary.array, value);
  const missing = value.readSequence < value.toBeReadSequence || (value.state === 'pair' && mustMeet(near, value));
  const unfinished = missing && value.state !== 'suspended' && !isCancelled(run);
  if (end === 'deadline' || unfinished) throw stopped(run, 'timeout', acquisitionStands(auxiliary.array, value), value);
  return value;
}

function acquisitionStands(array: string, far: JournalStatus): string {
  const reason = far.errorText ? `: ${far.errorText}` : '';
  if (far.readSequence >= far.toBeReadSequence)
    return `${array} has not met its primary since one of them started${reason}`;
  return `${array} has acquired journal up to write ${far.readSequence} of ${far.toBeReadSequence} and does not get further${reason}`;
}

/** Since both arrays started: until then neither knows whether the other goes on from where it was seen. */
function hasMet(near: JournalStatus, far: JournalStatus): boolean {
  return far.life !== NO_LIFE && far.peerLife === near.life;
}

function mustMeet(near: JournalStatus, far: JournalStatus): boolean {
  return near.state !== 'suspended' && !hasMet(near, far);
}

/** S1609. The number of records newly ordered to be restored. */
async function orderRestore(run: Run, { auxiliary }: Direction, far: JournalStatus): Promise<number> {
  const ordered = far.readSequence - far.toBeRestoredSequence;
  if (ordered <= 0) return 0;
  await perform(run, restoreStep(run.group.name, auxiliary.array, far.readSequence));
  return ordered;
}

async function showCopy(
  run: Run,
  { auxiliary }: Direction,
): Promise<{ mask: string; progress: readonly PairProgress[] }> {
  const show = step('S1605', auxiliary.array, 'pair.show', { group: run.group.name }, 'which pairs are wholly copied');
  const rows = await perform(run, show);
  const progress = rows.map(({ pair, state, copiedChunks, copyChunks, chunkBytes }) => ({
    pair,
    state,
    copiedChunks,
    copyChunks,
    chunkBytes,
  }));
  emit(run, { kind: 'copy-progress', array: auxiliary.array, pairs: progress });
  return { mask: copiedPairsMask(rows), progress };
}

interface Purged {
  readonly records: number;
  readonly changed: boolean;
  readonly suspended: boolean;
}

const NOTHING_PURGED: Purged = { records: 0, changed: false, suspended: false };

/** S1610, where there is something to free or to tell. The proof is of the generation that the auxiliary is in. */
async function orderPurge(
  run: Run,
  direction: Direction,
  near: JournalStatus,
  far: JournalStatus,
  mask: string,
): Promise<Purged> {
  const records = Math.max(0, far.readSequence - near.journalOutSequence + 1);
  const useless = records === 0 && mask === NO_PAIRS;
  if (near.state === 'suspended' || useless || !hasMet(near, far) || far.generation !== near.generation)
    return NOTHING_PURGED;
  try {
    const answer = await perform(run, purgeStep(run.group.name, direction.primary.array, far, mask));
    return { records: answer.changed ? records : 0, changed: answer.changed, suspended: false };
  } catch (error) {
    if (!isRefusedWith(error, 'wrong-state', 'moved-on', 'unsafe')) throw error;
    // The primary may have been suspended (journal full, split) since S1601: then it has nothing left to purge.
    const now = await showPrimaryJournal(run, direction);
    if (now.state !== 'suspended') throw error;
    return { ...NOTHING_PURGED, suspended: true };
  }
}

/** What whoever asked for a running group is told once the work that a suspended one still takes is done. */
export function suspendedDuring(what: string, group: GroupDefinition, outcome: CycleOutcome): ReplicationRefusal {
  const { primaryJournal: near, auxiliaryJournal: far } = outcome;
  const older = [
    { array: outcome.figures.primary, journal: near },
    { array: outcome.figures.auxiliary, journal: far },
  ].find((side) => hasOlderCopy(side.journal));
  if (older) {
    const next = olderCopyStep(group.name);
    return new ReplicationRefusal({ kind: 'refused-for-safety', what, why: reasonOf(older), next }, outcome);
  }
  const reason = near.state === 'suspended' ? near.suspendReason : far.suspendReason;
  return new ReplicationRefusal(
    {
      kind: 'state-does-not-hold',
      what,
      why: `the group is suspended (${reason}); what was acquired is being restored, the rest is differences`,
      next: `cdctl pair resync ${group.name}, then run it again`,
    },
    outcome,
  );
}

function turned(run: Run, array: string, journal: JournalStatus): ReplicationRefusal {
  return new ReplicationRefusal(
    {
      kind: 'state-does-not-hold',
      what: `cycle ${run.group.name}`,
      why: `${array} has meanwhile become ${journal.role}`,
      next: 'somebody swapped the group or took it over; run it again and it follows the new direction',
    },
    journal,
  );
}
