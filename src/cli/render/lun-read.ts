import type { LunRead } from '../commands/lun-read.ts';
import { formatBytes } from '../values.ts';
import { escapeText } from './escape.ts';
import { hexDump } from './hex.ts';
import type { View } from './view.ts';

export function render(data: LunRead, view: View): string {
  const { bytes, output, lba, blockCount, blockSize } = data;
  if (bytes) return hexDump(bytes, lba * blockSize);
  if (output === '-') return '';
  return `${view.good('read')}  ${formatBytes(blockCount * blockSize)} into ${escapeText(output ?? '')}`;
}
