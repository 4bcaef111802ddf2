import { counted } from '../../replication/counted.ts';
import type { GroupTotals, Replicate } from '../commands/replicate.ts';
import type { CommandEvent } from '../context.ts';
import type { Failure } from '../failure.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { renderPlan } from './blocks.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: Replicate, view: View): string {
  return data.groups.map((group) => renderTotals(group, view)).join('\n');
}

function renderTotals(totals: GroupTotals, view: View): string {
  const name = view.strong(escapeText(totals.group));
  if (totals.plan) return `${name}\n${renderPlan(totals.plan, view)}`;
  const moved = `${counted(totals.cycles, 'cycle')}, ${counted(totals.recordsAcquired, 'record')} acquired (${formatBytes(totals.bytes)}), ${totals.recordsPurged} purged`;
  const state = totals.error
    ? view.bad(totals.error.class)
    : totals.complete
      ? view.good('all restored')
      : view.faint('more to come');
  return `${name}  ${moved}  ${state}`;
}

/** One line for each cycle that moved something, and for each failure. */
export function renderEvent(event: CommandEvent, view: View): string | undefined {
  const group = escapeText(String(event['group']));
  if (event.event === 'cycle-failed') {
    const { what, why } = event['error'] as Failure;
    return `${group}  ${view.bad('failed')}  ${escapeText(what)}: ${escapeText(why)}`;
  }
  if (event.event === 'note') return `${group}  ${view.warn('note')}  ${escapeText(String(event['text']))}`;
  if (event.event !== 'cycle-done') return undefined;
  const { recordsAcquired, recordsRestored, recordsPurged, bytes, lagMs } = event as CommandEvent &
    Partial<Record<string, number>>;
  if (!recordsAcquired && !recordsRestored && !recordsPurged) return undefined;
  const lag = lagMs === undefined ? '' : `, lag ${formatDuration(lagMs)}`;
  return `${group}  acquired ${recordsAcquired} (${formatBytes(bytes ?? 0)}), restored ${recordsRestored}, purged ${recordsPurged}${lag}`;
}
