import type { Draws } from './randomness.ts';
import type { World } from './world.ts';

/** What is worth an ambush: files by the start of their names; any. */
export const AMBUSHED = ['', '', 'state', 'differences-', 'lun-'] as const;

const FLUSHES_MS = [2, 20, 200, 1_000];
const DOWN_MS = [1, 20, 200];

/**
 * Somebody waits for the next flush of a file. It takes its time, so that others may do much on the ground of what it is about,
 * and the power goes within it, or right behind it; mostly of that array, now and then of the other. Where disks fail to flush,
 * it may fail too, and the power goes behind that.
 */
export function lieInWait(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  const victim = draws.chance(0.75) ? array : world.arrays.find((other) => other !== array)!;
  const files = array.disk.files().filter((name) => name.startsWith(world.options.ambushAt));
  if (files.length === 0) return;
  const file = draws.pick(files);
  const lastsMs = draws.latency(draws.pick(FLUSHES_MS));
  const fails = world.options.flushFaults && draws.chance(0.2);
  const within = !fails && draws.chance(0.6);
  const cutMs = within ? (lastsMs * draws.between(0, 99)) / 100 : lastsMs + draws.latency(draws.pick([0.1, 5]));
  const downMs = draws.latency(draws.pick(DOWN_MS));
  array.disk.ambush = (flushed) => {
    if (flushed !== file || !world.chaos) return undefined;
    array.disk.ambush = undefined;
    const { life } = victim;
    world.note(`somebody has waited for a flush of ${file} at ${array.name}, and for the power of ${victim.name}`);
    world.scheduler.after(cutMs, () => {
      if (!world.chaos || !life?.alive || victim.life !== life) return;
      world.stop(victim, true);
      world.scheduler.after(downMs, () => {
        if (!victim.life) world.start(victim);
      });
    });
    return lastsMs;
  };
  if (fails) array.disk.strike(file, 'flush');
}
