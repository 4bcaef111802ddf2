import type { LunScan, ScannedLun, ScannedPlace } from '../commands/lun-scan.ts';
import { formatBytes } from '../values.ts';
import { escapeText } from './escape.ts';
import { renderRows } from './sections.ts';
import type { Cell } from './table.ts';
import type { View } from './view.ts';

export function render(data: LunScan, view: View): string {
  const shared = sharedNames(data);
  return data.places.map((place) => renderPlace(place, data, shared, view)).join('\n\n');
}

/** A world wide name that stands twice is one unit by several paths. */
function sharedNames({ places }: LunScan): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const paths = new Map(places.flatMap(({ luns }) => luns).map((lun) => [lun.path, lun]));
  for (const { worldWideName } of paths.values()) {
    if (worldWideName !== '') counts.set(worldWideName, (counts.get(worldWideName) ?? 0) + 1);
  }
  return counts;
}

function renderPlace(
  place: ScannedPlace,
  { initiatorName }: LunScan,
  shared: ReadonlyMap<string, number>,
  view: View,
): string {
  const title = view.strong(escapeText(place.place));
  const error = place.error && `${view.bad(place.error.class)}: ${escapeText(place.error.why)}`;
  if (place.luns.length === 0 && error) return `${title}\n${error}`;
  if (place.luns.length === 0) return `${title}\n${view.faint(nothing(place, initiatorName))}`;
  const many = place.luns.some(({ worldWideName }) => (shared.get(worldWideName) ?? 0) > 1);
  const head = ['LUN', 'SIZE', 'BLOCK', 'KIND', 'ACCESS', 'PRODUCT', 'SERIAL', 'WORLD WIDE NAME'];
  const rows = place.luns.map((lun) => [
    ...row(place, lun, view),
    ...(many ? [(shared.get(lun.worldWideName) ?? 0) > 1 ? `${shared.get(lun.worldWideName)} paths` : '-'] : []),
  ]);
  const table = renderRows(many ? [...head, 'PATHS'] : head, rows, view);
  return [title, table, ...(error ? [error] : [])].join('\n');
}

/** Targets show each initiator its own. */
function nothing({ place }: ScannedPlace, initiatorName: string | undefined): string {
  return place === '/dev' || initiatorName === undefined ? 'nothing there' : `nothing there for ${initiatorName}`;
}

function row({ place }: ScannedPlace, lun: ScannedLun, view: View): Cell[] {
  const name = lun.path.startsWith(`${place}/`) ? lun.path.slice(place.length + 1) : lun.path;
  if (lun.error) return [name, '-', '-', { painted: view.bad(lun.error.class) }, '-', lun.error.why, '-', '-'];
  return [
    name,
    lun.blockCount === undefined ? '-' : formatBytes(lun.blockCount * lun.blockSize!),
    blockWords(lun),
    [lun.kind, lun.array === undefined ? '' : `of ${lun.array}`, lun.thin ? 'thin' : ''].filter(Boolean).join(', '),
    accessWords(lun),
    [lun.vendor, lun.product].filter(Boolean).join(' ') || '-',
    lun.serial || '-',
    lun.worldWideName || '-',
  ];
}

function blockWords({ blockSize, physicalBlockSize = blockSize }: ScannedLun): string {
  if (blockSize === undefined) return '-';
  return physicalBlockSize === blockSize ? String(blockSize) : `${blockSize} in ${physicalBlockSize}`;
}

function accessWords({ usedBy, writeProtected }: ScannedLun): string {
  if (usedBy !== undefined) return `in use: ${usedBy}`;
  return writeProtected ? 'write protected' : writeProtected === undefined ? '-' : 'read, write';
}
