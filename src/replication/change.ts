import { CommandError } from '../host/command-error.ts';
import type { VolumeRow } from '../host/operations.ts';
import {
  emit,
  isCancelled,
  observeLimitMs,
  operationsAt,
  startRun,
  type ReplicationContext,
  type Run,
} from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { drive, perform } from './drive.ts';
import type { StepResult } from './events.ts';
import { isPresent, observe, type GroupObservation } from './observe.ts';
import { planCreate, type CreateIntent } from './plan-create.ts';
import { planDelete, type DeleteIntent } from './plan-delete.ts';
import { planSplit } from './plan-split.ts';
import { step, type Plan, type Step, type StepOf } from './plan.ts';
import { emptyingCopies, refuseMisfits, type VolumesByArray } from './plan-volumes.ts';
import { ReplicationRefusal } from './refusal.ts';

export interface ChangeOptions {
  /** Only observe and plan. */
  readonly dryRun?: boolean;
}

/** What every changing verb answers. Plain data. */
export interface ChangeResult {
  readonly group: string;
  /** False where the group was already so, and after a dry run. */
  readonly changed: boolean;
  readonly dryRun: boolean;
  /** What was planned from `before`; empty where the group was already so. */
  readonly plan: readonly Step[];
  readonly done: readonly StepResult[];
  /** What people should know beside it, such as a side that was left out. */
  readonly notes: readonly string[];
  readonly before: GroupObservation;
  readonly after?: GroupObservation;
}

export interface CreateOptions extends CreateIntent, ChangeOptions {
  /** Asked before volumes that hold something are overwritten by ones that hold nothing; rejects where it is not meant so. */
  readonly confirmEmptying?: (emptied: readonly string[]) => Promise<void>;
}

/** Forms the configured pairs (Fig. 11). They are in state pair only after cycles: `drainGroup`. */
export async function createGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  intent: CreateOptions,
): Promise<ChangeResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(planCreate(group, before, intent), before);
  const dryRun = intent.dryRun === true;
  if (steps.length === 0) return resultOf(run, { dryRun, steps, notes, before });
  const volumes = await listVolumes(run);
  const misfit = refuseMisfits(`create ${group.name}`, steps, volumes);
  if (misfit) throw new ReplicationRefusal(misfit.refusal, before);
  const emptied = emptyingCopies(steps, volumes);
  if (dryRun) return resultOf(run, { dryRun, steps, notes: [...notes, ...emptied], before });
  if (emptied.length > 0) await intent.confirmEmptying?.(emptied);
  await formPairs(run, steps);
  const after = isCancelled(run) ? undefined : await observe(run);
  return resultOf(run, { dryRun, steps, notes, before, ...(after ? { after } : {}) });
}

async function listVolumes(run: Run): Promise<VolumesByArray> {
  const lists = run.group.arrays.map(async (array): Promise<[string, readonly VolumeRow[]]> => {
    const rows = await operationsAt(run, array).listVolumes({ timeoutMs: observeLimitMs(run) });
    return [array, rows];
  });
  return new Map(await Promise.all(lists));
}

/**
 * Where an array refuses a pair that the other side has just formed, that side dissolves it again: nothing would ever follow
 * it. The array's own refusal is what the caller gets.
 */
async function formPairs(run: Run, steps: readonly Step[]): Promise<void> {
  try {
    await drive(run, steps);
  } catch (error) {
    const last = run.done.at(-1);
    const formed = steps[run.done.length - 1];
    const failed = steps[run.done.length];
    const refusal = error instanceof CommandError && error.kind === 'refused';
    if (!refusal || last?.changed !== true) throw error;
    if (formed?.process !== 'pair.create' || failed?.process !== 'pair.create') throw error;
    const same = formed.request.header.pair === failed.request.header.pair;
    if (same && (await isMissing(run, failed))) await dissolve(run, formed);
    throw error;
  }
}

/** Somebody else may have formed it there meanwhile: then it is in use, and what the refusal means is that it is not ours. */
async function isMissing(run: Run, { array, request }: StepOf<'pair.create'>): Promise<boolean> {
  const { sides } = await observe(run);
  const side = sides.find((candidate) => candidate.array === array);
  if (side === undefined || !side.reachable) return false;
  return !isPresent(side) || !side.pairs.some((row) => row.pair === request.header.pair);
}

async function dissolve(run: Run, formed: StepOf<'pair.create'>): Promise<void> {
  const { group, pair } = formed.request.header;
  const why = `take pair ${pair} back: the other array refused it`;
  try {
    await perform(run, step('undo', formed.array, 'pair.delete', { group, pair }, why));
  } catch (error) {
    const text = `pair ${pair} stays formed at ${formed.array}: ${error instanceof Error ? error.message : String(error)}`;
    emit(run, { kind: 'note', text });
  }
}

export function splitGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  options: ChangeOptions = {},
): Promise<ChangeResult> {
  return change(context, group, options, planSplit);
}

export function deleteGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  intent: DeleteIntent & ChangeOptions = {},
): Promise<ChangeResult> {
  return change(context, group, intent, (before) => planDelete(group, before, intent));
}

/** Observe, plan, act, observe again. */
export async function change(
  context: ReplicationContext,
  group: GroupDefinition,
  options: ChangeOptions,
  plan: (before: GroupObservation) => Plan,
): Promise<ChangeResult> {
  const run = startRun(context, group);
  const before = await observe(run);
  const { steps, notes } = accept(plan(before), before);
  if (options.dryRun === true || steps.length === 0)
    return resultOf(run, { dryRun: options.dryRun === true, steps, notes, before });
  await drive(run, steps);
  const after = isCancelled(run) ? undefined : await observe(run);
  return resultOf(run, { dryRun: false, steps, notes, before, ...(after ? { after } : {}) });
}

/** The steps of a plan, or its refusal as an exception with the observation as evidence. */
export function accept(
  plan: Plan,
  before: GroupObservation,
): { readonly steps: readonly Step[]; readonly notes: readonly string[] } {
  if (plan.refused) throw new ReplicationRefusal(plan.refusal, before);
  return plan;
}

export function resultOf(
  run: Run,
  parts: {
    readonly dryRun: boolean;
    readonly steps: readonly Step[];
    readonly notes: readonly string[];
    readonly before: GroupObservation;
    readonly after?: GroupObservation;
  },
): ChangeResult {
  const { dryRun, steps, notes, before, after } = parts;
  const changed = run.done.some((result) => result.changed === true);
  const common = { group: run.group.name, changed, dryRun, plan: steps, done: run.done, notes, before };
  return after ? { ...common, after } : common;
}
