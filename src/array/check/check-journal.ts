import { describeViolation } from '../../base/violation.ts';
import { isAllZero } from '../../base/bytes.ts';
import type { Storage } from '../../base/storage.ts';
import { JOURNAL_BLOCK_SIZE, metadataLba, type JournalGeometry } from '../journal/geometry.ts';
import { recordIfReadable, type StoredRecord } from '../journal/journal-reader.ts';
import { openJournalVolume, type JournalVolume } from '../journal/journal-volume.ts';
import { lostWrites, type LostRange } from '../group/recover.ts';
import { decodeRecord } from '../journal/record.ts';
import { isOfLineage, journalEnd } from '../journal/recovery.ts';
import { isActive, type GroupState, type Position } from '../store/array-state.ts';
import type { Finding, Report } from './finding.ts';

/** The journal of a group: every record that the tables count on. Answers with how many it found sound. */
export function checkJournal(
  group: GroupState,
  incarnation: number,
  geometry: JournalGeometry,
  storage: Storage,
  report: Report,
): number {
  const name = `lun-${group.localJournalLun}.journal`;
  const file = storage.exists(name) ? storage.open(name) : undefined;
  try {
    const size = file?.size() ?? 0;
    if (size > geometry.blockCount * JOURNAL_BLOCK_SIZE) {
      const limit = geometry.blockCount * JOURNAL_BLOCK_SIZE;
      report({
        severity: 'damage',
        file: name,
        offset: limit,
        what: `it has ${size} bytes, and the journal volume ${limit}`,
        meaning: `something else has written to the journal of group ${group.name}`,
        next: 'find out what it was before the array is served; what is behind the end is not read',
      });
    }
    const journal = openJournalVolume(file ?? emptyFile(name), geometry);
    const check = { group, journal, name, incarnation, report };
    return group.role === 'primary' ? checkPrimary(check) : checkAuxiliary(check);
  } catch (error) {
    reportUnreadable(group, name, error, report);
    return 0;
  } finally {
    file?.close();
  }
}

function reportUnreadable(group: GroupState, file: string, error: unknown, report: Report): void {
  const primary = group.role === 'primary';
  report({
    severity: 'damage',
    file,
    offset: null,
    what: `the disk does not give all of it: ${String(error)}`,
    meaning: primary
      ? `the array refuses to start, since writes to group ${group.name} that were acknowledged may stand there alone`
      : `the copy of group ${group.name} here may not be brought up to what was acquired`,
    next: primary
      ? 'look after the disk; then restore the directory from a copy, or take over on the other array'
      : `serve it and resync group ${group.name} from its primary while that lives (cdctl pair resync); where it is lost: cdctl takeover --give-up-damaged`,
  });
}

interface Check {
  readonly group: GroupState;
  readonly journal: JournalVolume;
  readonly name: string;
  readonly incarnation: number;
  readonly report: Report;
}

function emptyFile(name: string): Parameters<typeof openJournalVolume>[0] {
  const refuse = (): never => {
    throw new Error(`${name} is only read`);
  };
  return {
    name,
    size: () => 0,
    read: (target) => void target.fill(0),
    write: refuse,
    truncate: refuse,
    flush: () => Promise.reject(new Error(`${name} is only read`)),
    close: () => undefined,
  };
}

/** The chain from the last record freed must reach what is known to have been stored; what lies behind its end is in doubt. */
function checkPrimary(check: Check): number {
  const { group, journal, name, report } = check;
  const isAtWork = isActive(group) && !group.journalLost;
  const end = isAtWork ? journalEnd(journal, group.purged, group) : undefined;
  const lost = end ? end.lost : lostWrites(journal, group);
  if (lost) reportLost(check, lost);
  // Of a journal that failed nothing is believed at the next start: the difference maps name what it held.
  if (!end) return 0;
  const { tail } = end;
  if (!lost && (hasTornRecord(check, tail) || hasOrphan(check, tail))) {
    report({
      severity: 'doubt',
      file: name,
      offset: placeOf(journal, tail.sequence + 1),
      what: `record ${tail.sequence + 1} ${faultOf(journal, tail)}, and something was stored there or behind it`,
      meaning:
        'a power cut loses records that were not flushed, acknowledged but not promised to survive it; without one, these writes are damaged',
      next: 'nothing after a power cut; otherwise compare with the other array (cdctl journal show) before it is served',
    });
  }
  return tail.sequence - group.purged.sequence;
}

/** Of a suspended group nobody needs the journal, unless volumes lack what it holds. */
function reportLost({ group, journal, name, report }: Check, { from, to, count, why }: LostRange): void {
  const reason = why === undefined ? '' : ` (${why})`;
  const which = from === to ? `write ${to} of group ${group.name} is` : `writes up to ${to} of group ${group.name} are`;
  report({
    severity: 'damage',
    file: name,
    offset: placeOf(journal, from),
    what: `record ${from} cannot be read${reason}, and hosts may have been told that ${which} done`,
    meaning: `a volume may lack ${count === 1 ? 'this write' : `these ${count} writes`}; the group is not served before somebody accepts that, everything else is`,
    next: 'take over on the other array, which may have them, or serve it and accept the loss: cdctl array volume give-up',
  });
}

/** Behind the last record stand zeros, or whole records that the ring has come round to; anything else was one, or began to be. */
function hasTornRecord({ group, journal, incarnation }: Check, tail: Position): boolean {
  const bytes = journal.readBlocks(metadataLba(journal.geometry, tail.sequence + 1), 1);
  const found = decodeRecord(bytes);
  if (!found.ok) return !isAllZero(bytes);
  const { sequence, incarnation: life } = found.value;
  return sequence === tail.sequence + 1 && life === incarnation && isOfLineage(found.value, group.lineage);
}

function hasOrphan({ group, journal, incarnation }: Check, tail: Position): boolean {
  const last = group.purged.sequence + journal.geometry.recordLimit;
  for (let sequence = tail.sequence + 2; sequence <= last; sequence += 1) {
    // The array does without one that the disk does not give, too: its place is written before it is read.
    const record = recordIfReadable(journal, sequence)?.record;
    if (record?.incarnation === incarnation && isOfLineage(record, group.lineage)) return true;
  }
  return false;
}

/** What was counted as read is durable here, and is wanted until it is restored. */
function checkAuxiliary(check: Check): number {
  const { group, journal } = check;
  if (!group.following) return 0;
  let at = group.restored;
  let proof = group.readProof;
  while (at.sequence < group.read.sequence) {
    const stored = journal.readRecord(at.sequence + 1);
    const fault = stored.ok ? linkFault(journal, stored.value, at) : describeViolation(stored.violation);
    if (!stored.ok || fault !== undefined) {
      reportAuxiliary(check, at.sequence + 1, fault ?? 'it cannot be read');
      return at.sequence - group.restored.sequence;
    }
    at = stored.value.end;
    proof = stored.value.proof;
  }
  const ends = at.sequence === group.read.sequence && at.offset === group.read.offset;
  if (!ends || proof !== group.readProof) {
    reportAuxiliary(check, group.read.sequence, 'it is not the record that the tables say was read');
  }
  return at.sequence - group.restored.sequence;
}

function linkFault(journal: JournalVolume, { record }: StoredRecord, at: Position): string | undefined {
  if (record.offset !== at.offset)
    return `its data begins at ${record.offset}, not where the record before it ended (${at.offset})`;
  const data = journal.readData(record);
  return data.ok ? undefined : describeViolation(data.violation);
}

function reportAuxiliary({ group, journal, name, report }: Check, sequence: number, why: string): void {
  const finding: Finding = {
    severity: 'damage',
    file: name,
    offset: placeOf(journal, sequence),
    what: `record ${sequence} of group ${group.name}: ${why}`,
    meaning:
      'the copy here cannot be brought up to what was acquired: a takeover would end before this record, and the primary may have freed it',
    next: `serve it and resync group ${group.name} from its primary while that lives (cdctl pair resync); where it is lost: cdctl takeover --give-up-damaged`,
  };
  report(finding);
}

/** Why the chain ends behind `tail`. */
function faultOf(journal: JournalVolume, tail: Position): string {
  const stored = journal.readRecord(tail.sequence + 1);
  if (!stored.ok) return `cannot be read (${describeViolation(stored.violation)})`;
  const fault = linkFault(journal, stored.value, tail);
  return fault === undefined ? 'does not continue the journal' : `is damaged (${fault})`;
}

function placeOf(journal: JournalVolume, sequence: number): number {
  return metadataLba(journal.geometry, sequence) * JOURNAL_BLOCK_SIZE;
}
