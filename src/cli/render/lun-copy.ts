import type { LunCopy } from '../commands/lun-copy.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: LunCopy, view: View): string {
  const { from, to, byteLength, figures, elapsedMs = 0, untouchedBytes, unfinished } = data;
  const way = `${escapeText(from)} to ${escapeText(to)}`;
  const rest = untouchedBytes > 0 ? `; the ${formatBytes(untouchedBytes)} behind it stay as they are` : '';
  if (!figures) return `${view.faint('would copy')}  ${formatBytes(byteLength)} from ${way}${rest}`;
  const { whole, doneBytes, verifiedBytes, zeroBytes, sameBytes, writtenBytes } = figures;
  const parts = [
    writtenBytes === 0 ? 'nothing had to be written' : `${formatBytes(writtenBytes)} written`,
    zeroBytes > 0 ? `${formatBytes(zeroBytes)} of it zeros that were not sent` : '',
    sameBytes > 0 ? `${formatBytes(sameBytes)} were there already` : '',
    verifiedBytes > 0 ? `${formatBytes(verifiedBytes)} read again and right` : '',
    whole ? 'durable' : '',
  ].filter((part) => part !== '');
  const rate = elapsedMs > 0 ? `, ${formatBytes(Math.round((doneBytes / elapsedMs) * 1000))}/s` : '';
  const head = whole
    ? `${view.good('copied')}  ${formatBytes(byteLength)} from ${way} in ${formatDuration(elapsedMs)}${rate}${rest}`
    : `${view.bad('not whole')}  ${formatBytes(doneBytes)} of ${formatBytes(byteLength)} from ${way}`;
  const where = unfinished === undefined || whole ? [] : [`        what there is lies in ${escapeText(unfinished)}`];
  return [head, `        ${parts.join(', ')}`, ...where].join('\n');
}
