import type { JournalStatus } from '../../host/operations.ts';
import type { PairProgress } from '../../replication/events.ts';
import type { CommandEvent } from '../context.ts';
import type { DemoCycle, DemoEventBody, DemoSummary, SentBlock } from '../demo/events.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { escapeText } from './escape.ts';
import { renderJournals } from './group.ts';
import { renderSummary } from './lab-demo-summary.ts';
import { auxiliaryRegions, primaryRegions, ringCells, type Region } from './ring.ts';
import { renderTable } from './table.ts';
import type { View } from './view.ts';
import { wrapText } from './wrap.ts';

export function render(data: DemoSummary, view: View): string {
  return renderSummary(data, view);
}

const INDENT = '   ';

/** The piece of the story that an event tells. */
export function renderEvent(event: CommandEvent, view: View): string | undefined {
  const body = event as unknown as DemoEventBody | { readonly event: 'hello' };
  switch (body.event) {
    case 'chapter':
      return chapter(body.number, body.title, body.text, view);
    case 'block':
      return blockLine(body, view);
    case 'cycle':
      return cycleLines(body, view);
    case 'journals':
      return indent(`\n${renderJournals(body, narrower(view))}\n`);
    case 'arrays':
      return arrays(body, view);
    case 'hello':
      return `${view.strong('cdctl lab demo')}: two arrays, one lost host, nothing lost`;
    default:
      return indent(wrapText(`${mark(body.event, view)} ${sentence(body)}`, view.width - INDENT.length));
  }
}

function chapter(number: number, title: string, text: string, view: View): string {
  const rule = (view.unicode ? '─' : '-').repeat(Math.max(4, Math.min(view.width, 78) - title.length - 5));
  const head = `${view.strong(`${number}. ${title}`)} ${view.faint(rule)}`;
  return `\n${head}\n${view.faint(indent(wrapText(text, Math.min(view.width, 78) - INDENT.length)))}`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `${INDENT}${line}`))
    .join('\n');
}

function narrower(view: View): View {
  return { ...view, width: view.width - INDENT.length };
}

type Told = Exclude<DemoEventBody, { event: 'chapter' | 'block' | 'cycle' | 'journals' | 'arrays' }>;

function mark(event: Told['event'], view: View): string {
  if (event === 'host-killed') return view.bad(view.unicode ? '✗' : 'x');
  if (event === 'loading') return view.faint('.');
  return view.good(view.unicode ? '✓' : '*');
}

function sentence(body: Told): string {
  switch (body.event) {
    case 'loading':
      return `${formatBytes(body.bytes)} of ${formatBytes(body.byteLength)}`;
    case 'loaded': {
      const what = `${body.beginning ? 'the beginning of ' : ''}${escapeText(body.path)}`;
      return `${formatBytes(body.byteLength)}, ${what}, written to ${body.array} LUN ${body.lun} and flushed in ${formatDuration(body.elapsedMs)}; SHA-256 ${body.sha256}`;
    }
    case 'host-started':
      return `process ${body.pid} writes to the volumes ${body.volumes.join(' and ')} of ${body.site}`;
    case 'host-killed':
      return `process ${body.pid} is dead; ${body.site} had acknowledged ${count(body.acknowledged, 'write')} to it`;
    case 'host-ended':
      return `process ${body.pid} ended by itself; ${body.site} acknowledged ${count(body.acknowledged, 'write')} to it`;
    case 'swapped':
      return `${body.primary} is primary from write ${body.sequence} on, ${formatDuration(body.sinceKillMs)} after the kill`;
    case 'proved':
      return proofText(body);
    case 'refused':
      return `${body.array} refuses a host's write now: ${escapeText(body.answer)}`;
    default:
      return `the lab is down and ${escapeText(body.directory)} is removed`;
  }
}

function proofText(proof: {
  array: string;
  compared: number;
  unacknowledged: number;
  byteLength: number;
  sha256: string;
}): string {
  const later =
    proof.unacknowledged === 0
      ? ''
      : `; ${count(proof.unacknowledged, 'block')} more hold a write that arrived although its host never heard so`;
  return (
    `${proof.array} holds all of it: ${count(proof.compared, 'acknowledged block')} are equal byte for byte${later}; ` +
    `the file's ${formatBytes(proof.byteLength)} hash to ${proof.sha256.slice(0, 16)}..., as they were loaded`
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function arrays(body: Extract<DemoEventBody, { event: 'arrays' }>, view: View): string {
  const rows = body.lab.arrays.map(({ name, serial, pid, host, port, targetName }) => [
    name,
    serial,
    `pid ${pid ?? '-'}`,
    `iscsi://${host}:${port}/${targetName}`,
  ]);
  return indent(renderTable(['ARRAY', 'SERIAL', 'PROCESS', 'PORTAL'], rows, view));
}

/** One line for each block that was answered; trouble gets a line of its own. An arrow: a virtual volume leads on. */
function blockLine(block: SentBlock, view: View): string | undefined {
  if (block.kind === 'sent') return undefined;
  const number = `0x${block.processNumber.toString(16).padStart(4, '0')}`;
  const arrow = block.through === block.array ? '' : ` ${view.unicode ? '→' : '->'} ${block.array}`;
  const way = `${block.through} LUN ${block.lun}${arrow}`;
  const slot = block.slot < 0 ? '' : `slot ${block.slot}`;
  const line = `${number} ${block.process.padEnd(16)} ${way.padEnd(20)} ${slot.padEnd(8)} ${outcome(block)}`;
  return indent(block.kind === 'answered' ? view.faint(line) : view.warn(line));
}

function outcome({ kind, status, elapsedMs, detail }: SentBlock): string {
  if (kind === 'answered') return `${status ?? ''} ${formatDuration(elapsedMs ?? 0)}`;
  return detail === undefined ? kind : `${kind}: ${escapeText(detail)}`;
}

const RING_WIDTH = 40;

function cycleLines(cycle: DemoCycle, view: View): string {
  const { figures, primaryJournal, auxiliaryBefore, auxiliaryJournal } = cycle;
  const bytes = figures.bytes === undefined ? '' : ` (${formatBytes(figures.bytes)})`;
  const lag = figures.lagMs === undefined ? '' : `, lag ${formatDuration(figures.lagMs)}`;
  const moved = `${figures.recordsAcquired} acquired${bytes}, ${figures.recordsRestored} to restore, ${figures.recordsPurged} purged${lag}`;
  const copy = cycle.copying.filter(({ state }) => state === 'copy');
  return indent(
    [
      `${view.strong(`cycle ${cycle.number}`)}  ${moved}`,
      ...(copy.length > 0 ? [`  copying ${copy.map(copyText).join(', ')}`] : []),
      ringLine(figures.primary, primaryJournal, primaryRegions(primaryJournal, auxiliaryBefore), view),
      ringLine(figures.auxiliary, auxiliaryJournal, auxiliaryRegions(auxiliaryJournal), view),
      '',
    ].join('\n'),
  );
}

function copyText({ pair, copiedChunks, copyChunks, chunkBytes }: PairProgress): string {
  return `${pair} ${formatBytes(copiedChunks * chunkBytes)} of ${formatBytes(copyChunks * chunkBytes)}`;
}

/** The cyclic data region from head to end as one line, with what its parts are. */
function ringLine(array: string, journal: JournalStatus, regions: readonly Region[], view: View): string {
  const index = view.unicode ? 0 : 1;
  const width = Math.max(12, Math.min(RING_WIDTH, view.width - 42));
  const cells = ringCells(journal, regions, width);
  const free = view.faint(view.unicode ? '░' : '.');
  const ring = cells.map((cell) => (cell ? view[cell.paint](cell.glyph[index]) : free)).join('');
  const legend = regions.map((each) => `${view[each.paint](each.glyph[index])} ${each.name} ${each.records}`).join(' ');
  return `  ${array.padEnd(6)} [${ring}] ${legend === '' ? view.faint('empty') : legend}`;
}
