import type { ArrayEdit } from '../edit-array.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: ArrayEdit, view: View): string {
  const { operation, ...details } = data.request;
  const text = `${operation} in ${escapeText(data.directory)}: ${escapeText(JSON.stringify(details))}`;
  return data.dryRun ? `${view.faint('would ask the array:')} ${text}` : `${view.good('done')}  ${text}`;
}
