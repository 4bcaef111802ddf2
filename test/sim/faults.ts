import type { Draws } from './randomness.ts';
import type { World } from './world.ts';

/** Kills, power cuts, lines that go down, and lost commands, each at its own pace, while chaos lasts. */
export function startFaults(world: World): void {
  const { options } = world;
  repeat(world, 'kills', options.killEveryMs, (draws) => crash(world, draws, false));
  repeat(world, 'power', options.powerCutEveryMs, (draws) => crash(world, draws, true));
  repeat(world, 'lines', options.linkEveryMs, (draws) => cutLine(world, draws));
  repeat(world, 'streams', options.bytes ? options.streamFaultEveryMs : 0, (draws) => breakStream(world, draws));
  repeat(world, 'disks', options.diskFaultEveryMs, (draws) => strikeDisk(world, draws));
  for (const link of world.network.links.values()) link.loss = options.loss;
}

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

function strikeDisk(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  const file = draws.pick(array.disk.files());
  const kind = world.options.flushFaults ? draws.pick(['write', 'flush'] as const) : 'write';
  world.note(`${array.name} the next ${kind} of ${file} fails`);
  array.disk.strike(file, kind);
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
