import { createArray } from '../../src/array/array.ts';
import { checkStorage } from '../../src/array/check/check-array.ts';
import type { ArrayDescription } from '../../src/array/description.ts';
import type { LogicalUnits } from '../../src/array/logical-unit.ts';
import type { Management } from '../../src/array/management.ts';
import type { Storage } from '../../src/base/storage.ts';
import { WRITE_UNIT } from '../../src/interface-block/geometry.ts';
import type { SimDisk } from './disk.ts';
import { forgetfulJournals, giveUpForgotten } from './forgotten.ts';
import { stampsOf, type Image } from './history.ts';
import { describeArray } from './layout.ts';
import { NotYet } from './model.ts';
import { createDraws } from './randomness.ts';
import { rotAtRest } from './rot.ts';
import { cureUnproven, needHeld, needJournalsNamed, rottenJournals, type RottenJournal } from './rotten-journals.ts';
import { curesAtRest, needMadeGood, needNamed, needRefused } from './rotten-tables.ts';
import { createPartyClock, end, type Life } from './scheduler.ts';
import type { Side } from './side.ts';
import { watchSlots } from './slot-watch.ts';
import { describeError, SimFailure } from './verdict.ts';
import type { ArrayParty, World, Wrappers } from './world.ts';

/** How long it takes somebody to look after an array that has ended by itself. */
const REPAIR_MS = 300;

/** The array of the product from the look at its storage to serving; what it says of storage that has rotted is judged. */
export async function startArray(world: World, party: ArrayParty, wrap: Wrappers): Promise<void> {
  const { options } = world;
  const life: Life = { alive: true };
  const draws = createDraws(world.seed, `${party.name}-rotten-${world.scheduler.tick()}`);
  party.life = life;
  world.note(`${party.name} starts`);
  try {
    rotAtRest(world, party);
    const storage = party.disk.storage(life);
    const rotten = rottenJournals(world, party);
    checkAtRest(world, party, storage, rotten);
    const array = await createArray({
      description: describe(world, party),
      storage: wrap.storage?.(storage, party.name) ?? storage,
      clock: createPartyClock(world.scheduler, life),
      random: createDraws(world.seed, `${party.name}-${world.scheduler.tick()}`).random,
      opener: world.access.opener(party.name, life),
      version: '0.1.0',
      log: (text) => world.note(`${party.name}: ${text.split('\n')[0]}`),
    });
    void array.failed.then((error) => mend(world, party, life, error));
    const [one, other] = world.arrays;
    party.setLink = (state) => void array.management.setLink(party === one ? other.serial : one.serial, state);
    for (const { model, at } of world.groups) {
      const side = at(party);
      side.look = () => quietly(party.disk, () => readVolumes(array.units, side, options.sectors));
      await model.check();
    }
    await needHeld(party, rotten);
    if (rotten.length > 0 && draws.chance(0.5)) return cureJournals(world, party, life, rotten);
    await giveUp(world, party, array.management, rotten);
    await giveUpForgotten(world, party, array.management);
    for (const { model, at } of world.groups) {
      const side = at(party);
      await model.check();
      await model.recovered(side);
    }
    const server = watchSlots(array.deviceServer, {
      array: party.name,
      nowMs: () => world.scheduler.nowMs(),
      fail: (error) => world.fail(error),
      heard: (block) => overhear(world, block),
    });
    await world.access.serve(party, { serial: party.serial, life, server });
    needRefused(world, party);
    needMadeGood(world, party);
    party.disk.shaken.clear();
    world.note(`${party.name} serves`);
  } catch (error) {
    if (error instanceof SimFailure) world.fail(error);
    else if (curesAtRest(world, party, error)) startAnew(world, party, life, error);
    else if (party.disk.hurt) mend(world, party, life, error);
    else world.fail(new SimFailure('no-crash', `${party.name} does not start: ${describeError(error)}`));
  }
}

/** A process is killed; with it, or where it leaves a disk that could not flush, the machine loses power. */
export function stopArray(world: World, party: ArrayParty, powerCut: boolean): void {
  const { disk, peek, serial } = party;
  const cut = powerCut || disk.doubtful;
  if (party.life) end(party.life, powerCut);
  party.life = undefined;
  world.network.stations.delete(serial);
  if (cut) peek.powerCut();
  world.holds.died(serial);
  for (const { model, at } of world.groups) model.died(at(party), cut);
  if (cut) disk.powerCut();
  cureUnproven(world, party);
  world.note(`${party.name} ${powerCut ? 'loses power' : 'is killed'}`);
}

/** Blocks that a stranger remembers. */
const OVERHEARD = 24;

function overhear({ options, overheard }: World, block: Uint8Array): void {
  if (options.strangerEveryMs === 0 || block.length !== WRITE_UNIT) return;
  overheard.push(block.slice());
  if (overheard.length > OVERHEARD) overheard.shift();
}

/** What crashes leave behind is never damage: `array check` must not cry wolf, but name what has rotted. */
function checkAtRest(world: World, party: ArrayParty, storage: Storage, rotten: readonly RottenJournal[]): void {
  const { disk } = party;
  disk.quiet = true;
  const { findings } = checkStorage(describe(world, party), storage);
  disk.quiet = false;
  needNamed(party, findings);
  needJournalsNamed(party, rotten, findings);
  const forgetful = forgetfulJournals(world, party);
  const damage = findings.find(
    ({ severity, file }) => severity === 'damage' && disk.wounds(file).length === 0 && !forgetful.has(file),
  );
  if (damage) throw new SimFailure('check-clean', `${party.name}, ${damage.file}: ${damage.what}; ${damage.meaning}`);
}

/** It serves everything but groups whose journals have rotted: somebody puts the sound sectors back. */
function cureJournals(world: World, party: ArrayParty, life: Life, rotten: readonly RottenJournal[]): void {
  for (const { file, wounds } of rotten) party.disk.cure(file, (wound) => wounds.has(wound));
  startAnew(world, party, life, new Error(rotten.map(({ file }) => file).join(', ')));
}

/** Or accepts that the writes are lost; what may be missing is known before the array goes on without it. */
async function giveUp(
  world: World,
  party: ArrayParty,
  management: Management,
  rotten: readonly RottenJournal[],
): Promise<void> {
  for (const { group, record, places } of rotten) {
    const side = group.at(party);
    const pair = side.group?.pairs[0];
    if (!pair) continue;
    group.model.gaveUp(side, places);
    const given = await management.giveUp(pair.primaryLun);
    if (!given?.unreadable)
      throw new SimFailure('rot-named', `${side.name} names no write that is lost with record ${record}`);
    world.note(`${side.name} gives up ${given.writes} writes from record ${record} on`);
  }
}

/** It has said which of its files cannot be used: somebody puts a sound copy in its place. */
function startAnew(world: World, party: ArrayParty, life: Life, error: unknown): void {
  if (!life.alive) return;
  world.note(`${party.name} refuses what has rotted: ${String(error)}`);
  world.stop(party, true);
  world.scheduler.after(REPAIR_MS, () => {
    if (!party.life) world.start(party);
  });
}

/** Its storage has failed it: it is taken down, its disk is looked after, and it starts again. */
function mend(world: World, party: ArrayParty, life: Life, error: unknown): void {
  if (!life.alive) return;
  world.note(`${party.name} stops by itself: ${String(error)}`);
  if (!party.disk.hurt) {
    world.fail(new SimFailure('no-crash', `${party.name} stops by itself: ${describeError(error)}`));
    return;
  }
  world.stop(party, true);
  world.scheduler.after(REPAIR_MS, () => {
    if (!party.life) world.start(party);
  });
}

async function quietly<T>(disk: SimDisk, look: () => Promise<T>): Promise<T> {
  disk.quiet = true;
  try {
    return await look();
  } finally {
    disk.quiet = false;
  }
}

/** Every sector of every volume of the group, past all that keeps hosts apart: reservations, commands that have blocks for themselves. */
function readVolumes(units: LogicalUnits, side: Side, sectors: number): Promise<Image> {
  return Promise.all(
    side.image.map(async (_, index) => {
      const unit = units.unit(side.firstLun + index);
      if (!unit || unit.access() === 'none') throw new NotYet();
      return stampsOf(await unit.read(0, unit.blockCount), sectors);
    }),
  );
}

function describe(world: World, array: ArrayParty): ArrayDescription {
  const [one, other] = world.arrays;
  const peer = one === array ? other : one;
  return describeArray({
    array,
    peer,
    far: world.access.target(peer),
    plans: world.groups,
    options: world.options,
  });
}
