import type { ConfigCheck } from '../commands/config-check.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: ConfigCheck, view: View): string {
  const { file, arrays, groups, pairs } = data;
  return `${view.good('ok')}  ${escapeText(file)}: ${arrays} arrays, ${groups} groups, ${pairs} pairs`;
}
