import type { GroupChangeData } from '../group-change.ts';
import { renderPlan } from './blocks.ts';
import { renderVerdict } from './group.ts';
import { escapeText } from './escape.ts';
import { formatDuration } from '../values.ts';
import type { View } from './view.ts';

/** A dry run shows the blocks, anything else what was done; both end with how the group stands. */
export function render(data: GroupChangeData, view: View): string {
  const body = data.dryRun ? renderPlan(data.plan ?? [], view) : renderDone(data, view);
  const notes = data.notes.map((note) => `${view.warn('note:')} ${escapeText(note)}`);
  const head = data.dryRun ? [view.faint('dry run: nothing was written')] : [];
  return [...head, body, ...notes, '', renderVerdict(data.verdict, view)].join('\n');
}

function renderDone(data: GroupChangeData, view: View): string {
  const changes = data.done.filter((step) => step.changed !== undefined);
  if (changes.length === 0) return view.faint('already so: nothing was changed');
  return changes
    .map((step) => {
      const mark = step.changed ? view.good('done') : view.faint('same');
      return `${mark}  ${step.id.padEnd(18)} ${escapeText(step.process)} at ${escapeText(step.array)}, ${formatDuration(step.elapsedMs)}`;
    })
    .join('\n');
}
