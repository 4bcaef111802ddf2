import type { Finding } from '../../src/array/check/finding.ts';
import { JOURNAL_BLOCK_SIZE, lbaOf, metadataLba } from '../../src/array/journal/geometry.ts';
import { decodeRecord, type JournalRecord } from '../../src/array/journal/record.ts';
import type { ArrayState, GroupState } from '../../src/array/store/array-state.ts';
import { readStateLog } from '../../src/array/store/state-log.ts';
import type { SimDisk } from './disk.ts';
import { geometryOf, journalFileOf } from './layout.ts';
import { STATE } from './rotten-tables.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, SimGroup, World } from './world.ts';
import type { Wound } from './wounds.ts';

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

/** Which group's, and where. */
interface Journal {
  readonly group: SimGroup;
  readonly array: ArrayParty;
}

interface Found {
  readonly record: JournalRecord;
  /** What has rotted of its metadata, and of its data. */
  readonly metadata: readonly Wound[];
  readonly data: readonly Wound[];
}

/** What the next start finds; undefined where the log is damaged, or the disk does not give it. Strikes are not for this look. */
export function tablesOf(disk: SimDisk): ArrayState | undefined {
  if (disk.wounds(STATE).some(({ decay }) => decay === 'unreadable')) return undefined;
  disk.quiet = true;
  const { records, fault } = readStateLog(disk.storage({ alive: true }));
  disk.quiet = false;
  if (fault) return undefined;
  return records.map(({ entry }) => entry as { readonly state?: ArrayState }).findLast(({ state }) => state)?.state;
}

/** What no array may serve: it is known from what had been written, and from the tables that the next start finds. */
export function rottenJournals(world: World, array: ArrayParty): RottenJournal[] {
  const hurt = world.groups.filter((group) => array.disk.wounds(journalFileOf(group, array.name)).length > 0);
  if (hurt.length === 0) return [];
  const state = tablesOf(array.disk);
  return hurt.flatMap((group) => {
    const own = state?.groups.find(({ name }) => name === group.definition.name);
    const leads = own?.role === 'primary' && own.suspendReason === 'none';
    if (!leads || own.journalLost || own.givenUpTo !== undefined) return [];
    return rottenJournal({ group, array }, own) ?? [];
  });
}

function rottenJournal(journal: Journal, state: GroupState): RottenJournal | undefined {
  const { group, array } = journal;
  const file = journalFileOf(group, array.name);
  const found = soundRecords(journal, state);
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
function soundRecords(journal: Journal, { purged, lineage }: GroupState): Found[] {
  const { array, group } = journal;
  const file = journalFileOf(group, array.name);
  const geometry = geometryOf(group);
  const wounds = array.disk.wounds(file);
  const at = (lba: number): Wound[] => wounds.filter((wound) => wound.at === lba * JOURNAL_BLOCK_SIZE);
  const found: Found[] = [];
  for (let sequence = purged.sequence + 1; sequence <= purged.sequence + geometry.recordLimit; sequence += 1) {
    const lba = metadataLba(geometry, sequence);
    const metadata = at(lba);
    const decoded = decodeRecord(
      metadata[0]?.sound ?? array.disk.peek(file, lba * JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE),
    );
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
