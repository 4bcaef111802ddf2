import { startApplication } from './application.ts';
import { startFaults } from './faults.ts';
import { heal } from './heal.ts';
import { formGroup, startLoop } from './replicator.ts';
import { startHoarder } from './hoarder.ts';
import { SIGHTS } from './probes.mjs';
import { startOperator } from './operator.ts';
import { startRawOrders } from './raw-orders.ts';
import { drawOptions, type SimOptions, type Swarm } from './options.ts';
import type { Life } from './scheduler.ts';
import { startStranger } from './stranger.ts';
import { startUpheaval } from './upheaval.ts';
import { describeError, SimFailure, type Invariant } from './verdict.ts';
import { createWorld, isReady, type SimGroup, type World, type Wrappers } from './world.ts';

export interface SimResult {
  readonly seed: number;
  readonly options: SimOptions;
  readonly invariant?: Invariant;
  readonly message?: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly digest: number;
  /** Names of `probes.mjs` that this seed came by. */
  readonly probes: readonly string[];
  readonly story: readonly string[];
}

/** A run that takes more events than this makes no progress. */
const EVENT_LIMIT = 2_000_000;

/** The copy has this long to end before the faults begin. */
const WARM_UP_MS = 2_000;

export interface SimParts {
  readonly swarm?: Swarm;
  readonly options?: Partial<SimOptions>;
  readonly wrappers?: Wrappers;
}

/** Lines of the stack that tell where an error that nobody expected came from. */
const STACK_LINES = 4;

/**
 * Plays one seed from the first start of the arrays until everything has healed. Errors are part of daily life here, and most of
 * their cost is the stack: only a crash is played again with it.
 */
export async function runSeed(seed: number, parts: SimParts = {}): Promise<SimResult> {
  const result = await playSeed(seed, parts, 0);
  return result.invariant === 'no-crash' ? playSeed(seed, parts, STACK_LINES) : result;
}

async function playSeed(seed: number, parts: SimParts, stackLines: number): Promise<SimResult> {
  const options = { ...drawOptions(seed, parts.swarm), ...parts.options };
  setTunables(options.tunables);
  const world = createWorld(seed, options, parts.wrappers);
  const probes = watchProbes(world);
  const onRejection = (error: unknown): void =>
    world.fail(new SimFailure('no-crash', `unhandled: ${describeError(error)}`));
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = stackLines;
  process.on('unhandledRejection', onRejection);
  try {
    await play(world);
    return resultOf(world, probes);
  } catch (error) {
    return resultOf(
      world,
      probes,
      error instanceof SimFailure ? error : new SimFailure('no-crash', describeError(error)),
    );
  } finally {
    process.off('unhandledRejection', onRejection);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

declare global {
  /** Constants of the product, where `transform.mjs` has made them variable. */
  var cdctlProbe: ((name: string) => void) | undefined;
  var cdctlTunables: Map<string, { readonly usual: number; readonly set: (value: number) => void }> | undefined;
}

/** What the story tells, and what the product itself tells where it was made to. */
function watchProbes(world: World): Set<string> {
  const seen = new Set<string>();
  globalThis.cdctlProbe = (name) => seen.add(name);
  const note = world.note.bind(world);
  let unseen = Object.entries(SIGHTS);
  world.note = (text) => {
    note(text);
    const sighted = unseen.filter(([, sight]) => sight.test(text));
    if (sighted.length === 0) return;
    for (const [name] of sighted) seen.add(name);
    unseen = unseen.filter((entry) => !sighted.includes(entry));
  };
  return seen;
}

export function setTunables(values: SimOptions['tunables']): void {
  for (const [name, { usual, set }] of globalThis.cdctlTunables ?? []) set(values[name] ?? usual);
}

async function play(world: World): Promise<void> {
  const { options, scheduler, groups } = world;
  scheduler.after(0, () => world.arrays.forEach((array) => world.start(array)));
  await runUntil(world, () => world.arrays.every(isReady));
  const life: Life = { alive: true };
  startApplications(world, life);
  const formed = new Set<SimGroup>();
  for (const group of groups) void formGroup(world, group, () => formed.add(group));
  const warmMs = scheduler.nowMs() + (options.early ? 0 : WARM_UP_MS);
  await runUntil(world, () => formed.size === groups.length || scheduler.nowMs() >= warmMs);
  for (const group of groups) {
    for (let index = 0; index < options.loops; index += 1) startLoop(world, group, group.party(`loop${index}`));
    startOperator(world, group, group.party('operator'));
    startHoarder(world, group);
  }
  startRawOrders(world, groups[0]!);
  startUpheaval(world);
  startStranger(world);
  startFaults(world);
  const endMs = scheduler.nowMs() + options.chaosMs;
  scheduler.after(options.chaosMs, () => undefined);
  await runUntil(world, () => scheduler.nowMs() >= endMs);
  world.chaos = false;
  await heal(world, (done) => runUntil(world, done));
}

/** Each group has one at least; where there are several, one more writes to all of them. */
export function startApplications(world: World, life: Life): void {
  const { groups, options } = world;
  const hosts = Math.max(options.applications, groups.length);
  for (let index = 0; index < hosts; index += 1) {
    startApplication(world, [groups[index % groups.length]!], `host${index}`, life);
  }
  if (groups.length > 1) startApplication(world, groups, 'host-of-all', life);
}

/** Steps until `done`, every checker looking after each. */
export async function runUntil(world: World, done: () => boolean, eventLimit = EVENT_LIMIT): Promise<void> {
  while (!done()) {
    const moved = await world.scheduler.step();
    for (const { model } of world.groups) {
      const looking = model.check();
      if (looking) await looking;
    }
    for (const { findings } of world.arrays) if (findings.first()) throw findings.first();
    if (world.failure !== undefined) throw world.failure;
    if (!moved) throw new SimFailure('I9-liveness', 'nothing is left that could move the world');
    if (world.scheduler.events() > eventLimit) throw new SimFailure('I9-liveness', `more than ${eventLimit} events`);
  }
}

function resultOf(world: World, probes: ReadonlySet<string>, failure?: SimFailure): SimResult {
  return {
    seed: world.seed,
    options: world.options,
    events: world.scheduler.events(),
    virtualMs: world.scheduler.nowMs(),
    digest: world.digest(),
    probes: [...probes],
    story: world.story(),
    ...(failure ? { invariant: failure.invariant, message: failure.message } : {}),
  };
}
