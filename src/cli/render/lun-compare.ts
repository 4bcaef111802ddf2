import type { LunCompare, Side } from '../commands/lun-compare.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { escapeText } from './escape.ts';
import { renderRows } from './sections.ts';
import type { View } from './view.ts';

export function render(data: LunCompare, view: View): string {
  const { equal, comparedBytes, byteLength, differentBlocks, firstDifference, blockBytes, elapsedMs } = data;
  const span =
    comparedBytes === byteLength
      ? formatBytes(byteLength)
      : `${formatBytes(comparedBytes)} of ${formatBytes(byteLength)}`;
  if (equal) return `${view.good('equal')}  ${span} in ${formatDuration(elapsedMs)}`;
  if (firstDifference === undefined) {
    const { left, right } = data;
    const word = data.whole ? view.bad('different lengths') : view.warn('not told');
    return `${word}  ${left.byteLength - left.offset} and ${right.byteLength - right.offset} bytes; ${span} are equal`;
  }
  const lines = [
    `${view.bad('different')}  ${differentBlocks} of ${Math.ceil(comparedBytes / blockBytes)} blocks of ${blockBytes} bytes that were compared`,
    `first at ${placeIn(data.left, firstDifference)}, ${placeIn(data.right, firstDifference)}`,
  ];
  const rows = data.ranges.map(({ offset, length }) => [
    startOf(data.left, offset),
    startOf(data.right, offset),
    formatBytes(length),
  ]);
  const listed = data.ranges.reduce((sum, { length }) => sum + Math.ceil(length / blockBytes), 0);
  const more = differentBlocks > listed ? [view.faint(`and ${differentBlocks - listed} blocks more`)] : [];
  const heads = [data.left, data.right].map(
    (side, index) => `${['LEFT', 'RIGHT'][index]!} ${side.blockSize === 1 ? 'BYTE' : 'BLOCK'}`,
  );
  return [...lines, '', renderRows([...heads, 'LENGTH'], rows, view), ...more].join('\n');
}

/** "byte 17 of block 3 of tokyo/data". */
function placeIn({ name, offset, blockSize }: Side, at: number): string {
  const byte = offset + at;
  if (blockSize === 1) return `byte ${byte} of ${escapeText(name)}`;
  return `byte ${byte % blockSize} of block ${Math.floor(byte / blockSize)} of ${escapeText(name)}`;
}

function startOf({ offset, blockSize }: Side, at: number): number {
  return Math.floor((offset + at) / blockSize);
}
