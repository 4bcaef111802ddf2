import type { ArrayCheck } from '../commands/array-check.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

/** One finding after the other, then what was looked at. */
export function render(data: ArrayCheck, view: View): string {
  const found = data.findings.map(({ severity, file, offset, what, meaning, next }) => {
    const mark = severity === 'damage' ? view.bad('damage') : view.warn('doubt ');
    const where = offset === null ? escapeText(file) : `${escapeText(file)}, byte ${offset}`;
    return [
      `${mark}  ${where}: ${escapeText(what)}`,
      `        means: ${escapeText(meaning)}`,
      `        do:    ${escapeText(next)}`,
    ].join('\n');
  });
  const doubts = data.findings.length > 0 ? view.warn('no damage, with doubts') : view.good('sound');
  const verdict = data.sound ? doubts : view.bad('damaged');
  const { volumes, journals, groups, records, commands } = data;
  const seen = `${volumes} volumes, ${journals} journals, ${groups} groups, ${records} journal records, ${commands} commands`;
  return [...found, `${verdict}  ${escapeText(data.name)} (${data.serial}): ${seen}`].join('\n');
}
