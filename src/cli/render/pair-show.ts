import type { PairShow } from '../commands/pair-show.ts';
import { renderJournals, renderMisfits, renderPairs, renderVerdict } from './group.ts';
import type { View } from './view.ts';

export function render(data: PairShow, view: View): string {
  if (data.groups.length === 0) return view.faint('the configuration names no group');
  return data.groups
    .map((state) => [
      renderVerdict(state.verdict, view),
      renderMisfits(state, view),
      renderPairs(state, view),
      renderJournals(state, view),
    ])
    .map((parts) => parts.filter((part) => part !== '').join('\n\n'))
    .join('\n\n');
}
