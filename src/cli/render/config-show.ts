import type { ConfigShow } from '../commands/config-show.ts';
import { escapeText } from './escape.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: ConfigShow, view: View): string {
  return [
    `${view.strong('file')}  ${escapeText(data.file)}`,
    '',
    arrayTable(data, view),
    '',
    groupTable(data, view),
  ].join('\n');
}

function arrayTable(data: ConfigShow, view: View): string {
  const rows = data.arrays.map(({ name, serial, portal, commandDevices }) => [
    name,
    serial,
    portal ?? '-',
    { painted: commandDevices.map(escapeText).join('\n') },
  ]);
  return renderTable(['ARRAY', 'SERIAL', 'PORTAL', 'COMMAND DEVICES'], rows, view);
}

function groupTable(data: ConfigShow, view: View): string {
  const rows = data.groups.flatMap((group) =>
    group.pairs.map((pair) => [
      group.name,
      pair.name,
      ...group.arrays.map((array) => `${array} LUN ${pair.luns[array]}`),
      group.arrays.map((array) => `${array} LUN ${group.journals[array]}`).join(', '),
    ]),
  );
  return renderTable(['GROUP', 'PAIR', 'ONE VOLUME', 'THE OTHER', 'JOURNALS'], rows, view);
}
