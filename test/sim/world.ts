import { createArray } from '../../src/array/array.ts';
import { checkStorage } from '../../src/array/check/check-array.ts';
import type { ArrayDescription } from '../../src/array/description.ts';
import type { Storage } from '../../src/base/storage.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import type { DeviceServer } from '../../src/scsi/task.ts';
import { createScsiLun } from '../support/scsi-lun.ts';
import { createDisk, type SimDisk } from './disk.ts';
import { stampsOf, type Image } from './history.ts';
import { createModel, type Model } from './model.ts';
import { createByteAccess, createCommandAccess, targetNameOf, type Access } from './access.ts';
import { createNetwork, type Network, type Tap } from './network.ts';
import type { SimOptions } from './options.ts';
import { createDraws, type Draws } from './randomness.ts';
import { createPartyClock, createScheduler, end, type Life, type Scheduler } from './scheduler.ts';
import { createSide, FIRST_VOLUME_LUN, GROUP, JOURNAL_LUN, type Side } from './side.ts';
import { SimFailure } from './verdict.ts';

export interface ArrayParty {
  readonly name: string;
  readonly serial: string;
  readonly side: Side;
  readonly disk: SimDisk;
  /** Undefined while it is down. */
  life: Life | undefined;
  setLink(state: 'up' | 'down'): void;
}

/** Everything of one seed: time, lines, disks, arrays, the model, and the story of what happened. */
export interface World {
  readonly seed: number;
  readonly options: SimOptions;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly access: Access;
  readonly model: Model;
  readonly arrays: readonly [ArrayParty, ArrayParty];
  readonly group: GroupDefinition;
  /** False once the faults are over and everything has to heal. */
  chaos: boolean;
  failure: unknown;
  draws(party: string): Draws;
  /** One line of the story; part of the digest. */
  note(text: string): void;
  fail(error: unknown): void;
  start(array: ArrayParty): void;
  stop(array: ArrayParty, powerCut: boolean): void;
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
  const arrays = [
    createParty('tokyo', 'TK000001', scheduler, draws('disk-tokyo'), options),
    createParty('osaka', 'OS000001', scheduler, draws('disk-osaka'), options),
  ] as const;
  const sides = [arrays[0].side, arrays[1].side] as const;
  const model = createModel(sides, () => scheduler.tick());
  const story: string[] = [];
  let digest = 0x811c9dc5;

  const world: World = {
    seed,
    options,
    scheduler,
    network,
    access: options.bytes ? createByteAccess(() => world) : createCommandAccess(network),
    model: { ...model, tap: guardedTap(model.tap, (error) => world.fail(error)) },
    arrays,
    group: groupDefinition(options),
    chaos: true,
    failure: undefined,
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
      model.died(array.side, cut);
      if (cut) array.disk.powerCut();
      world.note(`${array.name} ${powerCut ? 'loses power' : 'is killed'}`);
    },
    copy(array) {
      const copied = array.disk.copy();
      const recall = model.remember(array.side);
      return (
        copied &&
        (() => {
          array.disk.putBack(copied);
          recall();
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

function createParty(
  name: string,
  serial: string,
  scheduler: Scheduler,
  draws: Draws,
  options: SimOptions,
): ArrayParty {
  const { flushMs, stallRate, garbage, volumes, sectors } = options;
  const disk = createDisk(scheduler, draws, { flushMs, stallRate, garbage });
  const side = createSide({ name, serial, disk, volumes, sectors });
  return { name, serial, side, disk, life: undefined, setLink: () => undefined };
}

async function startArray(world: World, party: ArrayParty, wrap: Wrappers): Promise<void> {
  const { options } = world;
  const life: Life = { alive: true };
  party.life = life;
  world.note(`${party.name} starts`);
  try {
    const storage = party.disk.storage(life);
    checkAtRest(world, party, storage);
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
    party.side.look = () => quietly(party.disk, () => readVolumes(array.deviceServer, options));
    await world.model.check();
    await world.model.recovered(party.side);
    await world.access.serve(party, { serial: party.serial, life, server: array.deviceServer });
    world.note(`${party.name} serves`);
  } catch (error) {
    if (error instanceof SimFailure) world.fail(error);
    else if (party.disk.hurt) mend(world, party, life, error);
    else world.fail(new SimFailure('no-crash', `${party.name} does not start: ${describeError(error)}`));
  }
}

/** What crashes leave behind is never damage: `array check` must not cry wolf. */
function checkAtRest(world: World, party: ArrayParty, storage: Storage): void {
  const damage = checkStorage(describe(world, party), storage).findings.find(({ severity }) => severity === 'damage');
  if (damage) throw new SimFailure('check-clean', `${party.name}, ${damage.file}: ${damage.what}; ${damage.meaning}`);
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

/** Every sector of every volume, without the network. */
function readVolumes(server: DeviceServer, options: SimOptions): Promise<Image> {
  return Promise.all(
    Array.from({ length: options.volumes }, async (_, index) => {
      const lun = createScsiLun('checker', () => server, FIRST_VOLUME_LUN + index, 'checker');
      const { blockCount } = await lun.capacity();
      return stampsOf(await lun.read(0, blockCount), options.sectors);
    }),
  );
}

export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function describe(world: World, party: ArrayParty): ArrayDescription {
  const { options } = world;
  const peer = world.arrays[0] === party ? world.arrays[1] : world.arrays[0];
  const volumes = Array.from({ length: options.volumes }, (_, index) => {
    const blockSize = index === 1 ? (4096 as const) : (512 as const);
    const blockCount = (options.sectors * 512) / blockSize;
    return { lun: FIRST_VOLUME_LUN + index, name: `volume${index}`, kind: 'volume' as const, blockSize, blockCount };
  });
  const journalBlocks = 8 + 9 * options.ringRecords;
  return {
    format: 1,
    serial: party.serial,
    name: party.name,
    targetName: targetNameOf(party.name),
    listen: { host: '127.0.0.1', port: 0 },
    volumes: [
      { lun: 0, name: 'command', kind: 'command-device', blockSize: 512, blockCount: 4096 },
      ...volumes,
      { lun: JOURNAL_LUN, name: 'journal', kind: 'journal', blockSize: 512, blockCount: journalBlocks },
    ],
    remotes: [{ serial: peer.serial, name: peer.name, portals: [world.access.target(peer)] }],
    lunMap: [{ lun: 1, name: `${peer.name}-command`, targetSerial: peer.serial, targetLun: 0 }],
    commandDevices: [
      { deviceSerial: party.serial, deviceName: party.name, lun: 0 },
      { deviceSerial: peer.serial, deviceName: peer.name, lun: 1 },
    ],
  };
}

function groupDefinition(options: SimOptions): GroupDefinition {
  return {
    name: GROUP,
    arrays: ['tokyo', 'osaka'],
    journals: { tokyo: JOURNAL_LUN, osaka: JOURNAL_LUN },
    pairs: Array.from({ length: options.volumes }, (_, index) => {
      const lun = FIRST_VOLUME_LUN + index;
      return { name: `pair${index}`, luns: { tokyo: lun, osaka: lun } };
    }),
  };
}

/** What a checker finds must not be swallowed by the code that it watches. */
function guardedTap(tap: Tap, fail: (error: unknown) => void): Tap {
  const guarded = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      fail(error);
    }
  };
  return {
    arrived: (station, task) => guarded(() => tap.arrived(station, task)),
    answered: (station, task, reply) => guarded(() => tap.answered(station, task, reply)),
  };
}
