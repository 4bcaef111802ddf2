import { describeViolation } from '../../base/violation.ts';
import { generationAt } from '../../interface-block/lineage.ts';
import type { GroupState, Position } from '../store/array-state.ts';
import { recordIfReadable, type JournalReader, type StoredRecord } from './journal-reader.ts';
import type { JournalVolume } from './journal-volume.ts';

export interface ChainedRecord extends StoredRecord {
  readonly data: Uint8Array;
}

/** Records that the journal held durably, from the first to the last that it does not give any more. */
export interface LostRecords {
  readonly from: number;
  readonly to: number;
  /** How many of these cannot be read. */
  readonly count: number;
  /** What is wrong with the first, and how it is known that it stood there. */
  readonly why: string;
  /** The disk does not give the first: it may yet do so. */
  readonly unreadable: boolean;
}

/** Where a journal ends; `lost` where that is damage, and no end. */
export interface JournalEnd {
  readonly tail: Position;
  readonly lost?: LostRecords;
}

type Chained = Pick<GroupState, 'lineage' | 'recovered' | 'givenUpTo'> &
  Partial<Pick<GroupState, 'purged' | 'followFrom'>>;

/** What the journal shows in the place of one number. */
type Step =
  | { readonly stored: ChainedRecord }
  | { readonly stored?: undefined; readonly fault: string; readonly unreadable: boolean };

/**
 * What a primary journal holds after a restart: records follow one another from the last one freed, each whole,
 * each beginning where the one before ended, of the generation that the lineage gives its number.
 *
 * A power cut may have kept a record behind a lost one. Such an orphan must never come back to life when the hole is
 * filled again later: records carry the incarnation of the array that stored them, which cannot go down along a chain, and
 * behind the place where an earlier scan ended cannot be lower than that of the array which scanned. The second rule is
 * needed where the record that filled the hole has been freed since.
 *
 * Where it ends something may prove that it went on. Up to `givenUpTo` what cannot be read is passed over.
 */
export function* journalChain(
  journal: JournalVolume,
  kept: Position,
  group: Chained,
): Generator<ChainedRecord, JournalEnd, void> {
  const walk = createWalk(journal, kept, group);
  for (;;) {
    const step = walk.next();
    if (!step) return { tail: walk.tail() };
    if (step.stored) yield step.stored;
    else if (walk.tail().sequence >= (group.givenUpTo ?? 0)) return endOf(journal, kept, group, walk, step);
    else walk.skip();
  }
}

/** The end of that journal. */
export function journalEnd(journal: JournalVolume, kept: Position, group: Chained): JournalEnd {
  const chain = journalChain(journal, kept, group);
  for (;;) {
    const { done, value } = chain.next();
    if (done) return value;
  }
}

/** The same without what speaks against it. */
export function scanJournal(journal: JournalVolume, kept: Position, group: Chained): Position {
  return journalEnd(journal, kept, group).tail;
}

interface Walk {
  /** What the next number has; undefined where the ring has no further place. */
  next(): Step | undefined;
  /** Counts the number that `next` found nothing of use for as passed. */
  skip(): void;
  tail(): Position;
  /** The lowest incarnation that a record of this number can have here. */
  incarnationAt(sequence: number): number;
}

function createWalk(journal: JournalVolume, kept: Position, group: Chained): Walk {
  const reader = journal.readAhead();
  let tail = kept;
  let incarnation = 0;
  let skipped = false;

  function incarnationAt(sequence: number): number {
    const { recovered } = group;
    return recovered && sequence > recovered.sequence ? Math.max(incarnation, recovered.incarnation) : incarnation;
  }

  /** What keeps a whole record from being the next of the chain. */
  function linkFault({ record, end }: StoredRecord): string | undefined {
    const { offset } = tail;
    if (skipped ? record.offset < offset : record.offset !== offset)
      return `its data begins at ${record.offset}, not at ${offset}`;
    if (end.offset - kept.offset > journal.geometry.ringBlocks) return 'its data reaches beyond the ring';
    if (record.incarnation < incarnationAt(record.sequence)) return `it is of an earlier start, ${record.incarnation}`;
    return isOfLineage(record, group.lineage) ? undefined : `it is of another generation, ${record.generation}`;
  }

  /** What the disk does not give may be anything. */
  function look(sequence: number): Step {
    try {
      const found = reader.readRecord(sequence);
      if (!found.ok) return { fault: describeViolation(found.violation), unreadable: false };
      const fault = linkFault(found.value);
      if (fault !== undefined) return { fault, unreadable: false };
      const data = reader.readData(found.value.record);
      if (!data.ok) return { fault: describeViolation(data.violation), unreadable: false };
      return { stored: { ...found.value, data: data.value } };
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error), unreadable: true };
    }
  }

  return {
    tail: () => tail,
    incarnationAt,
    skip() {
      tail = { ...tail, sequence: tail.sequence + 1 };
      skipped = true;
    },
    next() {
      if (tail.sequence - kept.sequence >= journal.geometry.recordLimit) return undefined;
      const step = look(tail.sequence + 1);
      if (step.stored) {
        tail = step.stored.end;
        incarnation = step.stored.record.incarnation;
        skipped = false;
      }
      return step;
    },
  };
}

/** The chain has met something else than its next record: the end, unless that record is known to have been durable. */
function endOf(
  journal: JournalVolume,
  kept: Position,
  group: Chained,
  walk: Walk,
  { fault, unreadable }: Exclude<Step, { stored: ChainedRecord }>,
): JournalEnd {
  const tail = walk.tail();
  const from = tail.sequence + 1;
  const claim = provenBehind(journal, kept, group, walk);
  const to = Math.max(knownStored(group), claim?.durable ?? 0, unreadable ? from : 0);
  if (to < from) return { tail };
  return { tail, lost: { from, ...countMissing(walk, to), why: `${fault}; ${evidence()}`, unreadable } };

  function evidence(): string {
    if (claim && claim.durable >= from)
      return `record ${claim.by} was stored when the journal was durable up to ${claim.durable}`;
    return unreadable ? 'the disk does not give it' : `the tables say that the journal reached record ${to}`;
  }
}

/** The last number up to `to` that cannot be read, and how many of them. */
function countMissing(walk: Walk, to: number): { to: number; count: number } {
  const missing = { to: walk.tail().sequence + 1, count: 1 };
  walk.skip();
  while (walk.tail().sequence < to) {
    const step = walk.next();
    if (!step) break;
    if (step.stored) continue;
    walk.skip();
    missing.to = walk.tail().sequence;
    missing.count += 1;
  }
  return missing;
}

/**
 * How far behind the end of a chain a record may stand that says more: further ones add nothing, since storing waits for a flush
 * after far fewer (`journal-storing.ts`).
 */
const LOOK_BEHIND_RECORDS = 16 * 1024;

/** The highest claim of a record behind the end of the chain, of this life of the journal, about how far it was durable. */
function provenBehind(
  journal: JournalVolume,
  kept: Position,
  { lineage }: Chained,
  walk: Walk,
): { durable: number; by: number } | undefined {
  const reader: JournalReader = journal.readAhead();
  const tail = walk.tail();
  const last = Math.min(kept.sequence + journal.geometry.recordLimit, tail.sequence + LOOK_BEHIND_RECORDS);
  let claim: { durable: number; by: number } | undefined;
  for (let sequence = tail.sequence + 2; sequence <= last; sequence += 1) {
    const record = recordIfReadable(reader, sequence)?.record;
    if (!record || record.durable <= (claim?.durable ?? tail.sequence) || record.durable >= sequence) continue;
    if (record.incarnation < walk.incarnationAt(sequence) || !isOfLineage(record, lineage)) continue;
    claim = { durable: record.durable, by: sequence };
  }
  return claim;
}

/** Where the last start ended, and where each generation begins: the journal had all of that, durably. */
function knownStored({ purged, recovered, lineage, followFrom }: Chained): number {
  const newest = lineage.at(-1)?.startSequence ?? 0;
  return Math.max(purged?.sequence ?? 0, recovered?.sequence ?? 0, newest, followFrom?.sequence ?? 0);
}

/** Whether the record is of the generation that the lineage gives its number. */
export function isOfLineage(record: StoredRecord['record'], lineage: GroupState['lineage']): boolean {
  return record.generation === generationAt(lineage, record.sequence);
}
