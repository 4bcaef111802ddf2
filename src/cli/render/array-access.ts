import type { AccessEdit } from '../access-edit.ts';
import type { AccessShow } from '../commands/array-access-show.ts';
import type { AccessDescription } from '../services.ts';
import { escapeText } from './escape.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';

/** One table: who, proved how, sees what, may command what. */
export function render(data: AccessShow | AccessEdit, view: View): string {
  const head = 'open' in data ? [] : [editLine(data, view)];
  if (data.access === undefined) return 'everybody who reaches the array may do everything: it has no access file';
  return [...head, tableOf(data.access, view)].join('\n');
}

function editLine(data: AccessEdit, view: View): string {
  const directory = escapeText(data.directory);
  if (data.dryRun) return `${view.faint('would write into')} ${directory}/access.yaml:`;
  const when = data.applied ? 'it holds from now on' : 'it holds when the array is served';
  const begins = data.begins ? '; whoever is not named here is refused' : '';
  return `${view.good('done')}  ${directory}: ${when}${begins}`;
}

function tableOf(access: AccessDescription, view: View): string {
  const initiators = access.initiators.map(({ name, chap, luns, array, role, groups }) => [
    name,
    chap ? `CHAP ${chap.user}` : 'nothing',
    [luns === 'all' ? 'all but journals' : luns.join(' '), array ? `pairs with ${array}` : '']
      .filter(Boolean)
      .join(', '),
    role ?? '-',
    groups?.join(' ') ?? 'all',
  ]);
  const keys = access.keys.map(({ name, role, luns, groups }) => [
    name,
    'signed blocks',
    luns ? `pairs of ${luns.join(' ')}` : '-',
    role,
    groups?.join(' ') ?? 'all',
  ]);
  const rows = [...initiators, ...keys].map((row) => row.map(escapeText));
  return renderTable(['WHO', 'PROVED BY', 'SEES LUNS', 'COMMANDS AS', 'GROUPS'], rows, view);
}
