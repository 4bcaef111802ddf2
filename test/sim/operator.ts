import { createGroup, deleteGroup, splitGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import { acquireJournal, purgeJournal, restoreJournal } from '../../src/replication/journal.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import { CommandError } from '../../src/host/command-error.ts';
import type { Draws } from './randomness.ts';
import { attempt, createReplicationHost } from './replicator.ts';
import { end, sleep, type Life } from './scheduler.ts';
import { GROUP } from './side.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

type Act = (parts: { world: World; context: ReplicationContext; draws: Draws; array: ArrayParty }) => Promise<unknown>;

/** What an operator does at random moments, wrong things too; repeated entries are likelier. */
const ACTS: Readonly<Record<string, Act>> = {
  swap: ({ world, context, draws, array }) =>
    swapGroup(context, world.group, {
      ...(draws.chance(0.5) ? { to: array.name } : {}),
      fenceLeaseMs: draws.pick([0, 500, 10_000]),
    }),
  split: ({ world, context }) => splitGroup(context, world.group),
  resync: ({ world, context }) => resyncGroup(context, world.group),
  'resync-from': ({ world, context, array }) => resyncGroup(context, world.group, { from: array.name }),
  'resync-discard': async ({ world, context, array }) => {
    if (!world.options.discards) return resyncGroup(context, world.group);
    array.side.mayDiscard = true;
    return resyncGroup(context, world.group, { discard: array.name });
  },
  takeover: ({ world, context, array }) =>
    takeOver(context, world.group, { at: array.name, peerIsLost: world.options.forced }),
  create: ({ world, context, array }) => createGroup(context, world.group, { primary: array.name }),
  acquire: ({ world, context, draws }) => acquireJournal(context, world.group, { toSequence: draws.between(0, 400) }),
  restore: ({ world, context, draws }) => restoreJournal(context, world.group, { toSequence: draws.between(0, 400) }),
  purge: ({ world, context, draws }) => purgeJournal(context, world.group, { toSequence: draws.between(0, 400) }),
  'raw-purge': ({ context, array, draws }) =>
    operations(context, array).purge({
      group: GROUP,
      toSequence: draws.between(0, 400),
      generation: array.side.group?.lineage.at(-1)?.generation ?? '0000000000000000',
      proof: draws.random.below(2 ** 32),
      copiedPairs: '0000000000000000',
      life: '00000000deadbeef',
      changes: 2 ** 40,
    }),
  'raw-swap': rawSwap,
  'raw-split': ({ context, array }) => operations(context, array).splitGroup(GROUP),
  'raw-takeover': ({ world, context, array }) =>
    world.options.forced
      ? operations(context, array).takeOver({ group: GROUP, acceptInconsistent: false, giveUpDamaged: false })
      : Promise.resolve(),
  'lose-site': loseSite,
  fence: ({ context, array, draws }) =>
    operations(context, array).fence({ group: GROUP, leaseMs: draws.pick([0, 50, 500]) }),
  nobody: askForNobody,
  delete: ({ world, context }) => (world.options.deletes ? deleteGroup(context, world.group) : Promise.resolve()),
};

function operations(context: ReplicationContext, array: ArrayParty) {
  const found = context.arrays.get(array.name);
  if (!found) throw new Error(`no operations for ${array.name}`);
  return found;
}

/** Half a swap by hand. Its second half alone makes two primaries, seen by their lineages, so only where that is played. */
async function rawSwap({ world, context, array, draws }: Parameters<Act>[0]): Promise<void> {
  const role = draws.pick(['primary', 'auxiliary'] as const);
  if (role === 'primary' && !world.options.forced) return;
  if (role === 'primary') array.side.maySplit = true;
  const generation = array.side.group?.lineage.at(-1)?.generation ?? '0000000000000000';
  const sequence = (array.side.group?.read.sequence ?? 0) + draws.pick([0, 0, 1]);
  await operations(context, array).swapGroup({ group: GROUP, role, generation, sequence });
}

/** The drill of every runbook: a site is gone, its volumes are taken over at the other, and it comes back later. */
async function loseSite({ world, context, draws, array }: Parameters<Act>[0]): Promise<void> {
  const lost = world.arrays.find((candidate) => candidate !== array)!;
  if (lost.life) world.stop(lost, draws.chance(0.5));
  const { scheduler } = world;
  scheduler.after(draws.between(500, 4_000), () => {
    if (!lost.life) world.start(lost);
  });
  await takeOver(context, world.group, { at: array.name });
}

/** I5: the refusal must name the group that this very command asked for, from the array that it was sent to. */
async function askForNobody({ context, array, draws }: Parameters<Act>[0]): Promise<void> {
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      const group = `nobody${draws.random.below(1_000_000)}`;
      const error: unknown = await operations(context, array)
        .showJournal(group)
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      if (error instanceof CommandError && error.kind !== 'refused') return;
      const own = error instanceof CommandError && error.message.includes(group) && error.message.includes(array.name);
      if (!own) throw new SimFailure('I5-own-answer', `asked ${array.name} for ${group}, was told ${String(error)}`);
    }),
  );
}

const COMMON = [
  'swap',
  'swap',
  'swap',
  'split',
  'resync',
  'resync',
  'resync',
  'resync',
  'resync-from',
  'resync-discard',
  'takeover',
  'lose-site',
  'nobody',
];

export function startOperator(world: World, name: string): void {
  const { operatorEveryMs } = world.options;
  if (operatorEveryMs === 0) return;
  const draws = world.draws(name);

  async function live(life: Life): Promise<void> {
    const context = createReplicationHost(world, name, life, draws.pick([1_000, 5_000, 20_000]));
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(operatorEveryMs));
      const act = draws.chance(0.6) ? draws.pick(COMMON) : draws.pick(Object.keys(ACTS));
      const array = draws.pick(world.arrays);
      world.note(`${name} ${act} (${array.name})`);
      await attempt(world, `${name} ${act}`, async () => ACTS[act]!({ world, context, draws, array }));
    }
  }

  /** A runbook that dies half-way; another one begins. */
  function restart(life: Life): void {
    if (!world.chaos) return;
    end(life);
    const next = { alive: true };
    void live(next);
    world.scheduler.after(draws.latency(4_000), () => restart(next));
  }

  restart({ alive: false });
}
