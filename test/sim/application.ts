import { LunError, type Lun } from '../../src/lun/lun.ts';
import { MAPPED } from './layout.ts';
import { anyOrder, type Extent } from './commands.ts';
import { createSender } from './sender.ts';
import type { Deallocate } from './access.ts';
import { contentOf, type Write } from './history.ts';
import type { Draws } from './randomness.ts';
import { sleep, type Life } from './scheduler.ts';
import { isUpset } from './upheaval.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';
import { describeError, SimFailure } from './verdict.ts';

const IO_TIMEOUT_MS = 4_000;

/** Where a command goes. */
interface Place {
  readonly group: SimGroup;
  readonly array: ArrayParty;
}

function lunOf({ group, array }: Place, volume: number): number {
  return group.at(array).firstLun + volume;
}

/**
 * An application: writes, reads back and flushes at its own pace, several commands at a time, on volumes of one group or of
 * several, each at the array that last took its writes. A write that fails is sometimes sent again, sometimes given up.
 */
export function startApplication(world: World, groups: readonly SimGroup[], name: string, life: Life): void {
  const draws = world.draws(name);
  const opener = world.access.opener(name, life, world.tap);
  const deallocate = world.options.deallocateRate > 0 ? world.access.deallocator(name, life, world.tap) : undefined;
  const luns = new Map<string, Promise<Lun>>();
  const others = world.draws(`${name}-commands`);
  const sender = createSender(world, opener, others);
  /** By group and volume. */
  const last = new Map<string, Write>();
  const sites = new Map(groups.map((group) => [group, world.arrays.find(({ name }) => name === group.leader)!]));

  function lunAt(at: Place, volume: number): Promise<Lun> {
    const path = world.access.path(at.array, lunOf(at, volume));
    const known = luns.get(path) ?? opener.open(path);
    luns.set(path, known);
    known.catch(() => luns.delete(path));
    return known;
  }

  async function act(at: Place): Promise<void> {
    const volume = draws.between(0, world.options.volumes - 1);
    const what = draws.random.below(10);
    if (others.chance(world.options.commandRate)) return orderSomething(at, volume);
    if (deallocate && draws.chance(world.options.deallocateRate)) await deallocateSomewhere(deallocate, at, volume);
    else if (what < 7) await writeSomewhere(at, volume);
    else if (what < 9) await readSomewhere(at, volume);
    else await (await lunAt(at, volume)).flush({ timeoutMs: IO_TIMEOUT_MS });
  }

  /** Any command, now and then by way of the other array. */
  async function orderSomething({ group, array }: Place, volume: number): Promise<void> {
    const side = group.at(array);
    const key = `${group.definition.name}/${volume}`;
    const order = anyOrder({
      draws: others,
      volume,
      sectors: world.options.sectors,
      place: () => extent(world, others, volume),
      announce: ({ first, count }) => group.model.announce(volume, first, count),
      last: last.get(key),
      side,
      beside: world.groups.map((any) => any.at(array)),
    });
    const around = world.options.mapped && !order.what.startsWith('EXTENDED COPY') && others.chance(0.3);
    const near = around ? world.arrays.find((other) => other !== array)! : array;
    const lun = side.firstLun + volume + (around ? MAPPED : 0);
    const isGood = await sender.send(order, { array: near, lun, hurt: () => array.disk.hurt || near.disk.hurt });
    if (isGood && order.write) last.set(key, order.write);
  }

  async function writeSomewhere(at: Place, volume: number): Promise<void> {
    const [first, count] = place(world, draws, volume);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const lun = await lunAt(at, volume);
      const write = at.group.model.announce(volume, first, count);
      if (await send(lun, at, write)) return;
      if (draws.chance(0.5)) return;
    }
  }

  async function send(lun: Lun, at: Place, write: Write): Promise<boolean> {
    const sectors = write.volume === 1 ? 8 : 1;
    const forceUnitAccess = draws.chance(0.1);
    try {
      await lun.write(write.first / sectors, contentOf(write.id, write.count), {
        timeoutMs: IO_TIMEOUT_MS,
        forceUnitAccess,
      });
      return true;
    } catch (error) {
      failed(error, at);
      return false;
    }
  }

  async function deallocateSomewhere(unmap: Deallocate, at: Place, volume: number): Promise<void> {
    const [first, count] = place(world, draws, volume);
    const sectors = volume === 1 ? 8 : 1;
    await unmap(at.array, lunOf(at, volume), first / sectors, count / sectors);
  }

  async function readSomewhere(at: Place, volume: number): Promise<void> {
    const [first, count] = place(world, draws, volume);
    const sectors = volume === 1 ? 8 : 1;
    await (await lunAt(at, volume)).read(first / sectors, count / sectors, { timeoutMs: IO_TIMEOUT_MS });
  }

  function failed(error: unknown, { group, array }: Place): void {
    if (error instanceof SimFailure) return world.fail(error);
    if (!(error instanceof LunError)) return world.fail(new SimFailure('no-crash', describeError(error)));
    if (array.disk.hurt || isUpset(world, error)) return;
    if (error.kind === 'check-condition' || error.kind === 'io-error') {
      return world.fail(new SimFailure('no-crash', `an application at ${array.name}: ${error.message}`));
    }
    if (error.kind === 'write-protected' || draws.chance(0.3)) {
      sites.set(
        group,
        world.arrays.find((other) => other !== array)!,
      );
    }
  }

  async function lane(): Promise<void> {
    world.lanes += 1;
    while (world.chaos) {
      await sleep(world.scheduler, life, draws.latency(world.options.thinkMs));
      const group = groups.length === 1 ? groups[0]! : draws.pick(groups);
      const at = { group, array: sites.get(group)! };
      await act(at).catch((error: unknown) => failed(error, at));
    }
    world.lanes -= 1;
  }

  for (let depth = draws.between(1, world.options.depth); depth > 0; depth -= 1) void lane();
}

function extent(world: World, draws: Draws, volume: number): Extent {
  const [first, count] = place(world, draws, volume);
  return { first, count };
}

/** Sectors; often where others write too. */
function place(world: World, draws: Draws, volume: number): [first: number, count: number] {
  const unit = volume === 1 ? 8 : 1;
  const blocks = world.options.sectors / unit;
  const count = Math.min(draws.between(1, world.options.longestWrite), Math.max(1, Math.floor(24 / unit)));
  const range = draws.chance(0.7) ? Math.min(32, blocks) : blocks;
  return [draws.random.below(range - Math.min(count, range) + 1) * unit, Math.min(count, range) * unit];
}
