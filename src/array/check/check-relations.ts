import { localLun, type ArrayState, type GroupState } from '../store/array-state.ts';
import type { Report } from './finding.ts';

/** What the fields of the tables owe one another, beyond the shape of each. */
export function checkRelations(state: ArrayState, report: Report): void {
  const refuse = (what: string): void =>
    report({
      severity: 'damage',
      file: 'state',
      offset: null,
      what,
      meaning: 'the tables contradict themselves: what this array says of its pairs is not to be relied upon',
      next: 'keep hosts away from the pairs named, keep a copy of the directory, and resync them from the other array',
    });
  const luns = [...state.volumes, ...state.lunMap].map(({ lun }) => lun);
  for (const lun of twice(luns)) refuse(`LUN ${lun} is given twice`);
  for (const name of twice(state.groups.map((group) => group.name))) refuse(`group ${name} is there twice`);
  for (const lun of twice(state.groups.map((group) => group.localJournalLun))) {
    refuse(`the journal at LUN ${lun} serves two groups`);
  }
  const paired = state.groups.flatMap((group) => group.pairs.map((pair) => localLun(group, pair)));
  for (const lun of twice(paired)) refuse(`LUN ${lun} is in two pairs`);
  for (const group of state.groups) checkGroup(state, group, refuse);
}

function checkGroup(state: ArrayState, group: GroupState, refuse: (what: string) => void): void {
  const is = (lun: number, kind: string): boolean =>
    state.volumes.some((volume) => volume.lun === lun && volume.kind === kind);
  if (!is(group.localJournalLun, 'journal'))
    refuse(`group ${group.name} has no journal at LUN ${group.localJournalLun}`);
  for (const pair of group.pairs) {
    const lun = localLun(group, pair);
    if (!is(lun, 'volume')) refuse(`pair ${pair.name} of group ${group.name} has no volume at LUN ${lun}`);
  }
  for (const slot of twice(group.pairs.map((pair) => pair.slot))) {
    refuse(`two pairs of group ${group.name} are in slot ${slot}`);
  }
  group.lineage.forEach(({ startSequence }, index) => {
    const before = group.lineage[index - 1];
    if (before && before.startSequence > startSequence) {
      refuse(`generation ${index} of group ${group.name} begins before the one that it followed`);
    }
  });
  if (group.role === 'auxiliary' && group.following) checkPositions(group, refuse);
}

/** Fig. 14: restoration completed <= to be restored <= read completed <= to be read. */
function checkPositions({ name, restored, toBeRestored, read, toBeRead }: GroupState, refuse: (what: string) => void) {
  const order = [restored.sequence, toBeRestored, read.sequence, toBeRead];
  if (order.some((sequence, index) => index > 0 && sequence < order[index - 1]!) || restored.offset > read.offset) {
    refuse(
      `the positions of group ${name} are out of order: restored, to be restored, read, to be read are ${order.join(', ')}`,
    );
  }
}

function twice<T>(values: readonly T[]): T[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
