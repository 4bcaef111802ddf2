import { createGroup, splitGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { acquireJournal, restoreJournal } from '../../src/replication/journal.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import type { Fate } from './fates.ts';
import type { SimOptions } from './options.ts';
import { tablesOf } from './rotten-journals.ts';
import { sleep } from './scheduler.ts';
import type { World } from './world.ts';

/** What an operator does, one thing at a time, and how it is made to take long. */
const SLOW_FLUSH_MS = 400;
const WRITE_ON_MS = 60;
const DOWN_MS = 40;

export type Act = (context: ReplicationContext, world: World) => Promise<unknown>;

export interface Operation {
  /** What has been done when it begins; every one begins with arrays that serve. */
  readonly before: readonly Act[];
  readonly act: Act;
  readonly options?: Partial<SimOptions>;
  /** What a cut does to what was not flushed; absent: each of `FATES`. */
  readonly fates?: readonly Fate[];
  /** The array is killed at every place too, see `killForgetful`. */
  readonly kills?: true;
}

export const groupOf = ({ groups }: World): GroupDefinition => groups[0]!.definition;

export const create: Act = (context, world) => createGroup(context, groupOf(world), { primary: 'tokyo' });
export const drain: Act = (context, world) => drainGroup(context, groupOf(world));
export const split: Act = (context, world) => splitGroup(context, groupOf(world));
export const acquire: Act = (context, world) => acquireJournal(context, groupOf(world), {});
export const restore: Act = (context, world) => restoreJournal(context, groupOf(world), {});
export const writeOn: Act = (_context, world) => sleep(world.scheduler, { alive: true }, WRITE_ON_MS);
/** What was acquired is nowhere but in the primary's page cache when that is lost. */
export const acquireFromDying: Act = async (context, world) => {
  const [{ disk }] = world.arrays;
  const { options } = disk;
  disk.options = { ...options, flushMs: SLOW_FLUSH_MS, fate: 'lost' };
  await writeOn(context, world);
  await acquire(context, world);
  await writeOn(context, world);
  lose(world, 0);
  disk.options = options;
};
export const PAIR = [create, drain];

export const resync: Act = (context, world) => resyncGroup(context, groupOf(world));

/** Flushes of these files of an array take so long while it is done. */
export function slowly(index: 0 | 1, files: RegExp, flushMs: number, act: Act): Act {
  return async (context, world) => {
    const { disk } = world.arrays[index];
    disk.ambush = (file) => (files.test(file) ? flushMs : undefined);
    try {
      return await act(context, world);
    } finally {
      disk.ambush = undefined;
    }
  };
}

export function inTurn(...acts: readonly Act[]): Act {
  return async (context, world) => {
    for (const act of acts) await act(context, world);
  };
}

export function lose(world: World, index: number): void {
  end(world, index, true);
}

/**
 * Killed; what a journal could not flush has left the page cache too, once the tables say that it could not. Before that nothing
 * could tell the next start of it: the power goes instead.
 */
export function killForgetful(world: World, index: number): void {
  const { disk } = world.arrays[index]!;
  if (tablesOf(disk)?.groups.some(({ journalLost }) => journalLost)) disk.evict();
  end(world, index, false);
}

function end(world: World, index: number, powerCut: boolean): void {
  const array = world.arrays[index]!;
  world.stop(array, powerCut);
  world.scheduler.after(DOWN_MS, () => {
    if (!array.life) world.start(array);
  });
}
