import type { LunShow } from '../commands/lun-show.ts';
import { formatBytes } from '../values.ts';
import { renderFacts, type Cell } from './table.ts';
import type { View } from './view.ts';

export function render(data: LunShow, view: View): string {
  const { path, identity, capacity, label } = data;
  const facts: [string, Cell][] = [
    ['path', path],
    ['vendor', identity.vendor || '-'],
    ['product', identity.product || '-'],
    ['revision', identity.revision || '-'],
    ['serial', identity.serial || '-'],
    ['world wide name', identity.worldWideName || '-'],
    [
      'blocks',
      `${capacity.blockCount} of ${capacity.blockSize} bytes (${formatBytes(capacity.blockCount * capacity.blockSize)})`,
    ],
    [
      'command device',
      label ? `of array ${label.arraySerial} (${label.arrayName}), ${label.commandNumber} commands so far` : 'no',
    ],
  ];
  return renderFacts(facts, view);
}
