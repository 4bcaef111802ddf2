import type { Layout } from '../../src/base/layout.ts';
import { annotatedLines, layoutTable, markdownTable } from '../../src/base/layout-document.ts';
import { CHALLENGE } from '../../src/interface-block/challenge.ts';
import { CONTROL_PARAMETER } from '../../src/interface-block/control-parameter.ts';
import { describeBlock, describeLabel } from '../../src/interface-block/describe.ts';
import { LABEL } from '../../src/interface-block/label.ts';
import { PROCESSES, type MessageShape, type ProcessDefinition } from '../../src/interface-block/process-table.ts';
import { STATUS, STATUS_MEANING, type StatusName } from '../../src/interface-block/status.ts';
import { readFixture, readText } from '../support/fixture.ts';

/** The parts of `src/interface-block/README.md` that code generates, by the name in their marker. */
export function readmeSections(): Map<string, string> {
  const sections = new Map<string, string>([
    ['label', layoutTable(LABEL)],
    ['challenge', layoutTable(CHALLENGE)],
    ['control parameter', layoutTable(CONTROL_PARAMETER)],
    ['status codes', statusTable()],
    ['process numbers', processTable()],
    ['processes', Object.values(PROCESSES).map(processSection).join('\n\n')],
  ]);
  for (const name of ['label', 'journal-show-request', 'journal-show-answer', 'journal-show-refused']) {
    sections.set(`fixtures/interface-block/${name}.hex`, fenced(readText(`fixtures/interface-block/${name}.hex`)));
    sections.set(`fields of ${name}`, fenced(fieldsOf(name)));
  }
  return sections;
}

/** Puts the generated text between `<!-- generated: NAME -->` and `<!-- end -->`, for every marker in `readme`. */
export function renewReadme(readme: string): string {
  const sections = readmeSections();
  return readme.replaceAll(/<!-- generated: (.+?) -->\n[^]*?<!-- end -->/g, (_whole, name: string) => {
    const text = sections.get(name);
    if (text === undefined) throw new Error(`nothing generates ${name}`);
    return `<!-- generated: ${name} -->\n\n${text}\n\n<!-- end -->`;
  });
}

/** The generated sections that the page shows, in order. */
export function markersOf(readme: string): string[] {
  return [...readme.matchAll(/<!-- generated: (.+?) -->/g)].map((match) => match[1]!);
}

function fieldsOf(name: string): string {
  const bytes = readFixture(`interface-block/${name}.hex`);
  const { sections } = name === 'label' ? describeLabel(bytes) : describeBlock(bytes);
  return sections.map(({ title, fields }) => [`${title}:`, ...annotatedLines(fields)].join('\n')).join('\n\n');
}

function statusTable(): string {
  const rows = Object.entries(STATUS).map(([name, code]) => [
    String(code),
    `\`${name}\``,
    STATUS_MEANING[name as StatusName],
  ]);
  return markdownTable(['code', 'name', 'meaning'], rows, ['code']);
}

function processTable(): string {
  const rows = Object.values(PROCESSES).map((process: ProcessDefinition) => [
    hexNumber(process.number),
    `\`${process.name}\``,
    process.changes ? 'yes' : 'no',
    process.doc,
  ]);
  return markdownTable(['number', 'name', 'changes', 'what it does'], rows);
}

function processSection(process: ProcessDefinition): string {
  return [
    `### ${hexNumber(process.number)} \`${process.name}\``,
    process.doc,
    ...messageParts('Input parameter', process.request),
    ...messageParts('Edited data', process.reply),
  ].join('\n\n');
}

function messageParts(title: string, { header, row }: MessageShape): string[] {
  const headerPart = header.size > 0 ? [`${title}, ${header.size} bytes:`, layoutTable(header)] : [];
  if (row) return [...headerPart, rowTitle(title, header, row), layoutTable(row)];
  return headerPart.length > 0 ? headerPart : [`${title}: none.`];
}

function rowTitle(title: string, header: Layout, row: Layout): string {
  if (header.size === 0) return `${title}: rows of ${row.size} bytes, as many as there are:`;
  return `${title}, from byte ${header.size}: rows of ${row.size} bytes, as many as there are:`;
}

function hexNumber(number: number): string {
  return `0x${number.toString(16).padStart(4, '0')}`;
}

function fenced(text: string): string {
  return ['```text', text.trimEnd(), '```'].join('\n');
}
