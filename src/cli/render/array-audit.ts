import type { AuditShow } from '../commands/array-audit-show.ts';
import type { AuditVerify } from '../commands/array-audit-verify.ts';
import { escapeText } from './escape.ts';
import { renderFacts, renderTable } from './table.ts';
import type { View } from './view.ts';

export function render(data: AuditShow | AuditVerify, view: View): string {
  return 'records' in data ? showText(data, view) : verifyText(data, view);
}

function showText({ records }: AuditShow, view: View): string {
  const rows = records.map((record) =>
    [
      String(record.seq),
      new Date(record.wallMs).toISOString(),
      record.event,
      whoOf(record),
      record.host ?? record.manager ?? '-',
      record.process ?? '-',
      record.group ?? '-',
      record.status ?? '-',
      brief(record),
    ].map(escapeText),
  );
  return renderTable(['SEQ', 'TIME', 'EVENT', 'WHO', 'SAYS', 'COMMAND', 'GROUP', 'STATUS', 'WHY'], rows, view);
}

/** What happened, else what was asked: no more of it than a row has room for. `--json` has all. */
function brief({ sense, why, asked = '' }: AuditShow['records'][number]): string {
  const text = why === undefined ? asked : [sense, why].filter(Boolean).join(': ');
  return text.length > BRIEF ? `${text.slice(0, BRIEF)}...` : text;
}

const BRIEF = 160;

function whoOf({ key, initiator, address, manager }: AuditShow['records'][number]): string {
  if (manager !== undefined) return 'management';
  if (address !== undefined) return initiator === undefined ? address : `${initiator} at ${address}`;
  return key ? `key ${key}` : (initiator ?? '-');
}

function verifyText(data: AuditVerify, view: View): string {
  const { recordCount, files, firstSeq, last, findings, tornBytes, anchor } = data;
  const sound = view.good(`the chain holds from record ${firstSeq} to ${last.seq}`);
  const wrong = findings.map(({ file, offset, why }) => view.bad(escapeText(`${file} at byte ${offset}: ${why}`)));
  const facts: [string, string][] = [
    ['records', `${recordCount} in ${files} files`],
    ['last', anchor],
  ];
  if (tornBytes > 0) facts.push(['unfinished', `${tornBytes} bytes of a last record, not yet answered to`]);
  return [...(findings.length === 0 ? [sound] : wrong), renderFacts(facts, view)].join('\n');
}
