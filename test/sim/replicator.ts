import { CommandError } from '../../src/host/command-error.ts';
import { createGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import { runCycle } from '../../src/replication/cycle.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { ReplicationRefusal } from '../../src/replication/refusal.ts';
import { createClients } from './command-client.ts';
import { createPartyClock, end, sleep, type Life } from './scheduler.ts';
import { describeError, SimFailure } from './verdict.ts';
import type { SimGroup, World } from './world.ts';

/** A host that runs verbs of the production replication code over the production command client. */
export function createReplicationHost(world: World, name: string, life: Life, timeoutMs: number): ReplicationContext {
  return {
    clock: createPartyClock(world.scheduler, life),
    arrays: createClients(world, name, life, world.draws(`${name}-${world.scheduler.tick()}`)),
    timeoutMs,
    observeTimeoutMs: Math.min(timeoutMs, 5_000),
  };
}

/** Runs a verb; what is refused or does not answer is part of life, anything else is a mistake. */
export async function attempt<T>(world: World, what: string, verb: () => Promise<T>): Promise<T | undefined> {
  try {
    const result = await verb();
    world.note(`${what}: done`);
    return result;
  } catch (error) {
    if (error instanceof CommandError || error instanceof ReplicationRefusal) {
      world.note(`${what}: ${error.kind}: ${error.message}`);
    } else {
      world.fail(error instanceof SimFailure ? error : new SimFailure('no-crash', `${what}: ${describeError(error)}`));
    }
    return undefined;
  }
}

/** Forms the group and brings it into state pair. */
export async function formGroup(world: World, group: SimGroup, done: () => void): Promise<void> {
  const context = createReplicationHost(world, group.party('former'), { alive: true }, 60_000);
  await attempt(world, group.party('form'), () => createGroup(context, group.definition, { primary: group.leader }));
  if (!world.options.early)
    await attempt(world, group.party('first drain'), () => drainGroup(context, group.definition));
  done();
}

/** A replication loop as cron or a service runs it; sometimes it is killed and started anew. */
export function startLoop(world: World, group: SimGroup, name: string): void {
  const draws = world.draws(name);

  async function live(life: Life): Promise<void> {
    const context = createReplicationHost(world, name, life, draws.pick([1_000, 5_000, 30_000]));
    while (world.chaos) {
      const verb = draws.chance(0.3) ? drainGroup : runCycle;
      await attempt(world, `${name} ${verb.name}`, () => verb(context, group.definition));
      await sleep(world.scheduler, life, draws.latency(world.options.loopPauseMs));
    }
  }

  function restart(life: Life): void {
    if (!world.chaos) return;
    end(life);
    world.note(`${name} starts`);
    const next = { alive: true };
    void live(next);
    world.scheduler.after(draws.latency(2_000), () => restart(next));
  }

  restart({ alive: false });
}
