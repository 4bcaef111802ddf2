import type { Finding } from '../../src/array/check/finding.ts';
import { differenceFileName } from '../../src/array/group/difference-maps.ts';
import {
  JOURNAL_BLOCK_SIZE,
  journalGeometry,
  lbaOf,
  metadataLba,
  type JournalGeometry,
} from '../../src/array/journal/geometry.ts';
import { decodeRecord, type JournalRecord } from '../../src/array/journal/record.ts';
import type { ArrayState, GroupState } from '../../src/array/store/array-state.ts';
import { readStateLog } from '../../src/array/store/state-log.ts';
import { readGuardedFile } from '../../src/array/store/guarded-file.ts';
import type { SimDisk } from './disk.ts';
import { DECAYS, type Decay, type Wound } from './wounds.ts';
import type { Draws } from './randomness.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';

const SECTOR = 512;
const STATE = 'state';
const COPIES = 3;
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

const journalOf = ({ group, array }: Pick<Target, 'group' | 'array'>): string =>
  `lun-${group.definition.journals[array.name]!}.journal`;
const geometryOf = ({ ringRecords }: SimGroup): JournalGeometry => journalGeometry(8 + 9 * ringRecords);

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
  const name = journalOf(target);
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
  const journal = journalOf(target);
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
  rotSector(world, array, draws, { ...place, name: journalOf(target), flips });
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

function rotSector(world: World, array: ArrayParty, draws: Draws, place: Place): void {
  const { name, sector, what, other, untilDeath, flips } = place;
  const { disk } = array;
  const decay = draws.pick(DECAYS);
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

/** One of the three sectors of a piece, and not the newest: what stands in the one before it was right once, too. */
function rotGuarded(world: World, array: ArrayParty, draws: Draws): void {
  const { disk } = array;
  const names = disk.files().filter((name) => name.endsWith('.map') || name.startsWith('differences-'));
  if (names.length === 0) return;
  const name = draws.pick(names);
  const file = disk.storage({ alive: true }).open(name);
  const pieces = Math.ceil(file.size() / (COPIES * SECTOR));
  if (pieces === 0) return;
  const piece = draws.random.below(pieces);
  const { versions } = readGuardedFile(file, pieces * 504).pieces[piece]!;
  const newest = versions.indexOf(Math.max(...versions));
  const copy = draws.pick([0, 1, 2].filter((candidate) => candidate !== newest));
  const sector = piece * COPIES + copy;
  const place = { name, sector, other: sector, untilDeath: false, flips: ANYWHERE };
  rotSector(world, array, draws, { ...place, what: 'a table in place' });
}

/** Where a write may be missing since its record has rotted and somebody has accepted that. */
export interface LostPlace {
  readonly volume: number;
  readonly first: number;
  readonly count: number;
}

/** A journal that its array leads and that has rotted where a later record proves that it was durable. */
export interface RottenJournal {
  readonly group: SimGroup;
  readonly file: string;
  /** The first of the records that are proven and cannot be read. */
  readonly record: number;
  readonly places: readonly LostPlace[];
  /** Of these records. */
  readonly wounds: ReadonlySet<Wound>;
}

interface Found {
  readonly record: JournalRecord;
  /** What has rotted of its metadata, and of its data. */
  readonly metadata: readonly Wound[];
  readonly data: readonly Wound[];
}

/** What the next start finds; undefined where the log is damaged, or the disk does not give it. Strikes are not for this look. */
function tablesOf(disk: SimDisk): ArrayState | undefined {
  if (disk.wounds(STATE).some(({ decay }) => decay === 'unreadable')) return undefined;
  disk.quiet = true;
  const { records, fault } = readStateLog(disk.storage({ alive: true }));
  disk.quiet = false;
  if (fault) return undefined;
  return records.map(({ entry }) => entry as { readonly state?: ArrayState }).findLast(({ state }) => state)?.state;
}

/** What no array may serve: it is known from what had been written, and from the tables that the next start finds. */
export function rottenJournals(world: World, array: ArrayParty): RottenJournal[] {
  const state = tablesOf(array.disk);
  return world.groups.flatMap((group) => {
    const own = state?.groups.find(({ name }) => name === group.definition.name);
    const leads = own?.role === 'primary' && own.suspendReason === 'none';
    if (!leads || own.journalLost || own.givenUpTo !== undefined) return [];
    return rottenJournal({ world, group, array }, own) ?? [];
  });
}

function rottenJournal(target: Omit<Target, 'draws'>, state: GroupState): RottenJournal | undefined {
  const { group, array } = target;
  const file = journalOf(target);
  const found = soundRecords(target, state);
  const isProven = ({ record: { sequence } }: Found): boolean =>
    found.some(
      ({ record, metadata }) => metadata.length === 0 && record.sequence > sequence && record.durable >= sequence,
    );
  const lost = found.filter(
    (candidate) => candidate.metadata.length + candidate.data.length > 0 && isProven(candidate),
  );
  if (lost.length === 0) return undefined;
  const { firstLun } = group.at(array);
  const places = lost.map(({ record }) => ({ volume: record.lun - firstLun, first: record.lba, count: record.length }));
  const wounds = new Set(lost.flatMap(({ metadata, data }) => [...metadata, ...data]));
  return { group, file, record: lost[0]!.record.sequence, places, wounds };
}

/** Every record behind the last one freed, as it was written. */
function soundRecords(target: Omit<Target, 'draws'>, { purged, lineage }: GroupState): Found[] {
  const { array, group } = target;
  const file = journalOf(target);
  const geometry = geometryOf(group);
  const wounds = array.disk.wounds(file);
  const at = (lba: number): Wound[] => wounds.filter((wound) => wound.at === lba * SECTOR);
  const found: Found[] = [];
  for (let sequence = purged.sequence + 1; sequence <= purged.sequence + geometry.recordLimit; sequence += 1) {
    const lba = metadataLba(geometry, sequence);
    const metadata = at(lba);
    const decoded = decodeRecord(metadata[0]?.sound ?? array.disk.peek(file, lba * SECTOR, SECTOR));
    if (!decoded.ok || decoded.value.sequence !== sequence) continue;
    const record = decoded.value;
    if (record.generation !== lineage.at(-1)?.generation) continue;
    const blocks = Array.from({ length: record.blockCount }, (_, index) => lbaOf(geometry, record.offset + index));
    found.push({ record, metadata, data: blocks.flatMap(at) });
  }
  return found;
}

/** The array has ended: what no later record proves is sound again. */
export function cureUnproven(world: World, array: ArrayParty): void {
  const kept = new Set(rottenJournals(world, array).flatMap(({ wounds }) => [...wounds]));
  for (const name of array.disk.files()) array.disk.cure(name, (wound) => wound.untilDeath && !kept.has(wound));
}

/** `array check` calls it damage, by the number of the record. */
export function needJournalsNamed(
  array: ArrayParty,
  rotten: readonly RottenJournal[],
  findings: readonly Finding[],
): void {
  if (array.disk.wounds(STATE).length > 0) return;
  for (const { file, record } of rotten) {
    const isNamed = (finding: Finding): boolean =>
      finding.file === file &&
      finding.severity === 'damage' &&
      finding.what.startsWith(`record ${record} cannot be read`);
    if (findings.some(isNamed)) continue;
    throw new SimFailure(
      'rot-named',
      `record ${record} of ${file} of ${array.name} has rotted, and array check does not say so`,
    );
  }
}

/** No array may serve the group of a journal that has lost what it promised. */
export async function needHeld(array: ArrayParty, rotten: readonly RottenJournal[]): Promise<void> {
  for (const { group, record } of rotten) {
    const serves = await group
      .at(array)
      .look()
      .then(
        () => true,
        () => false,
      );
    if (!serves) continue;
    throw new SimFailure(
      'rot-named',
      `${array.name} serves a group, though record ${record} of its journal has rotted`,
    );
  }
}

/** The state log is whole or refused; an unreadable sector of a map may be the newest, and is refused too where a volume or a pair needs it. */
function mustRefuse(world: World, array: ArrayParty): readonly string[] {
  const { disk } = array;
  const wanted = world.groups.flatMap(({ definition, at }) =>
    (at(array).group?.pairs ?? []).map((pair) => differenceFileName(definition.name, pair.slot)),
  );
  const isNeeded = (name: string): boolean => name === STATE || name.endsWith('.map') || wanted.includes(name);
  const lost = (name: string): boolean =>
    disk.wounds(name).some(({ decay }) => name === STATE || decay === 'unreadable');
  return disk.files().filter((name) => isNeeded(name) && lost(name));
}

const isTable = (name: string): boolean => name === STATE || name.endsWith('.map') || name.startsWith('differences-');

/** `array check` says of each file of tables that has rotted that it has. */
export function needNamed(array: ArrayParty, findings: readonly Finding[]): void {
  const rotten = array.disk.files().filter((name) => isTable(name) && array.disk.wounds(name).length > 0);
  // Without them nobody knows what there should be.
  for (const name of rotten.includes(STATE) ? [STATE] : rotten) {
    if (findings.some(({ file }) => file === name)) continue;
    throw new SimFailure('rot-named', `${name} of ${array.name} has rotted, and array check does not see it`);
  }
}

/** The array serves: nothing that it had to refuse was in its storage. */
export function needRefused(world: World, array: ArrayParty): void {
  const [name] = mustRefuse(world, array);
  if (name) throw new SimFailure('rot-named', `${array.name} serves, though its ${name} has rotted`);
}

/** Whether an array that does not start says which rotten file is in its way, of several perhaps; that one is then made good. */
export function curesAtRest(world: World, array: ArrayParty, error: unknown): boolean {
  const text = String(error);
  const isNamed = (name: string): boolean =>
    name === STATE ? /state log|read state$/.test(text) : text.includes(name);
  const named = mustRefuse(world, array).find(isNamed);
  if (named) array.disk.cure(named);
  return named !== undefined;
}
