import type { BlockSend } from '../commands/block-send.ts';
import type { RawSend } from '../send-block-file.ts';
import { renderDescription } from './blocks.ts';
import { escapeText } from './escape.ts';
import { renderFacts, renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

interface Reply {
  readonly header: Readonly<Record<string, unknown>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export function render(data: BlockSend | RawSend, view: View): string {
  if ('slot' in data) return renderRaw(data, view);
  const title = `${view.strong(data.process)}  to ${escapeText(data.array)}`;
  if (data.block)
    return `${view.faint('dry run: nothing was written')}\n${title}\n${renderDescription(data.block, view)}`;
  const { header, rows } = data.reply as Reply;
  const facts = Object.entries(header).map(([name, value]): [string, Cell] => [name, String(value)]);
  const names = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => names.map((name) => String(row[name])));
  const parts = [
    title,
    facts.length > 0 ? renderFacts(facts, view) : '',
    names.length > 0 ? renderTable(names, cells, view) : '',
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function renderRaw({ array, path, slot, sent, answer }: RawSend, view: View): string {
  const to = `${escapeText(array)} through ${escapeText(path)}`;
  if (slot === undefined)
    return `${view.faint('dry run: nothing was written to')} ${to}\n${renderDescription(sent, view)}`;
  const head = `${view.good('sent')}  to ${to}, slot ${slot}`;
  return answer ? `${head}\n${renderDescription(answer, view)}` : `${head}\n${view.faint('done, without edited data')}`;
}
