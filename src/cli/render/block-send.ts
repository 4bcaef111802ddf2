import type { BlockSend } from '../commands/block-send.ts';
import { renderDescription } from './blocks.ts';
import { escapeText } from './escape.ts';
import { renderFacts, renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

interface Reply {
  readonly header: Readonly<Record<string, unknown>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export function render(data: BlockSend, view: View): string {
  const title = `${view.strong(data.process)}  to ${escapeText(data.array)}`;
  if (data.block) return `${view.faint('dry run: nothing was written')}\n${title}\n${renderDescription(data.block, view)}`;
  const { header, rows } = data.reply as Reply;
  const facts = Object.entries(header).map(([name, value]): [string, Cell] => [name, String(value)]);
  const names = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => names.map((name) => String(row[name])));
  const parts = [title, facts.length > 0 ? renderFacts(facts, view) : '', names.length > 0 ? renderTable(names, cells, view) : ''];
  return parts.filter((part) => part !== '').join('\n');
}
