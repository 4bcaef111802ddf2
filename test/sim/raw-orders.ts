import { NO_LIFE } from '../../src/interface-block/lives.ts';
import type { ArrayOperations } from '../../src/host/operations.ts';
import type { Draws } from './randomness.ts';
import { attempt, createReplicationHost } from './replicator.ts';
import { sleep } from './scheduler.ts';
import type { SimGroup, World } from './world.ts';

interface Parts {
  readonly world: World;
  readonly draws: Draws;
  readonly group: string;
  readonly near: ArrayOperations;
  readonly far: ArrayOperations;
}

const NO_GENERATION = '0000000000000000';
const REQUEST_TIMEOUT_MS = 1_000;

/** Single commands, past the plans of the verbs, which would refuse before the array is asked. */
const ORDERS: ReadonlyArray<(parts: Parts) => Promise<unknown>> = [
  // Two primaries, seen by their lineages: only where that is played.
  ({ world, group, near }) =>
    world.options.forced
      ? near.takeOver({ group, acceptInconsistent: false, giveUpDamaged: false })
      : Promise.resolve(),
  ({ group, near }) => near.splitGroup(group),
  resyncNear,
  purgeNear,
];

/** What the other side says of itself, and no word of what is given up here. */
async function resyncNear({ group, draws, near, far }: Parts): Promise<unknown> {
  const { generation, lineage } = await far.showJournal(group);
  const role = draws.pick(['auxiliary', 'auxiliary', 'primary'] as const);
  return near.resyncGroup({ group, role, discard: false, generation, lineage });
}

/** A record that is there, and a proof of nothing. */
async function purgeNear({ group, draws, near }: Parts): Promise<unknown> {
  const { generation, journalOutSequence, journalInSequence, peerLife } = await near.showJournal(group);
  const toSequence = draws.between(journalOutSequence, Math.max(journalOutSequence, journalInSequence - 1));
  const proof = draws.random.below(2 ** 32);
  const life = peerLife === NO_LIFE ? '00000000deadbeef' : peerLife;
  return near.purge({
    group,
    toSequence,
    generation: generation || NO_GENERATION,
    proof,
    copiedPairs: NO_GENERATION,
    life,
    changes: 0,
  });
}

/** Somebody who knows the commands and not the rules. */
export function startRawOrders(world: World, { definition: { name: group } }: SimGroup): void {
  const { rawOrderEveryMs } = world.options;
  if (rawOrderEveryMs === 0) return;
  const draws = world.draws('raw-orders');
  const life = { alive: true };
  const context = createReplicationHost(world, 'raw', life, REQUEST_TIMEOUT_MS);

  async function live(): Promise<void> {
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(rawOrderEveryMs));
      const array = draws.pick(world.arrays);
      const other = world.arrays.find((candidate) => candidate !== array)!;
      const [near, far] = [context.arrays.get(array.name)!, context.arrays.get(other.name)!];
      const number = draws.random.below(ORDERS.length);
      await attempt(world, `raw order ${number} (${array.name})`, async () =>
        ORDERS[number]!({ world, group, draws, near, far }),
      );
    }
  }

  void live();
}
