import type { WaitResult } from '../../replication/wait.ts';
import { formatDuration } from '../values.ts';
import { renderVerdict } from './group.ts';
import type { View } from './view.ts';

export function render(data: WaitResult, view: View): string {
  const { condition, waitedMs, verdict } = data;
  const what = condition.until === 'restored' ? `restored up to write ${condition.sequence}` : condition.until;
  return `${view.good(what)} after ${formatDuration(waitedMs)}\n${renderVerdict(verdict, view)}`;
}
