import type { DemoSummary } from '../demo/events.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { escapeText } from './escape.ts';
import type { View } from './view.ts';
import { wrapText } from './wrap.ts';

export function renderSummary(data: DemoSummary, view: View): string {
  const facts = factsOf(data);
  const nameWidth = Math.max(...facts.map(([name]) => name.length)) + 3;
  const lines = facts.map(([name, text]) => {
    const [first = '', ...more] = wrapText(text, Math.max(24, Math.min(view.width, 100) - nameWidth)).split('\n');
    return [`${view.faint(name.padEnd(nameWidth))}${first}`, ...more.map((line) => ' '.repeat(nameWidth) + line)].join(
      '\n',
    );
  });
  const next = data.kept ? ['', ...whatNext(data.kept, view)] : [];
  return ['', view.strong('What happened'), ...lines, ...next].join('\n');
}

function factsOf(data: DemoSummary): [string, string][] {
  const { file, blocks, proofs } = data;
  const acknowledged = Object.entries(data.acknowledged).map(([array, writes]) => `${writes} at ${array}`);
  const compared = proofs.map((proof) => `${proof.compared} at ${proof.array}`);
  const processes = Object.entries(blocks.byProcess).map(([process, sent]) => `${process} ${sent}`);
  return [
    [
      'file',
      `${formatBytes(file.byteLength)} of ${escapeText(file.path)}, SHA-256 ${file.sha256}; the same at ${proofs.map(({ array }) => array).join(', then at ')}`,
    ],
    [
      'writes',
      `${acknowledged.join(', ')} acknowledged; none lost: the last of each block compared, ${compared.join(', ')}`,
    ],
    [
      'commands',
      `${blocks.sent} interface blocks, ${blocks.throughVirtual} of them through a virtual command device: ${processes.join(', ')}`,
    ],
    [
      'moved',
      `${formatBytes(data.copiedBytes)} copied, then ${data.journalRecords} journal records (${formatBytes(data.journalBytes)}) in ${data.cycles} cycles; lag at most ${formatDuration(data.largestLagMs)}`,
    ],
    ['swap', `osaka took writes ${formatDuration(data.sinceKillMs)} after the host at tokyo was killed`],
    ['took', formatDuration(data.elapsedMs)],
  ];
}

/** Commands that work one after the other, from the state that the story ends in: osaka is primary. */
function whatNext({ lab, programDirectory }: NonNullable<DemoSummary['kept']>, view: View): string[] {
  const directory = quote(lab.directory);
  const configuration = (site: string): string =>
    quote(lab.arrays.find(({ name }) => name === site)?.configuration ?? '');
  return [
    view.strong('The lab is still up. Try next'),
    `export PATH=${quote(programDirectory)}:"$PATH"`,
    `export CDCTL_LAB=${directory} CDCTL_CONFIG=${configuration('tokyo')}`,
    `cdctl pair show oradb                          ${view.faint('# state, lag, and what to do')}`,
    `cdctl journal show oradb                       ${view.faint('# both rings with their pointers')}`,
    `cdctl lab fault kill osaka                     ${view.faint('# lose the primary array')}`,
    `cdctl takeover oradb --at tokyo --dry-run      ${view.faint('# what would be done about it')}`,
    `cdctl lab fault start osaka                    ${view.faint('# it comes back as it was')}`,
    `cdctl swap oradb --to tokyo                    ${view.faint('# the planned way back')}`,
    `cdctl lab down && rm -r ${directory}`,
  ];
}

/** For a shell, where the text has anything in it that a shell would take for itself. */
function quote(text: string): string {
  const shown = escapeText(text);
  return /^[\w/.:@%+=-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
