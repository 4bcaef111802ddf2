import { acquireJournal, purgeJournal } from '../../src/replication/journal.ts';
import { attempt, createReplicationHost } from './replicator.ts';
import { sleep } from './scheduler.ts';
import type { SimGroup, World } from './world.ts';

const TIMEOUT_MS = 2_000;

/**
 * Somebody whose runbook acquires and purges, and leaves it to others to restore: the primary's journal is empty again and again,
 * while that of the auxiliary fills up to its last block with what nobody has ordered to be restored.
 */
export function startHoarder(world: World, group: SimGroup): void {
  const { hoardEveryMs } = world.options;
  if (hoardEveryMs === 0) return;
  const name = group.party('hoarder');
  const draws = world.draws(name);
  const life = { alive: true };

  async function live(): Promise<void> {
    const context = createReplicationHost(world, name, life, TIMEOUT_MS);
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(hoardEveryMs));
      await attempt(world, `${name} acquire`, () => acquireJournal(context, group.definition, {}));
      await sleep(world.scheduler, life, draws.latency(hoardEveryMs));
      await attempt(world, `${name} purge`, () => purgeJournal(context, group.definition, {}));
    }
  }

  void live();
}
