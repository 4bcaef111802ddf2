import type { JournalStatus } from '../../host/operations.ts';
import type { View } from './view.ts';

/** A stretch of the cyclic data region (Fig. 15), from one LBA up to, not including, another. */
export interface Region {
  readonly name: string;
  readonly fromLba: number;
  readonly toLba: number;
  /** Records in it; tells an empty stretch from a full turn. */
  readonly records: number;
  readonly glyph: readonly [unicode: string, ascii: string];
  readonly paint: keyof Pick<View, 'good' | 'warn' | 'accent' | 'bad' | 'faint'>;
}

const FREE = ['░', '.'] as const;

/** 1502 to 1504 of the primary journal; how far the other array is, only where it is known. */
export function primaryRegions(primary: JournalStatus, auxiliary: JournalStatus | undefined): Region[] {
  const last = primary.journalInSequence;
  const read = between(primary.journalOutSequence, (auxiliary?.readSequence ?? 0) + 1, last);
  const toBe = between(read, (auxiliary?.toBeReadSequence ?? 0) + 1, last);
  const readLba = read === primary.journalOutSequence ? primary.journalOutLba : (auxiliary?.readLba ?? 0);
  const toBeLba = toBe === read ? readLba : toBe === last ? primary.journalInLba : (auxiliary?.toBeReadLba ?? 0);
  return [
    region('acquired', primary.journalOutLba, readLba, read - primary.journalOutSequence, ['▒', '+'], 'good'),
    region('being acquired', readLba, toBeLba, toBe - read, ['▓', 'o'], 'warn'),
    region('stored', toBeLba, primary.journalInLba, last - toBe, ['█', '#'], 'accent'),
  ].filter((each) => each.records > 0);
}

/** 1522 to 1524 of the auxiliary journal; what lies outside them is restored (1521) and free. */
export function auxiliaryRegions(journal: JournalStatus): Region[] {
  const { restoredSequence, toBeRestoredSequence, readSequence, toBeReadSequence } = journal;
  const { restoredLba, toBeRestoredLba, readLba, toBeReadLba } = journal;
  return [
    region('being restored', restoredLba, toBeRestoredLba, toBeRestoredSequence - restoredSequence, ['▒', '+'], 'good'),
    region('acquired', toBeRestoredLba, readLba, readSequence - toBeRestoredSequence, ['█', '#'], 'accent'),
    region('being acquired', readLba, toBeReadLba, toBeReadSequence - readSequence, ['▓', 'o'], 'warn'),
  ].filter((each) => each.records > 0);
}

function region(
  name: string,
  fromLba: number,
  toLba: number,
  records: number,
  glyph: Region['glyph'],
  paint: Region['paint'],
): Region {
  return { name, fromLba, toLba, records, glyph, paint };
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}

/**
 * The data region from head to end as one line of cells. Every region that holds a record shows in at least one cell,
 * however small its share.
 */
export function ringCells(journal: JournalStatus, regions: readonly Region[], width: number): (Region | undefined)[] {
  const cells: (Region | undefined)[] = Array.from({ length: width }, () => undefined);
  const blocks = Math.max(1, journal.endLba - journal.headLba);
  const cellOf = (lba: number): number => Math.floor((between(0, lba - journal.headLba, blocks - 1) * width) / blocks);
  for (const each of [...regions].sort((left, right) => lengthOf(right, blocks) - lengthOf(left, blocks))) {
    const first = cellOf(each.fromLba);
    const length = Math.max(1, Math.ceil((lengthOf(each, blocks) * width) / blocks));
    for (let step = 0; step < Math.min(length, width); step++) cells[(first + step) % width] = each;
  }
  return cells;
}

function lengthOf(each: Region, blocks: number): number {
  const length = (each.toLba - each.fromLba + blocks) % blocks;
  return length === 0 ? blocks : length;
}

/** `|░░▒▒██░░|` with the arrows of the pointers under it. */
export function renderRing(journal: JournalStatus, regions: readonly Region[], view: View): string[] {
  const width = Math.max(20, Math.min(60, view.width - 20));
  const cells = ringCells(journal, regions, width);
  const index = view.unicode ? 0 : 1;
  const line = cells.map((cell) => (cell ? view[cell.paint](cell.glyph[index]) : view.faint(FREE[index]))).join('');
  const edge = view.unicode ? '│' : '|';
  return [`head ${edge}${line}${edge} end`, ...legend(regions, index, view)];
}

function legend(regions: readonly Region[], index: 0 | 1, view: View): string[] {
  const parts = regions.map(
    (each) =>
      `${view[each.paint](each.glyph[index])} ${each.name} ${each.records} ${each.records === 1 ? 'record' : 'records'}`,
  );
  return [`     ${[...parts, `${view.faint(FREE[index])} free`].join('  ')}`];
}
