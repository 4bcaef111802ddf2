import { createArray } from '../../src/array/array.ts';
import type { Management } from '../../src/array/management.ts';
import { checkStorage } from '../../src/array/check/check-array.ts';
import type { Storage } from '../../src/base/storage.ts';
import type { ArrayDescription } from '../../src/array/description.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import type { DeviceServer, ScsiTask } from '../../src/scsi/task.ts';
import { createScsiLun } from '../support/scsi-lun.ts';
import { createDisk, type SimDisk } from './disk.ts';
import { stampsOf, type Image } from './history.ts';
import { createModel, type Model } from './model.ts';
import { createByteAccess, createCommandAccess, type Access } from './access.ts';
import { describeArray, planGroups, type GroupPlan } from './layout.ts';
import { createNetwork, type Network, type Station, type Tap } from './network.ts';
import {
  cureUnproven,
  curesAtRest,
  needHeld,
  needJournalsNamed,
  needNamed,
  needRefused,
  rotAtRest,
  rottenJournals,
  type RottenJournal,
} from './rot.ts';
import type { SimOptions } from './options.ts';
import { createDraws, type Draws } from './randomness.ts';
import { createPartyClock, createScheduler, end, type Life, type Scheduler } from './scheduler.ts';
import { createSide, volumeAt, watchDisk, type Side } from './side.ts';
import { createStatePeek, type StatePeek } from './state-peek.ts';
import { watchSlots } from './slot-watch.ts';
import { SimFailure } from './verdict.ts';

export interface ArrayParty {
  readonly name: string;
  readonly serial: string;
  readonly disk: SimDisk;
  readonly peek: StatePeek;
  /** One for each group, in their order. */
  readonly sides: readonly Side[];
  /** Undefined while it is down. */
  life: Life | undefined;
  setLink(state: 'up' | 'down'): void;
}

/** A group and the model of what its volumes may hold. Groups know nothing of one another. */
export interface SimGroup extends GroupPlan {
  readonly model: Model;
  readonly at: (array: { readonly serial: string }) => Side;
  /** A name for a party that serves this group alone. */
  party(name: string): string;
}

/** Everything of one seed: time, lines, disks, arrays, the model, and the story of what happened. */
export interface World {
  readonly seed: number;
  readonly options: SimOptions;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly access: Access;
  readonly arrays: readonly [ArrayParty, ArrayParty];
  readonly groups: readonly SimGroup[];
  /** Sees the commands of applications. */
  readonly tap: Tap;
  /** False once the faults are over and everything has to heal. */
  chaos: boolean;
  failure: unknown;
  /** How many loops of applications have not ended yet. */
  lanes: number;
  draws(party: string): Draws;
  /** One line of the story; part of the digest. */
  note(text: string): void;
  fail(error: unknown): void;
  start(array: ArrayParty): void;
  stop(array: ArrayParty, powerCut: boolean): void;
  /** The group that a LUN of an array is a volume of. */
  groupWith(serial: string, lun: Uint8Array): SimGroup | undefined;
  /** Copies what the array has durably; called while it is down, the copy takes the place of what it has then. */
  copy(array: ArrayParty): (() => void) | undefined;
  story(): readonly string[];
  digest(): number;
}

const REPAIR_MS = 300;
const STORY_LINES = 400;

export function createWorld(seed: number, options: SimOptions, wrap: Wrappers = {}): World {
  const scheduler = createScheduler();
  const draws = (party: string): Draws => createDraws(seed, party);
  const network = createNetwork({
    scheduler,
    draws: draws('network'),
    latencyMs: options.latencyMs,
    places: { TK000001: 'tokyo', OS000001: 'osaka' },
  });
  const plans = planGroups(seed, options);
  const arrays = [
    createParty({ name: 'tokyo', serial: 'TK000001', scheduler, draws: draws('disk-tokyo'), plans, options }),
    createParty({ name: 'osaka', serial: 'OS000001', scheduler, draws: draws('disk-osaka'), plans, options }),
  ] as const;
  const groups = createGroups(plans, arrays, scheduler);
  const story: string[] = [];
  let digest = 0x811c9dc5;

  const world: World = {
    seed,
    options,
    scheduler,
    network,
    access: options.bytes ? createByteAccess(() => world) : createCommandAccess(network),
    arrays,
    groups,
    tap: createTap(() => world),
    chaos: true,
    failure: undefined,
    lanes: 0,
    draws,
    note(text) {
      const line = `${scheduler.nowMs().toFixed(3).padStart(11)} ${text}`;
      for (let at = 0; at < line.length; at += 1) digest = Math.imul(digest ^ line.charCodeAt(at), 0x01000193);
      story.push(line);
      if (story.length > STORY_LINES * 2) story.splice(0, STORY_LINES);
    },
    fail(error) {
      world.failure ??= error;
    },
    start(array) {
      void startArray(world, array, wrap);
    },
    stop(array, powerCut) {
      const cut = powerCut || array.disk.doubtful;
      if (array.life) end(array.life, powerCut);
      array.life = undefined;
      network.stations.delete(array.serial);
      if (cut) array.peek.powerCut();
      for (const { model, at } of groups) model.died(at(array), cut);
      if (cut) array.disk.powerCut();
      cureUnproven(world, array);
      world.note(`${array.name} ${powerCut ? 'loses power' : 'is killed'}`);
    },
    groupWith(serial, field) {
      const lun = decodeLunField(field);
      return lun.ok ? groups.find(({ at }) => volumeAt(at({ serial }), lun.value) >= 0) : undefined;
    },
    copy(array) {
      const copied = array.disk.copy();
      const recalls = [array.peek.remember(), ...groups.map(({ model, at }) => model.remember(at(array)))];
      return (
        copied &&
        (() => {
          array.disk.putBack(copied);
          for (const recall of recalls) recall();
          world.note(`${array.name} has an older copy of its storage`);
        })
      );
    },
    story: () => story,
    digest: () => digest >>> 0,
  };
  return world;
}

/** What a test may put between the array and the world, to plant a mistake that the checkers must find. */
export interface Wrappers {
  storage?(storage: Storage, array: string): Storage;
}

function createParty(parts: {
  name: string;
  serial: string;
  scheduler: Scheduler;
  draws: Draws;
  plans: readonly GroupPlan[];
  options: SimOptions;
}): ArrayParty {
  const { name, serial, scheduler, draws, plans, options } = parts;
  const { flushMs, stallRate, garbage, volumes, sectors } = options;
  const disk = createDisk(scheduler, draws, { flushMs, stallRate, garbage });
  const peek = createStatePeek(name);
  const sides = plans.map(({ definition, firstLun }) =>
    createSide({
      name: plans.length === 1 ? name : `${name} (${definition.name})`,
      groupName: definition.name,
      firstLun: firstLun[name]!,
      journalLun: definition.journals[name]!,
      serial,
      disk,
      peek,
      volumes,
      sectors,
    }),
  );
  watchDisk(disk, peek, sides);
  return { name, serial, disk, peek, sides, life: undefined, setLink: () => undefined };
}

function createGroups(plans: readonly GroupPlan[], arrays: World['arrays'], scheduler: Scheduler): SimGroup[] {
  const ids = { last: 0 };
  return plans.map((plan, index) => {
    const sides = [arrays[0].sides[index]!, arrays[1].sides[index]!] as const;
    const tick = (): number => scheduler.tick();
    return {
      ...plan,
      model: createModel(sides, tick, () => (ids.last += 1)),
      at: ({ serial }) => (sides[0].serial === serial ? sides[0] : sides[1]),
      party: (name) => (index === 0 ? name : `${name}-${plan.definition.name}`),
    };
  });
}

export function isReady({ sides }: ArrayParty): boolean {
  return sides.every((side) => side.ready);
}

async function startArray(world: World, party: ArrayParty, wrap: Wrappers): Promise<void> {
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
      side.look = () => quietly(party.disk, () => readVolumes(array.deviceServer, side, options.sectors));
      await model.check();
    }
    await needHeld(party, rotten);
    if (rotten.length > 0 && draws.chance(0.5)) return cureJournals(world, party, life, rotten);
    await giveUp(world, party, array.management, rotten);
    for (const { model, at } of world.groups) {
      const side = at(party);
      await model.check();
      await model.recovered(side);
    }
    const server = watchSlots(array.deviceServer, {
      array: party.name,
      nowMs: () => world.scheduler.nowMs(),
      fail: (error) => world.fail(error),
    });
    await world.access.serve(party, { serial: party.serial, life, server });
    needRefused(world, party);
    world.note(`${party.name} serves`);
  } catch (error) {
    if (error instanceof SimFailure) world.fail(error);
    else if (curesAtRest(world, party, error)) startAnew(world, party, life, error);
    else if (party.disk.hurt) mend(world, party, life, error);
    else world.fail(new SimFailure('no-crash', `${party.name} does not start: ${describeError(error)}`));
  }
}

/** What crashes leave behind is never damage: `array check` must not cry wolf, but name what has rotted. */
function checkAtRest(world: World, party: ArrayParty, storage: Storage, rotten: readonly RottenJournal[]): void {
  const { disk } = party;
  disk.quiet = true;
  const { findings } = checkStorage(describe(world, party), storage);
  disk.quiet = false;
  needNamed(party, findings);
  needJournalsNamed(party, rotten, findings);
  const damage = findings.find(({ severity, file }) => severity === 'damage' && disk.wounds(file).length === 0);
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

/** Every sector of every volume of the group, without the network. */
function readVolumes(server: DeviceServer, side: Side, sectors: number): Promise<Image> {
  return Promise.all(
    side.image.map(async (_, index) => {
      const lun = createScsiLun('checker', () => server, side.firstLun + index, 'checker');
      const { blockCount } = await lun.capacity();
      return stampsOf(await lun.read(0, blockCount), sectors);
    }),
  );
}

export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
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

/** Shows each command to the model of the group that it is for. What that finds must not be swallowed by the code that it watches. */
function createTap(worldOf: () => World): Tap {
  const guarded = (station: Station, task: ScsiTask, show: (tap: Tap) => void): void => {
    const world = worldOf();
    const group = world.groupWith(station.serial, task.lun);
    if (!group) return;
    try {
      show(group.model.tap);
    } catch (error) {
      world.fail(error);
    }
  };
  return {
    arrived: (station, task) => guarded(station, task, (tap) => tap.arrived(station, task)),
    answered: (station, task, reply) => guarded(station, task, (tap) => tap.answered(station, task, reply)),
  };
}
