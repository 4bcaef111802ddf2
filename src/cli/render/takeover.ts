import type { Takeover } from '../commands/takeover.ts';
import { render as renderChange } from './group-change.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: Takeover, view: View): string {
  const text = renderChange(data, view);
  if (!data.loss) return text;
  const head = data.dryRun ? view.warn('would take over') : view.warn('taken over');
  return `${head}  at ${escapeText(data.primary)}: ${escapeText(data.loss.explanation)}\n${text}`;
}
