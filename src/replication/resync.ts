import { accept, resultOf, type ChangeOptions, type ChangeResult } from './change.ts';
import { startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { drive, stopped } from './drive.ts';
import { isPresent, observe, sideAt, type GroupObservation } from './observe.ts';
import { planResync, type ResyncIntent } from './plan-resync.ts';
import type { Step } from './plan.ts';

/** A plan is made anew this often at most: after a takeover, and where the primary began a generation meanwhile. */
const ROUNDS = 4;

/**
 * Resumes a suspended group in one direction; the copy of the differences ends with cycles: `drainGroup`. What only the
 * other side has is never given up unless `discard` names that side.
 */
export async function resyncGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  intent: ResyncIntent & ChangeOptions = {},
): Promise<ChangeResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planResync(group, before, intent), before);
  const dryRun = intent.dryRun === true;
  if (dryRun || steps.length === 0) return resultOf(run, { dryRun, steps, notes, before });
  const after = await resync(run, steps, intent);
  return resultOf(run, { dryRun, steps, notes, before, after });
}

async function resync(run: Run, first: readonly Step[], intent: ResyncIntent): Promise<GroupObservation> {
  let steps = first;
  for (let round = 1; round <= ROUNDS; round += 1) {
    await drive(run, steps[0]?.id === 'takeover' ? steps.slice(0, 1) : steps);
    const now = await observe(run);
    if (isAnnounced(steps, now)) return now;
    steps = accept(planResync(run.group, now, intent), now).steps;
    if (steps.length === 0) return now;
  }
  throw stopped(run, 'timeout', `the primary began a new generation in each of ${ROUNDS} rounds`);
}

/**
 * Whether the auxiliary was told the generation that the primary resumed in. A write between the observation and the resume
 * begins a new one, which the auxiliary then would wait for in vain.
 */
function isAnnounced(steps: readonly Step[], now: GroupObservation): boolean {
  if (steps[0]?.id === 'takeover') return false;
  const told = steps.find((step) => step.id === 'resync-auxiliary');
  const resumed = steps.find((step) => step.id === 'resync-primary');
  const primary = resumed && sideAt(now, resumed.array);
  if (told?.process !== 'pair.resync' || !primary || !isPresent(primary)) return true;
  return told.request.header.generation === primary.journal.generation;
}
