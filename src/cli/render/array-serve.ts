import type { CommandEvent } from '../context.ts';
import { escapeText } from './escape.ts';
import { targetUrl } from '../values.ts';
import type { View } from './view.ts';

export function render(data: { readonly reason: string }, view: View): string {
  return view.faint(`stopped: ${escapeText(data.reason)}`);
}

/** One ready line; what happens inside the array is only in `--json`; warnings are on standard error. */
export function renderEvent(event: CommandEvent, view: View): string | undefined {
  if (event.event !== 'ready') return undefined;
  const { array, serial, host, port, targetName, pid } = event;
  const url = targetUrl(String(host), Number(port), String(targetName));
  return `${view.good('ready')} array ${escapeText(String(array))} (${escapeText(String(serial))}) at ${escapeText(url)} pid ${String(pid)}`;
}
