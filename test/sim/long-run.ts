import { heal } from './heal.ts';
import { drawOptions, type SimOptions } from './options.ts';
import { formGroup, startLoop } from './replicator.ts';
import { startFaults } from './faults.ts';
import { runUntil, setTunables, startApplications } from './simulation.ts';
import { createWorld, isReady } from './world.ts';

/** One world that goes on and on: ordinary days, a fault now and then. */
const ORDINARY: Partial<SimOptions> = {
  ringRecords: 64,
  volumes: 2,
  sectors: 256,
  applications: 2,
  depth: 4,
  thinkMs: 20,
  longestWrite: 8,
  latencyMs: 1,
  flushMs: 0.5,
  loops: 1,
  loopPauseMs: 20,
  chaosMs: 20_000,
  killEveryMs: 8_000,
  powerCutEveryMs: 20_000,
  linkEveryMs: 8_000,
  operatorEveryMs: 0,
  bytes: false,
  early: false,
};

export interface Round {
  readonly events: number;
  /** In use after everything that nobody needs any more was collected. */
  readonly heapBytes: number;
}

/**
 * I13: rounds of faults and healing in one world until so many events have passed. The checkers forget after each round what they
 * know, so that what is left on the heap is the product's and the disks'.
 */
export async function playLong(seed: number, events: number, collect: () => void): Promise<readonly Round[]> {
  const options = { ...drawOptions(seed, 'first'), ...ORDINARY };
  setTunables(options.tunables);
  const world = createWorld(seed, options);
  const { scheduler, arrays, groups } = world;
  const step = (done: () => boolean): Promise<void> => runUntil(world, done, Infinity);
  scheduler.after(0, () => arrays.forEach((array) => world.start(array)));
  await step(() => arrays.every(isReady));
  const formed = { yes: false };
  void formGroup(world, groups[0]!, () => (formed.yes = true));
  await step(() => formed.yes);
  const rounds: Round[] = [];
  while (scheduler.events() < events) {
    world.chaos = true;
    startApplications(world, { alive: true });
    startLoop(world, groups[0]!, `loop-${rounds.length}`);
    startFaults(world);
    const endMs = scheduler.nowMs() + options.chaosMs;
    scheduler.after(options.chaosMs, () => undefined);
    await step(() => scheduler.nowMs() >= endMs);
    world.chaos = false;
    await heal(world, step);
    for (const { model } of groups) await model.beginAnew();
    collect();
    rounds.push({ events: scheduler.events(), heapBytes: process.memoryUsage().heapUsed });
  }
  return rounds;
}
