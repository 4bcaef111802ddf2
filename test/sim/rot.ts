import { JOURNAL_BLOCK_SIZE, lbaOf, metadataLba } from '../../src/array/journal/geometry.ts';
import { decodeRecord } from '../../src/array/journal/record.ts';
import { COPIES, newestVersion, PIECE, readGuardedFile, SECTOR } from '../../src/array/store/guarded-sectors.ts';
import { readStateLog } from '../../src/array/store/state-log.ts';
import type { SimDisk } from './disk.ts';
import { geometryOf, journalFileOf } from './layout.ts';
import type { Draws } from './randomness.ts';
import { isInPlace, STATE } from './rotten-tables.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';
import { DECAYS, type Decay } from './wounds.ts';

/** Where bits flip, from and to: in the tables; in data, where the checkers look; in the metadata of a record, and in what it says of the volume. */
const ANYWHERE = [[0, SECTOR]] as const;
const IN_STAMPS = [[0, 8]] as const;
const IN_METADATA = [
  [0, 96],
  [40, 56],
] as const;

interface Target {
  readonly world: World;
  readonly group: SimGroup;
  readonly array: ArrayParty;
  readonly draws: Draws;
}

/** What is to rot before an array starts the next time. */
const orders = new WeakMap<ArrayParty, Draws>();

/** In their journals the next record to come is to rot. */
const ordered = new WeakSet<ArrayParty>();

/** A sector of what has checksums: of a journal while its array runs, of the tables while it does not. */
export function rotSomewhere(world: World, draws: Draws): void {
  const array = draws.pick(world.arrays);
  const what = draws.random.below(8);
  const group = draws.pick(world.groups);
  if (what < 3) return rotJournal({ world, group, array, draws });
  if (what < 6) return rotNextRecord({ world, group, array, draws });
  orders.set(array, draws);
  if (array.life) world.stop(array, draws.chance(0.5));
  world.scheduler.after(draws.latency(draws.pick([5, 200])), () => {
    if (!array.life) world.start(array);
  });
}

/**
 * A record that somebody will need: an auxiliary's that is acquired and not restored, or a primary's that is not freed. That one
 * rots while its array serves, and is sound again when that ends unless a later record proves it: see the fault model.
 */
function rotJournal(target: Target): void {
  const { array, draws } = target;
  const name = journalFileOf(target.group, target.array.name);
  const { group, ready } = target.group.at(array);
  if (!group) return;
  const isPrimary = group.role === 'primary';
  if (isPrimary && !ready) return;
  const geometry = geometryOf(target.group);
  const first = (isPrimary ? group.purged : group.restored).sequence + 1;
  const last = isPrimary ? first + geometry.recordLimit - 1 : group.read.sequence;
  const wanted: Array<{ readonly lba: number; readonly what: string }> = [];
  for (let sequence = first; sequence <= last; sequence += 1) {
    const lba = metadataLba(geometry, sequence);
    const found = decodeRecord(array.disk.peek(name, lba * JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE));
    if (!found.ok || found.value.sequence !== sequence) continue;
    wanted.push({ lba, what: `metadata of record ${sequence}` });
    const { offset, blockCount } = found.value;
    if (blockCount === 0) continue;
    wanted.push({ lba: lbaOf(geometry, offset + draws.random.below(blockCount)), what: `data of record ${sequence}` });
  }
  if (wanted.length === 0) return;
  const { lba, what } = draws.pick(wanted);
  const other = draws.pick(wanted).lba;
  rotRecord(target, { sector: lba, what, other, untilDeath: isPrimary });
}

/** Of what is stored next in the journal a sector is not there once it is durable: what stood there before, or nothing of use. */
function rotNextRecord(target: Target): void {
  const { group, array, draws } = target;
  const { disk } = array;
  const { watcher } = disk;
  const journal = journalFileOf(target.group, target.array.name);
  if (!watcher || ordered.has(array)) return;
  ordered.add(array);
  const written = new Set<number>();
  disk.watcher = {
    ...watcher,
    written(name, offset, data) {
      watcher.written(name, offset, data);
      if (name !== journal) return;
      for (let at = offset; at < offset + data.length; at += SECTOR) written.add(at / SECTOR);
    },
    flushed(name) {
      watcher.flushed(name);
      if (name !== journal || written.size === 0) return;
      disk.watcher = watcher;
      ordered.delete(array);
      const side = group.at(array);
      if (!side.group || !side.ready) return;
      const [sector, other] = [draws.pick([...written]), draws.pick([...written])];
      rotRecord(target, { sector, what: 'stored last', other, untilDeath: side.group.role === 'primary' });
    },
  };
}

function rotRecord(target: Target, place: Omit<Place, 'name' | 'flips'>): void {
  const { world, group, array, draws } = target;
  const flips = place.sector < geometryOf(group).headLba ? IN_METADATA : IN_STAMPS;
  rotSector(world, array, draws, { ...place, name: journalFileOf(target.group, target.array.name), flips });
}

interface Place {
  readonly name: string;
  readonly sector: number;
  readonly what: string;
  /** Whose bytes a misdirected write leaves here. */
  readonly other: number;
  readonly untilDeath: boolean;
  readonly flips: typeof ANYWHERE | typeof IN_STAMPS | typeof IN_METADATA;
}

function rotSector(world: World, array: ArrayParty, draws: Draws, place: Place, decay = draws.pick(DECAYS)): void {
  const { name, sector, what, other, untilDeath, flips } = place;
  const { disk } = array;
  const bytes = decayed(decay, disk.peek(name, sector * SECTOR, SECTOR));
  if (disk.rot(name, sector, { decay, bytes, untilDeath })) {
    world.note(`${array.name}: sector ${sector} of ${name} is ${decay}: ${what}`);
  }

  function decayed(how: Decay, sound: Uint8Array): Uint8Array {
    if (how === 'misdirected') return disk.peek(name, other * SECTOR, SECTOR);
    if (how === 'unreadable') return draws.random.bytes(SECTOR);
    const [from, to] = draws.pick<readonly [number, number]>(flips);
    const flipped = sound.slice();
    flipped[from + draws.random.below(to - from)]! ^= 1 << draws.random.below(8);
    return flipped;
  }
}

/** Called before the storage is looked at: what was ordered while the array ran, or was down, has happened. */
export function rotAtRest(world: World, array: ArrayParty): void {
  cureShaken(array);
  const draws = orders.get(array);
  orders.delete(array);
  if (!draws) return;
  if (draws.chance(0.4)) rotStateLog(world, array, draws);
  else rotGuarded(world, array, draws);
}

/** Never in the last record: what is left of that cannot be told from one that was never confirmed. */
function rotStateLog(world: World, array: ArrayParty, draws: Draws): void {
  const { disk } = array;
  const last = readStateLog(disk.storage({ alive: true })).records.at(-1)?.at ?? 0;
  const sectors = Math.floor(last / SECTOR);
  if (sectors === 0) return;
  const [sector, other] = [draws.random.below(sectors), draws.random.below(sectors)];
  rotSector(world, array, draws, { name: STATE, sector, what: 'tables', other, untilDeath: false, flips: ANYWHERE });
}

/**
 * One of the three sectors of a piece, whichever, where a version was durable and no power cut came into its being written; all three
 * at times, which must be noticed.
 */
function rotGuarded(world: World, array: ArrayParty, draws: Draws): void {
  const { disk } = array;
  const names = disk.files().filter(isInPlace);
  if (names.length === 0) return;
  const name = draws.pick(names);
  const pieces = Math.ceil(disk.storage({ alive: true }).open(name).size() / (COPIES * SECTOR));
  if (pieces === 0) return;
  const piece = draws.random.below(pieces);
  const sectors = [0, 1, 2].map((copy) => piece * COPIES + copy);
  const isHit = (sector: number): boolean =>
    disk.shaken.of(name).has(sector) || disk.wounds(name).some(({ at }) => at === sector * SECTOR);
  if (sectors.some(isHit) || !holdsSomething(disk, name, piece)) return;
  const rotting = draws.chance(0.2) ? sectors : [draws.pick(sectors)];
  const decay = draws.pick(['flipped', 'unreadable'] as const);
  for (const sector of rotting) {
    const place = { name, sector, other: sector, untilDeath: false, flips: ANYWHERE };
    rotSector(world, array, draws, { ...place, what: 'a table in place' }, decay);
  }
  // All of them or one: of two nobody could tell.
  const rotten = sectors.filter(isHit);
  if (rotten.length === 2) disk.cure(name, ({ at }) => at === rotten[0]! * SECTOR);
}

function holdsSomething(disk: SimDisk, name: string, piece: number): boolean {
  disk.quiet = true;
  const { pieces } = readGuardedFile(disk.storage({ alive: true }).open(name), (piece + 1) * PIECE);
  disk.quiet = false;
  return newestVersion(pieces[piece]!.versions) > 0;
}

/** A power cut has come into the making good of a piece: another fault in it would be one too many. */
function cureShaken({ disk }: ArrayParty): void {
  for (const name of disk.files().filter(isInPlace)) {
    const pieces = new Set([...disk.shaken.of(name)].map((sector) => Math.floor(sector / COPIES)));
    disk.cure(name, ({ at }) => pieces.has(Math.floor(at / (COPIES * SECTOR))));
  }
}
