import { escapeText } from './escape.ts';
import { renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';
import { wrapText } from './wrap.ts';

export type Fact = readonly [name: string, value: string | number | boolean | undefined];

/** A value beside its name needs room for a few words; a narrower terminal gets it on lines of its own. */
const LEAST_VALUE_WIDTH = 24;

/** `name  value` lines under a title; values wrap inside their column. Facts without a value are left out. */
export function renderSection(title: string, facts: readonly Fact[], view: View): string {
  const shown = facts.filter(([, value]) => value !== undefined && value !== '');
  if (shown.length === 0) return '';
  const nameWidth = Math.max(...shown.map(([name]) => name.length));
  const room = view.width - nameWidth - 4;
  const lines = shown.map(([name, value]) => {
    const text = escapeText(value === true ? 'yes' : value === false ? 'no' : String(value));
    if (room < LEAST_VALUE_WIDTH) return `  ${view.faint(name)}\n${indent(wrapText(text, view.width - 4), 4)}`;
    const wrapped = wrapText(text, room).split('\n');
    return `  ${view.faint(name.padEnd(nameWidth))}  ${wrapped.join(`\n${' '.repeat(nameWidth + 4)}`)}`;
  });
  return [view.strong(title), ...lines].join('\n');
}

/** A table where it fits the terminal; else each row as a section, so that no line breaks in the middle. */
export function renderRows(head: readonly string[], rows: readonly (readonly Cell[])[], view: View): string {
  const table = renderTable(head, rows, view);
  const widest = Math.max(...plain(table).map((line) => line.length));
  if (widest <= view.width || rows.length === 0) return table;
  return rows
    .map(([first, ...rest]) => {
      const facts = rest.map((cell, index): Fact => [head[index + 1]!.toLowerCase(), plainCell(cell)]);
      return renderSection(`${head[0]!} ${escapeText(plainCell(first!))}`, facts, view);
    })
    .join('\n\n');
}

/** `optimalTransferLength` -> "optimal transfer length"; names with spaces stay as they are. */
export function spelledOut(name: string): string {
  return name.includes(' ') ? name : name.replaceAll(/([A-Z]|\d+)/g, ' $1').toLowerCase();
}

function indent(text: string, by: number): string {
  return text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}

function plainCell(cell: Cell): string {
  return typeof cell === 'object' ? plain(cell.painted).join(' ') : String(cell);
}

/** Lines without what only changes colours. */
function plain(text: string): string[] {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n');
}
