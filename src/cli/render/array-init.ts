import type { ArrayInit } from '../commands/array-init.ts';
import { formatBytes, targetUrl } from '../values.ts';
import { escapeText } from './escape.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: ArrayInit, view: View): string {
  const { name, serial, listen, targetName, volumes } = data.description;
  const rows = volumes.map((volume) => [
    volume.lun,
    volume.name,
    volume.kind,
    formatBytes(volume.blockSize * volume.blockCount),
  ]);
  const head = data.dryRun ? view.faint('would describe') : view.good('described');
  return [
    `${head} array ${escapeText(name)} (${escapeText(serial)}) in ${escapeText(data.directory)}`,
    `${view.faint('target')}  ${escapeText(targetUrl(listen.host, listen.port, targetName))}`,
    renderTable(['LUN', 'NAME', 'KIND', 'SIZE'], rows, view),
    `${view.faint('next')}    cdctl array serve ${escapeText(data.directory)}`,
  ].join('\n');
}
