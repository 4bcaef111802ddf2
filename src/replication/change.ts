import { isCancelled, startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';
import { drive } from './drive.ts';
import type { StepResult } from './events.ts';
import { observe, type GroupObservation } from './observe.ts';
import { planCreate, type CreateIntent } from './plan-create.ts';
import { planDelete, type DeleteIntent } from './plan-delete.ts';
import { planSplit } from './plan-split.ts';
import type { Plan, Step } from './plan.ts';
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

/** Forms the configured pairs (Fig. 11). They are in state pair only after cycles: `drainGroup`. */
export function createGroup(
  context: ReplicationContext,
  group: GroupDefinition,
  intent: CreateIntent & ChangeOptions,
): Promise<ChangeResult> {
  return change(context, group, intent, (before) => planCreate(group, before, intent));
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
  return change(context, group, intent, (before) => planDelete(before, intent));
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
