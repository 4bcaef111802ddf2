import type { LunWrite } from '../commands/lun-write.ts';
import { formatBytes } from '../values.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';

export function render(data: LunWrite, view: View): string {
  const { path, lba, blockCount, blockSize, dryRun } = data;
  const head = dryRun ? view.faint('would write') : view.good('wrote');
  return `${head} ${formatBytes(blockCount * blockSize)} to ${escapeText(path)}, blocks ${lba} to ${lba + blockCount - 1}${dryRun ? '' : ', durable'}`;
}
