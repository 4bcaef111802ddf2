import type { ArrayEdit } from '../edit-array.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: ArrayEdit, view: View): string {
  const { operation, ...details } = data.request;
  const text = `${operation} in ${escapeText(data.directory)}: ${escapeText(JSON.stringify(details))}`;
  if (data.dryRun) return `${view.faint('would ask the array:')} ${text}`;
  return data.changed ? `${view.good('done')}  ${text}` : `${view.good('already so')}  ${text}`;
}
