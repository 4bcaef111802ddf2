import type { LabUp } from '../commands/lab-up.ts';
import type { LabArray, LabReport } from '../services.ts';
import { escapeText } from './escape.ts';
import { renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

export function render(data: LabUp, view: View): string {
  if (data.plan) return renderPlanLines(data.plan, view);
  return data.lab ? `${renderArrays(data.lab, view)}\n\n${renderUse(data.lab, view)}` : '';
}

/** What would be done, where no interface block is concerned. */
export function renderPlanLines(lines: readonly string[], view: View): string {
  if (lines.length === 0) return view.faint('nothing to do');
  return lines.map((line, index) => `${view.faint(`${index + 1}.`)} ${escapeText(line)}`).join('\n');
}

export function renderArrays(lab: LabReport, view: View): string {
  const rows = lab.arrays.map((array): Cell[] => [
    array.name,
    array.serial,
    state(array, view),
    array.pid ?? '-',
    `iscsi://${array.host}:${array.port}/${array.targetName}`,
    links(lab, array),
  ]);
  return renderTable(['ARRAY', 'SERIAL', 'STATE', 'PID', 'PORTAL', 'LINK'], rows, view);
}

function links(lab: LabReport, { name }: LabArray): string {
  const own = lab.links.filter(({ from }) => from === name).map((link) => `${link.to} ${link.state}`);
  return own.join(', ') || '-';
}

function renderUse(lab: LabReport, view: View): string {
  const lines = lab.arrays.map(
    ({ name, configuration }) =>
      `  export CDCTL_CONFIG=${escapeText(configuration)}   ${view.faint(`# a host at ${escapeText(name)}`)}`,
  );
  return [`${view.faint('directory')}  ${escapeText(lab.directory)}`, view.faint('to use it:'), ...lines].join('\n');
}

function state({ state: now }: LabArray, view: View): Cell {
  const paint = now === 'running' ? view.good : now === 'paused' ? view.warn : view.bad;
  return { painted: paint(now) };
}
