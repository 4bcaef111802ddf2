import type { Failure } from '../failure.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

/** Four lines: what, where, why, and what to do next. */
export function renderFailure(failure: Failure, view: View): string {
  const lines = [
    `${view.bad('error:')} ${escapeText(failure.what)} ${view.faint(`[${failure.class}, exit ${failure.exit}]`)}`,
    `${view.faint('where:')} ${escapeText(failure.where)}`,
    `${view.faint('why:')}   ${escapeText(failure.why)}`,
    `${view.faint('next:')}  ${escapeText(failure.next)}`,
  ];
  return `${lines.join('\n')}\n`;
}
