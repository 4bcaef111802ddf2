import { worldWideNameOf } from '../../src/array/units.ts';
import type { Storage } from '../../src/base/storage.ts';
import { decodeLunField } from '../../src/scsi/lun-field.ts';
import { watchFiles, type Sizes } from './checkers/bounds.ts';
import { createFindings, type Findings } from './checkers/checker.ts';
import { watchDifferences } from './checkers/differences.ts';
import { watchHolds, type HoldWatch } from './checkers/hold.ts';
import { watchMetadata } from './checkers/metadata.ts';
import { watchRing } from './checkers/ring.ts';
import { createDisk, type SimDisk } from './disk.ts';
import { watchedBy } from './disk-watcher.ts';
import type { FindSource } from './effects.ts';
import { createModel, type Model } from './model.ts';
import { startArray, stopArray } from './array-life.ts';
import { createByteAccess, createCommandAccess, type Access } from './access.ts';
import { journalBlocksOf, MAPPED, planGroups, type GroupPlan } from './layout.ts';
import { createNetwork, type Network, type Tap } from './network.ts';
import type { SimOptions } from './options.ts';
import { createDraws, type Draws } from './randomness.ts';
import { createScheduler, type Life, type Scheduler } from './scheduler.ts';
import { createSide, volumeAt, watchSides, type Side } from './side.ts';
import { createStatePeek, type StatePeek } from './state-peek.ts';
import { createTap } from './tap.ts';

export interface ArrayParty {
  readonly name: string;
  readonly serial: string;
  readonly disk: SimDisk;
  readonly peek: StatePeek;
  /** One for each group, in their order. */
  readonly sides: readonly Side[];
  readonly findings: Findings;
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
  readonly holds: HoldWatch;
  /** Blocks that hosts have lately written to command devices. */
  readonly overheard: Uint8Array[];
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
  /** The group that a LUN of an array is a volume of, and the array that has it, which may be the other one. */
  seatOf(serial: string, lun: Uint8Array): { readonly group: SimGroup; readonly serial: string } | undefined;
  /** Copies what the array has durably; called while it is down, the copy takes the place of what it has then. */
  copy(array: ArrayParty): (() => void) | undefined;
  story(): readonly string[];
  digest(): number;
}

const STORY_LINES = 400;

export function createWorld(seed: number, options: SimOptions, wrap: Wrappers = {}): World {
  const scheduler = createScheduler();
  const draws = (party: string): Draws => createDraws(seed, party);
  const network = createNetwork({
    scheduler,
    draws: draws('network'),
    latencyMs: options.latencyMs,
    places: { TK000001: 'tokyo', OS000001: 'osaka' },
    partings: options.mapped || options.upheavalEveryMs > 0,
  });
  const plans = planGroups(seed, options);
  const arrays = [
    createParty({ name: 'tokyo', serial: 'TK000001', scheduler, draws: draws('disk-tokyo'), plans, options }),
    createParty({ name: 'osaka', serial: 'OS000001', scheduler, draws: draws('disk-osaka'), plans, options }),
  ] as const;
  const groups = createGroups(plans, arrays, scheduler, options);
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
    holds: watchHolds(() => scheduler.nowMs()),
    overheard: [],
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
      stopArray(world, array, powerCut);
    },
    seatOf(serial, field) {
      const lun = decodeLunField(field);
      if (!lun.ok) return undefined;
      const [one, other] = arrays;
      const mapped = lun.value >= MAPPED;
      const owner = mapped ? (serial === one.serial ? other : one).serial : serial;
      const group = groups.find(({ at }) => volumeAt(at({ serial: owner }), lun.value % MAPPED) >= 0);
      return group && { group, serial: owner };
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
  const findings = createFindings();
  const rings = sides.map((side, index) => watchRing(disk, side, plans[index]!.ringRecords, findings));
  sides.forEach((side, index) => (side.ring = rings[index]!.ring));
  const watchers = rings.map(({ watcher }) => watcher);
  const files = watchFiles(name, sizesOf(name, plans, options), findings);
  disk.watcher = watchedBy([watchSides(peek, sides), watchMetadata(disk, name, findings), files, ...watchers]);
  return { name, serial, disk, peek, sides, findings, life: undefined, setLink: () => undefined };
}

function createGroups(
  plans: readonly GroupPlan[],
  arrays: World['arrays'],
  scheduler: Scheduler,
  options: SimOptions,
): SimGroup[] {
  const ids = { last: 0 };
  const findSource: FindSource = (name) => {
    for (const { sides } of arrays) {
      for (const side of sides) {
        const volume = side.image.findIndex((_, index) => isNamed(side, index, name));
        if (volume >= 0) return { side, volume };
      }
    }
    return undefined;
  };
  return plans.map((plan, index) => {
    const sides = [arrays[0].sides[index]!, arrays[1].sides[index]!] as const;
    const tick = (): number => scheduler.tick();
    return {
      ...plan,
      model: createModel(sides, {
        tick,
        nowMs: () => scheduler.nowMs(),
        nextId: () => (ids.last += 1),
        differences: watchDifferences({ sides, tick, ...differencesOf(options) }),
        findSource,
      }),
      at: ({ serial }) => (sides[0].serial === serial ? sides[0] : sides[1]),
      party: (name) => (index === 0 ? name : `${name}-${plan.definition.name}`),
    };
  });
}

/** A chunk of a small volume has the smallest size. */
function differencesOf({ tunables, sectors, rotEveryMs }: SimOptions) {
  return { chunkBytes: tunables['SMALLEST_CHUNK_BYTES'] ?? 65_536, sectors, rots: rotEveryMs > 0 };
}

function isNamed({ serial, firstLun }: Side, volume: number, name: Uint8Array): boolean {
  return Buffer.compare(worldWideNameOf(serial, firstLun + volume), name) === 0;
}

function sizesOf(array: string, plans: readonly GroupPlan[], { tunables, sectors }: SimOptions): Sizes {
  return {
    compactBytes: tunables['COMPACT_BYTES'] ?? 4 * 1024 * 1024,
    chunkBytes: tunables['SMALLEST_CHUNK_BYTES'] ?? 65_536,
    slotsAhead: tunables['ALLOCATE_AHEAD'] ?? 32,
    sectors,
    journalBlocks: new Map(plans.map((plan) => [plan.definition.journals[array]!, journalBlocksOf(plan)])),
  };
}

export function isReady({ sides }: ArrayParty): boolean {
  return sides.every((side) => side.ready);
}
