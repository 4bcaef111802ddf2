import type { Swap } from '../commands/swap.ts';
import { render as renderChange } from './group-change.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: Swap, view: View): string {
  const text = renderChange(data, view);
  if (data.dryRun || data.primary === undefined) return text;
  const last = data.sequence === undefined ? '' : ` after write ${data.sequence}`;
  const fenced = data.fenced ? '; host writes were held back to drain the journal' : '';
  return `${view.good('swapped')}  ${escapeText(data.primary)} is primary${last}${fenced}\n${text}`;
}
