import type { GroupState, PairShow } from '../commands/pair-show.ts';
import { isPresent, type PresentSide } from '../../replication/observe.ts';
import { renderJournals, renderVerdict } from './group.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: PairShow, view: View): string {
  return data.groups
    .map((state) => [renderJournals(state, view), renderPointers(state, view), renderVerdict(state.verdict, view)])
    .map((parts) => parts.filter((part) => part !== '').join('\n\n'))
    .join('\n\n');
}

const POINTERS = {
  primary: [
    ['journal-out (1511)', 'journalOutSequence', 'journalOutLba'],
    ['journal-in (1512)', 'journalInSequence', 'journalInLba'],
  ],
  auxiliary: [
    ['restoration completed (1531)', 'restoredSequence', 'restoredLba'],
    ['to be restored (1532)', 'toBeRestoredSequence', 'toBeRestoredLba'],
    ['read completed (1533)', 'readSequence', 'readLba'],
    ['to be read (1534)', 'toBeReadSequence', 'toBeReadLba'],
  ],
} as const;

function renderPointers({ observation }: GroupState, view: View): string {
  const rows = observation.sides.filter(isPresent).flatMap(pointerRows);
  return rows.length === 0 ? '' : renderTable(['ARRAY', 'POINTER', 'WRITE', 'LBA'], rows, view);
}

function pointerRows({ array, journal }: PresentSide): (string | number)[][] {
  const pointers = journal.role === 'primary' ? POINTERS.primary : POINTERS.auxiliary;
  return pointers.map(([name, sequence, lba]) => [array, name, journal[sequence], journal[lba]]);
}
