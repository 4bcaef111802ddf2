import type { Storage } from '../../base/storage.ts';
import { createRequestTable } from '../command-device/request-table.ts';
import type { ArrayDescription, VolumeDescription } from '../description.ts';
import type { ArrayState } from '../store/array-state.ts';
import { readStateLog, type ReadStateLog } from '../store/state-log.ts';
import { StateStoreError, tablesOf } from '../store/state-store.ts';
import { FROM_COPY, type Report } from './finding.ts';

const LOG = 'state';

/** The state log: whole, of this array, of a known format, and telling of commands without a gap. */
export function checkTables(
  description: ArrayDescription,
  storage: Storage,
  report: Report,
): { readonly state: ArrayState | undefined; readonly commands: number } {
  const log = attempted(storage, report);
  if (!log) return { state: undefined, commands: 0 };
  if (log.fault) {
    report({
      severity: 'damage',
      file: LOG,
      offset: log.fault.at,
      what: log.fault.what,
      meaning: 'changes of pairs, volumes or positions that were confirmed are lost; the array refuses to start',
      next: FROM_COPY,
    });
    return { state: undefined, commands: 0 };
  }
  if (log.end < log.size) reportTornTail(log, report);
  try {
    const { state, requests } = tablesOf(log.records, description.serial);
    const commands = createRequestTable({ entries: requests }).commandNumber();
    if (state) compareDescription(description, state, report);
    return { state, commands };
  } catch (error) {
    report({
      severity: 'damage',
      file: LOG,
      offset: error instanceof StateStoreError ? error.at : null,
      what: error instanceof Error ? error.message : String(error),
      meaning: 'the tables cannot be used, so that nothing can be said of the volumes; the array refuses to start',
      next: `put the storage that belongs to array ${description.serial} in its place, serve it with the version that wrote it, or ${FROM_COPY}`,
    });
    return { state: undefined, commands: 0 };
  }
}

/** Undefined where the disk does not give it. */
function attempted(storage: Storage, report: Report): ReadStateLog | undefined {
  try {
    return readStateLog(storage);
  } catch (error) {
    report({
      severity: 'damage',
      file: LOG,
      offset: null,
      what: `the disk does not give all of it: ${String(error)}`,
      meaning: 'the tables cannot be used, so that nothing can be said of the volumes; the array refuses to start',
      next: `look after the disk; then ${FROM_COPY}`,
    });
    return undefined;
  }
}

function reportTornTail({ end, size }: { end: number; size: number }, report: Report): void {
  report({
    severity: 'doubt',
    file: LOG,
    offset: end,
    what: `the last ${size - end} bytes are no whole record`,
    meaning: 'a change that was never confirmed to anybody, cut short by a crash; the next start drops it',
    next: 'nothing after a crash; otherwise compare the pairs with the other array (cdctl pair show) before hosts write',
  });
}

/** The description counts at the first start only: from then on the tables do. */
function compareDescription(description: ArrayDescription, state: ArrayState, report: Report): void {
  for (const wanted of description.volumes) {
    const found = state.volumes.find(({ lun }) => lun === wanted.lun);
    if (found && sameVolume(found, wanted)) continue;
    report({
      severity: 'doubt',
      file: 'array.yaml',
      offset: null,
      what: `it describes LUN ${wanted.lun} as ${brief(wanted)}, the tables as ${found ? brief(found) : 'nothing'}`,
      meaning: 'the array serves what the tables say; array.yaml counts at its first start only',
      next: `correct array.yaml, or add the volume while the array runs: cdctl array volume add DIRECTORY --lun ${wanted.lun} ...`,
    });
  }
}

function sameVolume(a: VolumeDescription, b: VolumeDescription): boolean {
  return (
    a.encrypted === b.encrypted && a.kind === b.kind && a.blockSize === b.blockSize && a.blockCount === b.blockCount
  );
}

function brief({ kind, encrypted, blockCount, blockSize }: VolumeDescription): string {
  return `${encrypted ? 'an encrypted' : 'a'} ${kind} of ${blockCount} blocks of ${blockSize} bytes`;
}
