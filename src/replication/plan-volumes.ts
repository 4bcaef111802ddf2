import type { RequestOf } from '../interface-block/process-table.ts';
import type { VolumeRow } from '../host/operations.ts';
import { refused, type RefusedPlan, type Step } from './plan.ts';

type Header = RequestOf<'pair.create'>['header'];

/** The volumes of each array by its configuration name; an array that lists none is not judged. */
export type VolumesByArray = ReadonlyMap<string, readonly VolumeRow[]>;

/**
 * Whether the arrays would refuse a pair because of its volumes, found out before the first of several commands: so that a
 * slip in the configuration leaves no group half formed. The arrays check again for themselves.
 */
export function refuseMisfits(what: string, steps: readonly Step[], volumes: VolumesByArray): RefusedPlan | undefined {
  for (const step of steps) {
    if (step.process !== 'pair.create') continue;
    const { header } = step.request;
    const why = misfitAt(step.array, header, volumes) ?? sizeMisfit(header, steps, volumes);
    if (why !== undefined)
      return refused(
        'would-be-refused',
        what,
        why,
        `correct the group, or see what there is: cdctl lun list ${step.array}`,
      );
  }
  return undefined;
}

/**
 * The copies that would empty a volume: the source stores nothing, and the volume that it is copied to does. So it is where the two sides are
 * mistaken for each other, and where an array was replaced by a new one and its peer has the only copy. In sentences, one for each pair.
 */
export function emptyingCopies(steps: readonly Step[], volumes: VolumesByArray): readonly string[] {
  return steps.flatMap((step) => {
    if (step.process !== 'pair.create') return [];
    const { role, noCopy, pair, primaryLun, auxiliaryLun } = step.request.header;
    if (role !== 'auxiliary' || noCopy) return [];
    const stored = (array: string, lun: number): number | undefined =>
      volumes.get(array)?.find((row) => row.lun === lun)?.allocatedBytes;
    const source = [...volumes.keys()].find((array) => array !== step.array) ?? '';
    const there = stored(step.array, auxiliaryLun) ?? 0;
    if (there === 0 || stored(source, primaryLun) !== 0) return [];
    const what = `${pair}: LUN ${auxiliaryLun} of ${step.array} holds ${there} bytes`;
    return [`${what}, and LUN ${primaryLun} of ${source}, which would be copied over it, holds nothing`];
  });
}

function misfitAt(array: string, header: Header, volumes: VolumesByArray): string | undefined {
  const rows = volumes.get(array) ?? [];
  if (rows.length === 0) return undefined;
  const primary = header.role === 'primary';
  const lun = primary ? header.primaryLun : header.auxiliaryLun;
  const journalLun = primary ? header.primaryJournalLun : header.auxiliaryJournalLun;
  return volumeMisfit(array, lun, rows) ?? journalMisfit(array, journalLun, header.group, rows);
}

function volumeMisfit(array: string, lun: number, rows: readonly VolumeRow[]): string | undefined {
  const row = rows.find((each) => each.lun === lun);
  if (!row) return `${array} has no LUN ${lun} (not-found)`;
  if (row.kind !== 'volume') return `LUN ${lun} of ${array} is a ${row.kind}, not a volume (in-use)`;
  return row.pair === '' ? undefined : `LUN ${lun} of ${array} is in pair ${row.pair} of group ${row.group} (in-use)`;
}

function journalMisfit(array: string, lun: number, group: string, rows: readonly VolumeRow[]): string | undefined {
  const row = rows.find((each) => each.lun === lun);
  if (!row) return `${array} has no LUN ${lun} (not-found)`;
  if (row.kind !== 'journal') return `LUN ${lun} of ${array} is a ${row.kind}, not a journal (in-use)`;
  if (row.group === '' || row.group === group) return undefined;
  return `journal LUN ${lun} of ${array} serves group ${row.group} (in-use)`;
}

/** Fig. 11 copies the whole volume; Fig. 15 has both journals begin and end at the same LBA. */
function sizeMisfit(header: Header, steps: readonly Step[], volumes: VolumesByArray): string | undefined {
  const at = (role: Header['role']): string | undefined =>
    steps.find((each) => each.process === 'pair.create' && each.request.header.role === role)?.array;
  const bytes = (array: string | undefined, lun: number): number | undefined => {
    const row = volumes.get(array ?? '')?.find((each) => each.lun === lun);
    return row && row.blockSize * row.blockCount;
  };
  const [primary, auxiliary] = [at('primary'), at('auxiliary')];
  const compare = (name: string, near: number | undefined, far: number | undefined): string | undefined =>
    near === undefined || far === undefined || near === far
      ? undefined
      : `the ${name} differ: ${near} bytes at ${primary}, ${far} bytes at ${auxiliary} (size-mismatch)`;
  const { pair, primaryLun, auxiliaryLun, primaryJournalLun, auxiliaryJournalLun } = header;
  return (
    compare(`volumes of pair ${pair}`, bytes(primary, primaryLun), bytes(auxiliary, auxiliaryLun)) ??
    compare('journals', bytes(primary, primaryJournalLun), bytes(auxiliary, auxiliaryJournalLun))
  );
}
