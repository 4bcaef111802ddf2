import { generationAt } from '../../interface-block/lineage.ts';
import type { GroupState, Position } from '../store/array-state.ts';
import type { StoredRecord } from './journal-reader.ts';
import type { JournalVolume } from './journal-volume.ts';

export interface ChainedRecord extends StoredRecord {
  readonly data: Uint8Array;
}

/**
 * What a primary journal holds after a restart: records follow one another from the last one freed, each whole,
 * each beginning where the one before ended, of the generation that the lineage gives its number.
 *
 * A power cut may have kept a record behind a lost one. Such an orphan must never come back to life when the hole is
 * filled again later: records carry the incarnation of the array that stored them, which cannot go down along a chain, and
 * behind the place where an earlier scan ended cannot be lower than that of the array which scanned. The second rule is
 * needed where the record that filled the hole has been freed since.
 */
export function* journalChain(
  journal: JournalVolume,
  kept: Position,
  { lineage, recovered }: Pick<GroupState, 'lineage' | 'recovered'>,
): Generator<ChainedRecord, void, void> {
  const reader = journal.readAhead();
  let tail = kept;
  let incarnation = 0;
  while (tail.sequence - kept.sequence < journal.geometry.recordLimit) {
    const next = reader.readRecord(tail.sequence + 1);
    if (!next.ok) break;
    const { record, end } = next.value;
    const chained = record.offset === tail.offset && end.offset - kept.offset <= journal.geometry.ringBlocks;
    if (recovered && record.sequence > recovered.sequence) incarnation = Math.max(incarnation, recovered.incarnation);
    if (!chained || record.incarnation < incarnation) break;
    if (!isOfLineage(record, lineage)) break;
    const data = reader.readData(record);
    if (!data.ok) break;
    yield { ...next.value, data: data.value };
    incarnation = record.incarnation;
    tail = end;
  }
}

/** The end of that journal. */
export function scanJournal(
  journal: JournalVolume,
  kept: Position,
  group: Pick<GroupState, 'lineage' | 'recovered'>,
): Position {
  let tail = kept;
  for (const { end } of journalChain(journal, kept, group)) tail = end;
  return tail;
}

/** Whether the record is of the generation that the lineage gives its number. */
export function isOfLineage(record: StoredRecord['record'], lineage: GroupState['lineage']): boolean {
  return record.generation === generationAt(lineage, record.sequence);
}
