import type { Storage } from '../../base/storage.ts';
import type { ArrayDescription } from '../description.ts';
import { journalGeometry } from '../journal/geometry.ts';
import { isPaired, type ArrayState } from '../store/array-state.ts';
import { keyFileOf } from '../store/volume-key.ts';
import { checkDifferences, differenceFiles } from './check-differences.ts';
import { checkIntents } from './check-intents.ts';
import { checkJournal } from './check-journal.ts';
import { checkKey } from './check-key.ts';
import { checkRelations } from './check-relations.ts';
import { checkSanitize } from './check-sanitize.ts';
import { checkTables } from './check-tables.ts';
import { checkVolumeFiles } from './check-volume.ts';
import type { Finding, Report } from './finding.ts';

export interface StorageCheck {
  readonly findings: readonly Finding[];
  /** What was looked at; zero where the tables cannot be read, since they say what there should be. */
  readonly volumes: number;
  readonly journals: number;
  readonly groups: number;
  readonly records: number;
  readonly commands: number;
}

/** Looks at everything in the storage of an array that is not running, and changes nothing: `storage` may refuse every write. */
export function checkStorage(description: ArrayDescription, storage: Storage): StorageCheck {
  const findings: Finding[] = [];
  const report: Report = (finding) => void findings.push(finding);
  const tables = checkTables(description, storage, report);
  const { state } = tables;
  if (!state) return { findings, volumes: 0, journals: 0, groups: 0, records: 0, commands: tables.commands };
  checkRelations(state, report);
  const volumes = state.volumes.filter(({ kind }) => kind === 'volume');
  for (const volume of volumes) {
    const { lun, backing, encrypted } = volume;
    checkVolumeFiles(volume, backing === undefined && isPaired(state, lun), storage, report);
    if (encrypted) checkKey(volume, storage, report);
    checkIntents(volume, storage, report);
    checkSanitize(volume, storage, report);
  }
  let records = 0;
  for (const group of state.groups) {
    records += checkGroupJournal(state, group, storage, report);
    checkDifferences(state, group, storage, report);
  }
  checkStrays(state, storage, report);
  const journals = state.volumes.filter(({ kind }) => kind === 'journal').length;
  return {
    findings,
    volumes: volumes.length,
    journals,
    groups: state.groups.length,
    records,
    commands: tables.commands,
  };
}

function checkGroupJournal(
  state: ArrayState,
  group: ArrayState['groups'][number],
  storage: Storage,
  report: Report,
): number {
  const volume = state.volumes.find(({ lun, kind }) => lun === group.localJournalLun && kind === 'journal');
  if (!volume) return 0;
  return checkJournal(group, state.incarnation, journalGeometry(volume.blockCount), storage, report);
}

/** Files that belong to nothing the tables name: nobody reads them, and they take room. */
function checkStrays(state: ArrayState, storage: Storage, report: Report): void {
  const expected = new Set(
    state.volumes.flatMap(({ lun, encrypted }) => [
      ...(encrypted ? [keyFileOf(lun)] : []),
      `lun-${lun}.data`,
      `lun-${lun}.map`,
      `lun-${lun}.intents`,
      `lun-${lun}.sanitize`,
      `lun-${lun}.journal`,
    ]),
  );
  for (const group of state.groups) for (const name of differenceFiles(group)) expected.add(name);
  for (const name of storage.list()) {
    if (!/^(?:lun-|differences-)/.test(name) || expected.has(name)) continue;
    report({
      severity: 'doubt',
      file: name,
      offset: null,
      what: 'it belongs to no volume and no pair that the tables name',
      meaning:
        'no data of this array depends on it: a pair was being formed or dissolved, or the file came from elsewhere',
      next: 'leave it, or move it away once you know where it came from',
    });
  }
}
