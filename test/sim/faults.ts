import { lieInWait } from './ambush.ts';
import type { Draws } from './randomness.ts';
import { rotSomewhere } from './rot.ts';
import type { World } from './world.ts';

/** Kills, power cuts, lines that go down, and lost commands, each at its own pace, while chaos lasts. */
export function startFaults(world: World): void {
  const { options } = world;
  repeat(world, 'kills', options.killEveryMs, (draws) => crash(world, draws, false));
  repeat(world, 'power', options.powerCutEveryMs, (draws) => crash(world, draws, true));
  repeat(world, 'lines', options.linkEveryMs, (draws) => cutLine(world, draws));
  repeat(world, 'streams', options.bytes ? options.streamFaultEveryMs : 0, (draws) => breakStream(world, draws));
  repeat(world, 'disks', options.diskFaultEveryMs, (draws) => strikeDisk(world, draws));
  repeat(world, 'fullness', options.diskFaultEveryMs * 4, (draws) => fillDisk(world, draws));
  repeat(world, 'pauses', options.pauseEveryMs, (draws) => pause(world, draws));
  repeat(world, 'clocks', options.pauseEveryMs, (draws) => moveClock(world, draws));
  repeat(world, 'rot', options.rotEveryMs, (draws) => rotSomewhere(world, draws));
  repeat(world, 'ambushes', options.ambushEveryMs, (draws) => lieInWait(world, draws));
  if (options.olderCopyEveryMs > 0) goBack(world);
  for (const link of world.network.links.values())
    Object.assign(link, { loss: options.loss, delayRate: options.delayRate });
}

const YEAR_MS = 365 * 86_400_000;

function repeat(world: World, name: string, everyMs: number, act: (draws: Draws) => void): void {
  if (everyMs === 0) return;
  const draws = world.draws(name);
  const next = (): void => {
    world.scheduler.after(draws.latency(everyMs), () => {
      if (!world.chaos) return;
      act(draws);
      next();
    });
  };
  next();
}

/** Down for a moment or for seconds; also while it is still recovering from the last time. */
function crash(world: World, draws: Draws, powerCut: boolean): void {
  const array = draws.pick(world.arrays);
  if (!array.life) return;
  world.stop(array, powerCut);
  world.scheduler.after(draws.latency(draws.pick([5, 200, 3_000])), () => {
    if (!array.life) world.start(array);
  });
}

const KINDS = ['write', 'flush', 'read'] as const;

function strikeDisk(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  const file = draws.pick(array.disk.files());
  const kind = draws.pick(KINDS.filter((known) => known === 'write' || world.options[`${known}Faults`]));
  world.note(`${array.name} the next ${kind} of ${file} fails`);
  array.disk.strike(file, kind);
}

function fillDisk(world: World, draws: Draws): void {
  if (!world.options.readFaults) return;
  const array = draws.pick(world.arrays);
  array.disk.full = true;
  world.note(`${array.name} has no space left`);
  world.scheduler.after(draws.latency(draws.pick([20, 500])), () => (array.disk.full = false));
}

/** Puts back at most this often, so that there is something to heal. */
const RETURNS = 2;

/** Somebody copies the storage of an array, at one moment; later, once or twice, the copy is what it has. */
function goBack(world: World): void {
  const array = world.draws('older-side').pick(world.arrays);
  const copies: Array<() => void> = [];
  let left = RETURNS;
  repeat(world, 'older-copies', world.options.olderCopyEveryMs, (draws) => {
    if (left === 0) return;
    if (copies.length === 0 || draws.chance(0.5)) {
      const putBack = world.copy(array);
      if (putBack) copies.push(putBack);
      world.note(`somebody copies the storage of ${array.name}`);
      return;
    }
    left -= 1;
    world.stop(array, true);
    draws.pick(copies)();
    world.scheduler.after(draws.latency(draws.pick([5, 200])), () => {
      if (!array.life) world.start(array);
    });
  });
}

/** As SIGSTOP does it, for longer than any timeout too. */
function pause(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  if (!array.life) return;
  const pauseMs = draws.latency(draws.pick([20, 400, 400, 4_000, 20_000]));
  const resumesMs = world.scheduler.nowMs() + Math.min(60_000, pauseMs);
  const awakeMs = Math.max(array.life.resumesMs ?? 0, world.scheduler.nowMs());
  array.life.resumesMs = Math.max(array.life.resumesMs ?? 0, resumesMs);
  world.holds.paused(array.serial, Math.max(0, resumesMs - awakeMs));
  world.note(`${array.name} stands still for ${pauseMs.toFixed(0)} ms`);
}

/** Somebody, or a time service, sets the clock: forwards, backwards, by years. */
function moveClock(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  if (!array.life) return;
  array.life.wallOffsetMs = draws.pick([0, 1_000, -1_000, 86_400_000, -86_400_000, 10 * YEAR_MS, -10 * YEAR_MS]);
  world.note(`the clock of ${array.name} is off by ${array.life.wallOffsetMs} ms`);
}

/** In the middle of whatever is on its way. */
function breakStream(world: World, draws: Draws): void {
  const streams = world.access.streams();
  if (streams.length === 0) return;
  const stream = draws.pick(streams);
  const silently = draws.chance(0.3);
  world.note(`connection ${stream.localAddress} ${silently ? 'falls silent' : 'is reset'}`);
  if (silently) stream.fallSilent();
  else stream.reset();
}

function cutLine(world: World, draws: Draws): void {
  if (draws.chance(0.2)) {
    const array = draws.pick(world.arrays);
    array.setLink('down');
    world.scheduler.after(draws.latency(1_000), () => array.setLink('up'));
    return;
  }
  const [name, link] = draws.pick([...world.network.links]);
  link.up = false;
  world.note(`line ${name} goes down`);
  world.scheduler.after(draws.latency(draws.pick([10, 500, 5_000])), () => {
    link.up = true;
    world.note(`line ${name} is up`);
  });
}
