import type { BlockDecode } from '../commands/block-decode.ts';
import type { BlockView } from '../commands/block-encode.ts';
import { renderDescription, renderSections } from './blocks.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: BlockDecode | BlockView, view: View): string {
  if ('output' in data && data.output === '-') return '';
  if ('label' in data && data.label) return renderSections(data.label.sections, view);
  const text = data.description ? renderDescription(data.description, view) : '';
  if (!('output' in data) || data.output === undefined) return text;
  return `${text}\n${view.good('written')}  ${data.bytes.length} bytes into ${escapeText(data.output)}`;
}
