import type { ConfigShow } from '../commands/config-show.ts';
import { NAME_VARIABLE } from '../initiator-name.ts';
import { escapeText } from './escape.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: ConfigShow, view: View): string {
  return [
    `${view.strong('file')}       ${escapeText(data.file)}`,
    `${view.strong('initiator')}  ${escapeText(data.initiatorName.name)} ${view.faint(`(${GIVEN_BY[data.initiatorName.from]})`)}`,
    '',
    arrayTable(data, view),
    '',
    groupTable(data, view),
  ].join('\n');
}

const GIVEN_BY = {
  option: '--initiator-name',
  environment: NAME_VARIABLE,
  configuration: 'this file',
  default: 'of the host name',
} as const;

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
