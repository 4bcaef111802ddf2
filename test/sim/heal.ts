import { LunError } from '../../src/lun/lun.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import { createGroup, deleteGroup, splitGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { isRefusedWith, observeGroup } from '../../src/replication/observe.ts';
import { ReplicationRefusal } from '../../src/replication/refusal.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import { verdictOf, type Verdict } from '../../src/replication/verdict.ts';
import { needBounded } from './checkers/bounds.ts';
import { attempt, createReplicationHost } from './replicator.ts';
import { clearSlots } from './stranger.ts';
import { letGo } from './upheaval.ts';
import { sleep, type Life } from './scheduler.ts';
import { isConsistentAuxiliary } from './side.ts';
import { SimFailure } from './verdict.ts';
import { isReady, type ArrayParty, type SimGroup, type World } from './world.ts';

/** Rounds of look, act, which are far more than a healthy group needs. */
const ROUNDS = 12;
/** Commands of applications that are still under way end within their timeout. */
const QUIET_MS = 10_000;
const LATECOMERS_MS = 1_000;

/**
 * The liveness phase: nothing fails any more, and an operator of each group follows what the verdicts say. It must come into
 * state pair with an empty journal, both sides equal and holding everything that was answered.
 */
export async function heal(world: World, runUntil: (done: () => boolean) => Promise<void>): Promise<void> {
  world.note('the faults are over');
  for (const link of world.network.links.values()) Object.assign(link, { up: true, loss: 0, delayRate: 0 });
  const lines = { quiet: false };
  world.scheduler.after(quietForMs(world), () => (lines.quiet = true));
  for (const array of world.arrays) {
    array.disk.options = { ...array.disk.options, stallRate: 0 };
    // The rest of its life it could not flush any more.
    if (array.life && array.disk.doubtful) world.stop(array, true);
    array.disk.ambush = undefined;
    array.disk.mend();
    if (!array.life) world.start(array);
    array.setLink('up');
  }
  await runUntil(() => lines.quiet && world.arrays.every(isReady));
  if (world.lanes > 0) await awaitApplications(world, runUntil);
  world.holds.needNone();
  for (const array of world.arrays) array.setLink('up');
  if (world.options.upheavalEveryMs > 0 || world.options.strangerEveryMs > 0) await clearUp(world, runUntil);
  const healed = new Set<SimGroup>();
  for (const group of world.groups) void mend(world, group, () => healed.add(group));
  await runUntil(() => healed.size === world.groups.length);
  for (const { model } of world.groups) await model.checkEqual();
  needBounded(world);
}

/** Who waited long for a connection only then does what it began in the chaos. */
async function awaitApplications(world: World, runUntil: (done: () => boolean) => Promise<void>): Promise<void> {
  await runUntil(() => world.lanes === 0);
  const late = { over: false };
  world.scheduler.after(LATECOMERS_MS, () => (late.over = true));
  await runUntil(() => late.over);
}

const TRIES = 5;

/** A connection that fell silent in the chaos takes its time to be given up. */
async function persist(act: () => Promise<void>): Promise<void> {
  for (let left = TRIES; left > 0; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof LunError) || left === 1) throw error;
    }
  }
}

async function clearUp(world: World, runUntil: (done: () => boolean) => Promise<void>): Promise<void> {
  const hosts = { areFree: false };
  const { upheavalEveryMs, strangerEveryMs } = world.options;
  const cleared = strangerEveryMs > 0 ? persist(() => clearSlots(world)) : Promise.resolve();
  const letGone = upheavalEveryMs > 0 ? persist(() => letGo(world, { alive: true })) : Promise.resolve();
  Promise.all([cleared, letGone]).then(
    () => (hosts.areFree = true),
    (error: unknown) => world.fail(error),
  );
  await runUntil(() => hosts.areFree);
}

/** An array that stands still goes on in its own time, and takes in what arrived meanwhile: only then nothing is under way any more. */
function quietForMs(world: World): number {
  const nowMs = world.scheduler.nowMs();
  const resumed = world.arrays.map(({ life }) => (life?.resumesMs ?? 0) + LATECOMERS_MS - nowMs);
  return Math.max(QUIET_MS, ...resumed);
}

async function mend(world: World, group: SimGroup, done: () => void): Promise<void> {
  const life: Life = { alive: true };
  const healer = group.party('healer');
  const context = createReplicationHost(world, healer, life, 60_000);
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const verdict = verdictOf(await observeGroup(context, group.definition));
      world.note(`${healer} sees ${verdict.kind}: ${verdict.explanation}`);
      const drained = await attempt(world, `${healer} ${verdict.kind}`, () => act(world, group, context, verdict));
      if (drained === 'complete') {
        await compare(world, group, life);
        return done();
      }
      await sleep(world.scheduler, life, 500);
    }
    const last = verdictOf(await observeGroup(context, group.definition));
    throw new SimFailure('I9-liveness', `after ${ROUNDS} rounds still ${last.kind}: ${last.explanation}`);
  } catch (error) {
    world.fail(error);
  }
}

async function act(
  world: World,
  group: SimGroup,
  context: ReplicationContext,
  verdict: Verdict,
): Promise<'complete' | 'acted'> {
  const { definition, leader, at } = group;
  switch (verdict.kind) {
    case 'copying':
    case 'replicating':
      if (world.arrays.some((array) => at(array).group?.pairs.length !== definition.pairs.length)) {
        await createGroup(context, definition, { primary: verdict.primary ?? leader });
      }
      return drainOrSplit(context, definition);
    case 'absent':
      await createGroup(context, definition, { primary: leader });
      return 'acted';
    case 'partly-formed':
      await completeOrDissolve(world, group, context);
      return 'acted';
    case 'handing-over':
      await finishSwap(world, group, context, verdict);
      return 'acted';
    default:
      await resync(world, group, context, verdict);
      return 'acted';
  }
}

/** Where nothing moves any more, since the primary is not what the resync met, it is resynced anew. */
async function drainOrSplit(context: ReplicationContext, group: GroupDefinition): Promise<'complete' | 'acted'> {
  try {
    return (await drainGroup(context, group)).complete ? 'complete' : 'acted';
  } catch (error) {
    if (!String(error).includes('split the group, resync it')) throw error;
    await splitGroup(context, group);
    return 'acted';
  }
}

async function completeOrDissolve(world: World, group: SimGroup, context: ReplicationContext): Promise<void> {
  const primary = world.arrays.find((array) => group.at(array).group?.role === 'primary');
  try {
    if (!primary) throw new Error('no primary');
    await createGroup(context, group.definition, { primary: primary.name });
  } catch {
    await deleteGroup(context, group.definition);
  }
}

async function finishSwap(world: World, group: SimGroup, context: ReplicationContext, verdict: Verdict): Promise<void> {
  const to = verdict.primary ?? world.arrays[0].name;
  try {
    await swapGroup(context, group.definition, { to });
  } catch (error) {
    if (!(error instanceof ReplicationRefusal) && !isRefusedWith(error, 'unsafe')) throw error;
    // Halves of a swap that were ordered by hand: the side that knows of the other's generation goes on alone.
    await takeOver(context, group.definition, { at: newerSide(world, group).name, peerIsLost: true });
  }
}

/** Without loss where that is possible; otherwise one side, chosen by the operator, gives up what only it has. */
async function resync(world: World, group: SimGroup, context: ReplicationContext, verdict: Verdict): Promise<void> {
  const from =
    (await rightSide(world, group, context)) ?? verdict.primary ?? consistentSide(world, group)?.name ?? group.leader;
  try {
    await resyncGroup(context, group.definition, { from });
  } catch (error) {
    const unknown = pairToDelete(error);
    if (unknown !== undefined) {
      await deleteGroup(context, group.definition, { pair: unknown });
      return;
    }
    if (wantsDamageGivenUp(error)) {
      await takeOver(context, group.definition, { at: from, peerIsLost: true, giveUpDamaged: true });
      return;
    }
    const unsafe = error instanceof ReplicationRefusal && error.kind === 'refused-for-safety';
    if (!unsafe && !isRefusedWith(error, 'unsafe')) throw error;
    const other = world.arrays.find((array) => array.name !== from)!;
    group.at(other).mayDiscard = true;
    await resyncGroup(context, group.definition, { from, discard: other.name });
  }
}

/** Writes that had arrived at the side to be kept have rotted there: it leads without them, as the refusal says. */
function wantsDamageGivenUp(error: unknown): boolean {
  return error instanceof ReplicationRefusal && error.next.includes('--give-up-damaged');
}

/** What the other side does not have is let go first, as the refusal says. */
function pairToDelete(error: unknown): string | undefined {
  if (!(error instanceof ReplicationRefusal)) return undefined;
  return /cdctl pair delete [^/ ]+\/([^ ,]+)/.exec(error.next)?.[1];
}

/** After an older copy: the auxiliary that has found it out is right half of the time, and takes over then, if it has all that it had read. */
async function rightSide(world: World, group: SimGroup, context: ReplicationContext): Promise<string | undefined> {
  const right = world.arrays.find((array) => group.at(array).group?.suspendReason === 'peer-older-copy');
  const state = right && group.at(right).group;
  if (!right || world.seed % 2 === 0 || !isConsistentAuxiliary(state) || state?.journalDamaged) return undefined;
  await takeOver(context, group.definition, { at: right.name, peerIsLost: true });
  return right.name;
}

function newerSide(world: World, group: SimGroup): ArrayParty {
  const [one, other] = world.arrays;
  const generation = group.at(one).group?.lineage.at(-1)?.generation;
  return group.at(other).group?.lineage.some((entry) => entry.generation === generation) ? other : one;
}

function consistentSide(world: World, group: SimGroup): ArrayParty | undefined {
  return world.arrays.find((array) => group.at(array).group?.pairs.every((pair) => pair.progress === 'pair'));
}

/** What hosts read on both sides is the same. */
async function compare(world: World, group: SimGroup, life: Life): Promise<void> {
  const opener = world.access.opener(group.party('comparer'), life, world.tap);
  for (let volume = 0; volume < world.options.volumes; volume += 1) {
    const [one, other] = await Promise.all(
      world.arrays.map(async (array) => {
        const lun = await opener.open(world.access.path(array, group.at(array).firstLun + volume));
        const { blockCount } = await lun.capacity();
        return lun.read(0, blockCount);
      }),
    );
    if (Buffer.compare(one!, other!) !== 0) {
      throw new SimFailure('I9-liveness', `volume ${volume} differs between the arrays after everything has healed`);
    }
  }
}
