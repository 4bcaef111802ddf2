import { counted } from '../../replication/counted.ts';
import type { GroupState } from '../commands/pair-show.ts';
import type { PairRow } from '../../host/operations.ts';
import { isPresent, type ArrayObservation, type PresentSide } from '../../replication/observe.ts';
import type { Lag } from '../../replication/lag.ts';
import type { Verdict, VerdictKind } from '../../replication/verdict.ts';
import { formatBytes, formatDuration } from '../values.ts';
import { escapeText } from './escape.ts';
import { auxiliaryRegions, primaryRegions, renderRing } from './ring.ts';
import { renderTable, type Cell } from './table.ts';
import type { View } from './view.ts';

const PAINT: Readonly<Record<VerdictKind, 'good' | 'warn' | 'bad' | 'faint'>> = {
  absent: 'faint',
  'partly-formed': 'warn',
  copying: 'warn',
  replicating: 'good',
  suspended: 'warn',
  'handing-over': 'warn',
  'taken-over': 'warn',
  diverged: 'bad',
  unknown: 'bad',
};

/** `oradb  replicating  tokyo -> osaka`, the explanation, lag and the next step. */
export function renderVerdict(verdict: Verdict, view: View): string {
  const arrow = view.unicode ? '→' : '->';
  const way =
    verdict.primary && verdict.auxiliary
      ? `  ${escapeText(verdict.primary)} ${arrow} ${escapeText(verdict.auxiliary)}`
      : '';
  const lines = [
    `${view.strong(escapeText(verdict.group))}  ${view[PAINT[verdict.kind]](verdict.kind)}${way}`,
    `  ${escapeText(verdict.explanation)}`,
    `  ${view.faint('volumes')}  ${escapeText(verdict.currency.kind)}: ${escapeText(verdict.currency.rule)}`,
  ];
  if (verdict.lag) lines.push(`  ${view.faint('lag')}      ${lagText(verdict.lag)}`);
  lines.push(`  ${view.faint('next')}     ${escapeText(verdict.nextStep)}`);
  return lines.join('\n');
}

export function lagText(lag: Lag): string {
  const parts = [`${lag.exact ? '' : 'at least '}${counted(lag.writes, 'write')}`];
  if (lag.bytes !== undefined) parts.push(formatBytes(lag.bytes));
  if (lag.ms !== undefined) parts.push(formatDuration(lag.ms));
  if (lag.differentBytes > 0) parts.push(`${formatBytes(lag.differentBytes)} of differences`);
  return parts.join(', ');
}

export function renderMisfits({ misfits }: GroupState, view: View): string {
  return misfits.map((text) => `${view.warn('note:')} ${escapeText(text)}`).join('\n');
}

export function renderPairs({ observation }: GroupState, view: View): string {
  const rows = observation.sides.filter(isPresent).flatMap((side) => side.pairs.map((pair) => pairRow(side, pair)));
  if (rows.length === 0) return '';
  return renderTable(['ARRAY', 'PAIR', 'ROLE', 'STATE', 'LUN', 'HOSTS MAY', 'COPIED', 'DIFFERENT'], rows, view);
}

function pairRow(side: PresentSide, pair: PairRow): Cell[] {
  const reason = pair.suspendReason === 'none' ? '' : ` (${pair.suspendReason})`;
  const copying = pair.state === 'copy' && pair.copyChunks > 0;
  return [
    side.array,
    pair.pair,
    pair.role,
    `${pair.state}${reason}`,
    pair.role === 'primary' ? pair.primaryLun : pair.auxiliaryLun,
    pair.access,
    copying ? `${Math.floor((pair.copiedChunks * 100) / pair.copyChunks)} %` : '-',
    pair.differentChunks > 0 ? formatBytes(pair.differentChunks * pair.chunkBytes) : '-',
  ];
}

/** Both journals, the primary one first. */
export function renderJournals({ observation }: Pick<GroupState, 'observation'>, view: View): string {
  const sides = [...observation.sides].sort((left, right) => rank(left) - rank(right));
  const auxiliary = sides.find((side): side is PresentSide => isPresent(side) && side.journal.role === 'auxiliary');
  return sides.map((side) => renderJournal(side, auxiliary, view)).join('\n');
}

function rank(side: ArrayObservation): number {
  return isPresent(side) && side.journal.role === 'primary' ? 0 : 1;
}

function renderJournal(side: ArrayObservation, auxiliary: PresentSide | undefined, view: View): string {
  const name = view.strong(escapeText(side.array));
  if (!side.reachable) return `${name}  ${view.bad('does not answer')}: ${escapeText(side.error.message)}`;
  if (side.absent) return `${name}  ${view.faint('has no such group')}`;
  const { journal } = side;
  const primary = journal.role === 'primary';
  const peer = primary && auxiliary?.journal.generation === journal.generation ? auxiliary.journal : undefined;
  const regions = primary ? primaryRegions(journal, peer) : auxiliaryRegions(journal);
  const blocks = journal.endLba - journal.headLba;
  const used = `${Math.ceil((journal.usedBlocks * 100) / Math.max(1, blocks))} % in use`;
  const size = side.journalBlockBytes === undefined ? '' : ` of ${formatBytes(blocks * side.journalBlockBytes)}`;
  const error = journal.errorText === '' ? [] : [`  ${view.bad(escapeText(journal.errorText))}`];
  return [
    `${name}  ${journal.role} journal, LUN ${journal.localJournalLun}, ${used}${size}`,
    ...renderRing(journal, regions, view).map((line) => `  ${line}`),
    `       ${pointers(side)}`,
    ...error,
  ].join('\n');
}

function pointers({ journal }: PresentSide): string {
  if (journal.role === 'primary')
    return `journal-out ${journal.journalOutSequence}, journal-in ${journal.journalInSequence}`;
  const { restoredSequence, toBeRestoredSequence, readSequence, toBeReadSequence } = journal;
  return `restored ${restoredSequence}, to be restored ${toBeRestoredSequence}, read ${readSequence}, to be read ${toBeReadSequence}`;
}
