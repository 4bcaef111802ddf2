import type { ArrayShow } from '../commands/array-show.ts';
import { escapeText } from './escape.ts';
import { renderFacts, renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

type Row = Readonly<Record<string, unknown>>;

/** The report of the array as it is: plain values first, then each table that it has. */
export function render(data: ArrayShow, view: View): string {
  const entries = Object.entries(data.array);
  const facts = entries
    .filter(([, value]) => !Array.isArray(value))
    .map(([name, value]): [string, Cell] => [name, text(value)]);
  const tables = entries.filter((entry): entry is [string, Row[]] => Array.isArray(entry[1]) && entry[1].length > 0);
  const drawn = tables.map(([name, rows]) => `${view.strong(escapeText(name))}\n${tableOf(rows, view)}`);
  return [renderFacts(facts, view), ...drawn].join('\n\n');
}

function tableOf(rows: readonly Row[], view: View): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => names.map((name) => text(row[name])));
  return renderTable(
    names.map((name) => escapeText(name).toUpperCase()),
    cells,
    view,
  );
}

function text(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (Array.isArray(value)) return value.map(text).join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
