import { deleteGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import { purgeJournal } from '../../src/replication/journal.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import {
  acquire,
  acquireFromDying,
  create,
  drain,
  groupOf,
  inTurn,
  killForgetful,
  lose,
  PAIR,
  restore,
  resync,
  split,
  writeOn,
  type Act,
  type Operation,
} from './acts.ts';
import { startApplication } from './application.ts';
import { FATES, type Fate } from './fates.ts';
import { heal } from './heal.ts';
import { drawOptions, type SimOptions } from './options.ts';
import { attempt, createReplicationHost } from './replicator.ts';
import type { Life } from './scheduler.ts';
import { runUntil, setTunables } from './simulation.ts';
import { SITUATIONS } from './situations.ts';
import { describeError } from './verdict.ts';
import { createWorld, isReady, type World } from './world.ts';

const QUIET_FLUSH_MS = 0.5;

/** Nothing fails by chance: an application writes, and one command runs, cut at one place. */
const QUIET: Partial<SimOptions> = {
  ringRecords: 128,
  volumes: 2,
  sectors: 128,
  applications: 1,
  depth: 1,
  thinkMs: 15,
  longestWrite: 8,
  latencyMs: 0.2,
  flushMs: QUIET_FLUSH_MS,
  stallRate: 0,
  killEveryMs: 0,
  powerCutEveryMs: 0,
  linkEveryMs: 0,
  operatorEveryMs: 0,
  loss: 0,
  deletes: true,
  bytes: false,
  deallocateRate: 0.1,
  diskFaultEveryMs: 0,
  pauseEveryMs: 0,
  tunables: {},
};

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: { before: [], act: create },
  'first copy': { before: [create], act: drain },
  // Accepted at once; the work follows, and a further order, so that a cut also comes when all of it counts.
  acquire: { before: [...PAIR, writeOn], act: inTurn(acquire, writeOn, acquire) },
  'acquire from an array that loses power': { before: PAIR, act: acquireFromDying, options: { depth: 4 } },
  restore: { before: [...PAIR, writeOn, acquire, writeOn], act: inTurn(restore, writeOn) },
  purge: {
    before: [...PAIR, writeOn, acquire, restore],
    act: (context, world) => purgeJournal(context, groupOf(world), {}),
  },
  split: { before: PAIR, act: split },
  resync: {
    before: [...PAIR, split, writeOn],
    act: inTurn(resync, drain),
  },
  swap: { before: PAIR, act: (context, world) => swapGroup(context, groupOf(world), {}) },
  takeover: {
    before: [...PAIR, writeOn],
    act: (context, world) => takeOver(context, groupOf(world), { at: 'osaka', peerIsLost: true }),
  },
  delete: { before: PAIR, act: (context, world) => deleteGroup(context, groupOf(world)) },
  'journal full': { before: PAIR, act: writeOn, options: { ringRecords: 3, thinkMs: 4 } },
  'thin allocation': {
    before: [],
    act: writeOn,
    options: { thinkMs: 3, deallocateRate: 0.3, longestWrite: 24, tunables: { SMALLEST_CHUNK_BYTES: 4_096 } },
  },
  'state log rotation': { before: [], act: create, options: { tunables: { COMPACT_BYTES: 2_048 } } },
  ...SITUATIONS,
};

export interface Cut {
  readonly array: 0 | 1;
  /** Before the n-th operation of its disk since the command began. */
  readonly at: number;
  readonly fate: Fate | 'killed';
}

const COMMAND_TIMEOUT_MS = 2_000;

export interface Played {
  /** The operations that each disk saw while the command ran. */
  readonly counts: readonly number[];
  /** Some power cut met what was not flushed: without that, every fate would have come to the same. */
  readonly fateMattered: boolean;
}

/** Plays one command, cut or not, and heals. */
export async function playCut(name: string, cut?: Cut): Promise<Played> {
  const operation = OPERATIONS[name]!;
  const options = { ...drawOptions(1, 'first'), ...QUIET, ...operation.options };
  setTunables(options.tunables);
  const world = createWorld(1, options);
  const life: Life = { alive: true };
  const counts = [0, 0];
  const state = { prepared: false, done: false };
  const { scheduler, arrays } = world;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 4;
  try {
    scheduler.after(0, () => arrays.forEach((array) => world.start(array)));
    await runUntil(world, () => arrays.every(isReady));
    startApplication(world, world.groups, 'host0', life);
    const context = createReplicationHost(world, 'operator', life, COMMAND_TIMEOUT_MS);
    void inOrder(world, context, operation.before).then(() => (state.prepared = true));
    await runUntil(world, () => state.prepared);
    arrays.forEach((array, index) => {
      array.disk.options = { ...array.disk.options, ...(cut && cut.fate !== 'killed' ? { fate: cut.fate } : {}) };
      array.disk.onOperation = () => {
        counts[index]! += 1;
        if (cut?.array !== index || cut.at !== counts[index]) return;
        if (cut.fate === 'killed') killForgetful(world, index);
        else lose(world, index);
      };
    });
    // As an event: time must not run on before its first command is on its way.
    scheduler.after(0, () => void inOrder(world, context, [operation.act]).then(() => (state.done = true)));
    await runUntil(world, () => state.done && arrays.every((array) => array.life !== undefined));
    for (const array of arrays) array.disk.onOperation = undefined;
    world.chaos = false;
    await heal(world, (done) => runUntil(world, done));
    return { counts, fateMattered: arrays.some(({ disk }) => disk.fated > 0) };
  } catch (error) {
    const how = cut?.fate === 'killed' ? 'killed' : `its power cut, ${cut?.fate}`;
    const where = cut ? `${arrays[cut.array].name} at operation ${cut.at}, ${how}` : 'no cut';
    throw new Error(`${name}, ${where}: ${describeError(error)}\n${world.story().slice(-30).join('\n')}`, {
      cause: error,
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function inOrder(world: World, context: ReplicationContext, acts: readonly Act[]): Promise<void> {
  for (const act of acts) await attempt(world, 'operator', () => act(context, world));
}

/**
 * Cuts at `places` of the operations that each disk sees, evenly spread, or at all of them where there are no more; each with
 * every fate, or with one where nothing met it: the others would be the same run once more. Calls back for each cut.
 */
export async function exhaust(name: string, places: number, played: (cut: Cut) => void): Promise<void> {
  const { counts } = await playCut(name);
  for (const array of [0, 1] as const) {
    const stride = Math.max(1, counts[array]! / places);
    for (let place = 1; place <= counts[array]!; place += stride) {
      for (const fate of OPERATIONS[name]!.fates ?? FATES) {
        const cut = { array, at: Math.floor(place), fate };
        const { fateMattered } = await playCut(name, cut);
        played(cut);
        if (!fateMattered) break;
      }
      if (!OPERATIONS[name]!.kills) continue;
      const kill = { array, at: Math.floor(place), fate: 'killed' } as const;
      await playCut(name, kill);
      played(kill);
    }
  }
}
