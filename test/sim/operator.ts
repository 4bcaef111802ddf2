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
import { SimFailure } from './verdict.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';

type Act = (parts: {
  world: World;
  group: SimGroup;
  context: ReplicationContext;
  draws: Draws;
  array: ArrayParty;
}) => Promise<unknown>;

/** What an operator does at random moments, wrong things too; repeated entries are likelier. */
const ACTS: Readonly<Record<string, Act>> = {
  swap: ({ group, context, draws, array }) =>
    swapGroup(context, group.definition, {
      ...(draws.chance(0.5) ? { to: array.name } : {}),
      fenceLeaseMs: draws.pick([0, 500, 10_000]),
    }),
  split: ({ group, context }) => splitGroup(context, group.definition),
  resync: ({ group, context }) => resyncGroup(context, group.definition),
  'resync-from': ({ group, context, array }) => resyncGroup(context, group.definition, { from: array.name }),
  'resync-discard': async ({ world, group, context, array }) => {
    if (!world.options.discards) return resyncGroup(context, group.definition);
    group.at(array).mayDiscard = true;
    return resyncGroup(context, group.definition, { discard: array.name });
  },
  takeover: (parts) => {
    const { world, group, context, draws, array } = parts;
    const acceptInconsistent = acceptsMixture(parts);
    return takeOver(context, group.definition, {
      at: array.name,
      peerIsLost: world.options.forced,
      acceptInconsistent,
      giveUpDamaged: world.options.rotEveryMs > 0 && draws.chance(0.5),
    });
  },
  create: ({ group, context, array }) => createGroup(context, group.definition, { primary: array.name }),
  acquire: ({ group, context, draws }) =>
    acquireJournal(context, group.definition, { toSequence: draws.between(0, 400) }),
  restore: ({ group, context, draws }) =>
    restoreJournal(context, group.definition, { toSequence: draws.between(0, 400) }),
  purge: ({ group, context, draws }) => purgeJournal(context, group.definition, { toSequence: draws.between(0, 400) }),
  'raw-purge': ({ group, context, draws, array }) =>
    operations(context, array).purge({
      group: group.definition.name,
      toSequence: draws.between(0, 400),
      generation: group.at(array).group?.lineage.at(-1)?.generation ?? '0000000000000000',
      proof: draws.random.below(2 ** 32),
      copiedPairs: '0000000000000000',
      life: '00000000deadbeef',
      changes: 2 ** 40,
    }),
  'raw-swap': rawSwap,
  'raw-split': ({ group, context, array }) => operations(context, array).splitGroup(group.definition.name),
  'raw-takeover': rawTakeover,
  'lose-site': loseSite,
  fence: ({ group, context, draws, array }) =>
    operations(context, array).fence({ group: group.definition.name, leaseMs: draws.pick([0, 50, 500]) }),
  nobody: askForNobody,
  delete: ({ world, group, context }) =>
    world.options.deletes ? deleteGroup(context, group.definition) : Promise.resolve(),
};

/** Half a pair ordered by hand of what other pairs and groups own, while everything has an owner: nothing may come of it. */
async function mixUpGroups({ world, group, context, draws, array }: Parameters<Act>[0]): Promise<void> {
  const { groups, arrays, options } = world;
  const isWhole = ({ at, definition }: SimGroup): boolean =>
    arrays.every((candidate) => at(candidate).group?.pairs.length === definition.pairs.length);
  if (options.deletes || options.olderCopyEveryMs > 0 || !groups.every(isWhole)) return;
  const role = draws.pick(['primary', 'auxiliary'] as const);
  const [primary, auxiliary] = role === 'primary' ? [array, otherOf(world, array)] : [otherOf(world, array), array];
  const { luns } = draws.pick(draws.pick(groups).definition.pairs);
  const { name, journals } = group.definition;
  await operations(context, array).createPair({
    group: draws.chance(0.7) ? name : 'nobodys',
    pair: 'mixed-up',
    role,
    noCopy: false,
    primaryLun: luns[primary.name]!,
    auxiliaryLun: luns[auxiliary.name]!,
    primaryJournalLun: journals[primary.name]!,
    auxiliaryJournalLun: journals[auxiliary.name]!,
    primarySerial: primary.serial,
    auxiliarySerial: auxiliary.serial,
  });
}

function otherOf({ arrays: [one, other] }: World, array: ArrayParty): ArrayParty {
  return array === one ? other : one;
}

const ACTS_OF_SEVERAL: typeof ACTS = { ...ACTS, 'mix-up': mixUpGroups };
const MIX_UPS = ['mix-up', 'mix-up', 'mix-up'];

function operations(context: ReplicationContext, array: ArrayParty) {
  const found = context.arrays.get(array.name);
  if (!found) throw new Error(`no operations for ${array.name}`);
  return found;
}

/** Half a swap by hand. Its second half alone makes two primaries, seen by their lineages, so only where that is played. */
async function rawSwap({ world, group, context, array, draws }: Parameters<Act>[0]): Promise<void> {
  const role = draws.pick(['primary', 'auxiliary'] as const);
  if (role === 'primary' && !world.options.forced) return;
  if (role === 'primary') group.at(array).maySplit = true;
  const generation = group.at(array).group?.lineage.at(-1)?.generation ?? '0000000000000000';
  const sequence = (group.at(array).group?.read.sequence ?? 0) + draws.pick([0, 0, 1]);
  await operations(context, array).swapGroup({ group: group.definition.name, role, generation, sequence });
}

/** By hand, and where the other lives. */
async function rawTakeover(parts: Parameters<Act>[0]): Promise<void> {
  const { world, group, context, array } = parts;
  if (!world.options.forced) return;
  const acceptInconsistent = acceptsMixture(parts);
  const name = group.definition.name;
  await operations(context, array).takeOver({ group: name, acceptInconsistent, giveUpDamaged: false });
}

function acceptsMixture({ world, group, array, draws }: Parameters<Act>[0]): boolean {
  if (!world.options.mixtures || draws.chance(0.5)) return false;
  group.at(array).mayMix = true;
  return true;
}

/** The drill of every runbook: a site is gone, its volumes are taken over at the other, and it comes back later. */
async function loseSite(parts: Parameters<Act>[0]): Promise<void> {
  const { world, group, context, draws, array } = parts;
  const lost = otherOf(world, array);
  if (lost.life) world.stop(lost, draws.chance(0.5));
  const { scheduler } = world;
  scheduler.after(draws.between(500, 4_000), () => {
    if (!lost.life) world.start(lost);
  });
  await takeOver(context, group.definition, {
    at: array.name,
    acceptInconsistent: acceptsMixture(parts),
    giveUpDamaged: world.options.rotEveryMs > 0 && draws.chance(0.5),
  });
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

export function startOperator(world: World, group: SimGroup, name: string): void {
  const { operatorEveryMs } = world.options;
  if (operatorEveryMs === 0) return;
  const draws = world.draws(name);
  const acts = world.groups.length === 1 ? Object.keys(ACTS) : [...Object.keys(ACTS), ...MIX_UPS];

  async function live(life: Life): Promise<void> {
    const context = createReplicationHost(world, name, life, draws.pick([1_000, 5_000, 20_000]));
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(operatorEveryMs));
      const act = draws.chance(0.6) ? draws.pick(COMMON) : draws.pick(acts);
      const array = draws.pick(world.arrays);
      world.note(`${name} ${act} (${array.name})`);
      await attempt(world, `${name} ${act}`, async () =>
        ACTS_OF_SEVERAL[act]!({ world, group, context, draws, array }),
      );
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
