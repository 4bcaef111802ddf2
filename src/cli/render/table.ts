import Table from 'cli-table3';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A cell is escaped text, or text already painted by the caller (who escaped it). */
export type Cell = string | number | { readonly painted: string };

/**
 * Columns without rules or frames. Colours never come from the table itself: cli-table3 would write them into pipes
 * and under NO_COLOR (its issue 357).
 */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[], view: View): string {
  const table = new Table({
    head: head.map((title) => view.faint(title)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: NO_BORDER,
  });
  for (const row of rows) table.push(row.map(cellText));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function cellText(cell: Cell): string {
  return typeof cell === 'object' ? cell.painted : escapeText(String(cell));
}

/** `name  value` lines. */
export function renderFacts(facts: readonly (readonly [string, Cell])[], view: View): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${view.faint(name.padEnd(width))}  ${cellText(value)}`).join('\n');
}
