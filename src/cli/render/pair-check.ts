import type { PairCheck } from '../commands/pair-check.ts';
import { renderVerdict } from './group.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: PairCheck, view: View): string {
  const lines = data.checks.map(({ name, wanted, found, holds }) => {
    const mark = holds ? view.good('holds') : view.bad('fails');
    return `${mark}  ${name}: ${escapeText(found)}, asked for ${escapeText(wanted)}`;
  });
  return [...lines, renderVerdict(data.verdict, view)].join('\n');
}
