import type { ArrayLuns, LunList } from '../commands/lun-list.ts';
import { formatBytes } from '../values.ts';
import { escapeText } from './escape.ts';
import { renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

export function render(data: LunList, view: View): string {
  if (data.portal) return data.portal.luns.map((lun) => `${escapeText(data.portal!.url)}/${lun}`).join('\n');
  return (data.arrays ?? []).map((array) => renderArray(array, view)).join('\n\n');
}

function renderArray({ array, serial, volumes, error }: ArrayLuns, view: View): string {
  const title = `${view.strong(escapeText(array))} ${view.faint(escapeText(serial))}`;
  if (!volumes) return `${title}\n${view.bad(error?.class ?? 'unknown')}: ${escapeText(error?.why ?? '')}`;
  const rows = volumes.map((volume): Cell[] => [
    volume.lun,
    volume.name,
    volume.kind,
    formatBytes(volume.blockSize * volume.blockCount),
    volume.access,
    volume.role === 'simplex' ? '-' : volume.role,
    [volume.group, volume.pair].filter((part) => part !== '').join('/') || '-',
    volume.kind === 'virtual' ? `${volume.targetSerial} LUN ${volume.targetLun}` : '-',
    formatBytes(volume.allocatedBytes),
  ]);
  return `${title}\n${renderTable(['LUN', 'NAME', 'KIND', 'SIZE', 'ACCESS', 'ROLE', 'PAIR', 'STANDS FOR', 'IN USE'], rows, view)}`;
}
