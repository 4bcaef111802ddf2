import { toHex } from './bytes.ts';
import type { FieldShape, Layout } from './layout.ts';

/** What a layout says about itself: an annotated hex dump of bytes, and the table for the documentation. */

export interface AnnotatedField {
  /** Byte offset in the dumped bytes. */
  readonly offset: number;
  readonly size: number;
  readonly name: string;
  readonly hex: string;
  /** The meaning of the bytes in words: a number, a quoted text, the name of an enum value; empty for raw bytes. */
  readonly meaning: string;
  readonly doc: string;
}

/** Field by field, with what lies between the fields as `(unused)`; fields that `bytes` is too short for are left out. */
export function annotate(layout: Layout, bytes: Uint8Array, offset = 0): AnnotatedField[] {
  const rows: AnnotatedField[] = [];
  for (const field of withGaps(layout)) {
    const at = offset + field.offset;
    if (at + field.size > bytes.length) break;
    const raw = bytes.subarray(at, at + field.size);
    rows.push({
      offset: at,
      size: field.size,
      name: field.name,
      hex: toHex(raw),
      meaning: meaningOf(field, raw),
      doc: field.doc,
    });
  }
  return rows;
}

/** One line per field: offset, bytes, name and meaning. Long runs of bytes are cut after `hexLimit` bytes. */
export function annotatedLines(fields: readonly AnnotatedField[], hexLimit = 16): string[] {
  return fields.map((field) => {
    const shown = field.size > hexLimit ? `${field.hex.slice(0, hexLimit * 2)}...` : field.hex;
    const left = `${field.offset.toString(16).padStart(4, '0')}  ${shown.padEnd(hexLimit * 2 + 3)}`;
    return `${left}  ${field.name}${field.meaning === '' ? '' : ` = ${field.meaning}`}`;
  });
}

/** A Markdown table of the layout: offset, size, kind, name, meaning. */
export function layoutTable(layout: Layout): string {
  const rows = layout.fields.map((field) => [
    String(field.offset),
    String(field.size),
    field.kind,
    `\`${field.name}\``,
    documentField(field),
  ]);
  return markdownTable(['offset', 'bytes', 'kind', 'field', 'meaning'], rows, ['offset', 'bytes']);
}

/** A Markdown table with aligned columns; those named in `numeric` are flush right. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly string[] = [],
): string {
  const widths = header.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]!.length)));
  const right = header.map((title) => numeric.includes(title));
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (right[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!))).join(' | ')} |`;
  const rule = widths.map((width, at) => (right[at] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [lineOf(header), `| ${rule.join(' | ')} |`, ...rows.map(lineOf)].join('\n');
}

function documentField(field: FieldShape): string {
  if (field.kind === 'constant') return `${field.doc}: "${field.constant}"`;
  if (field.kind !== 'enum') return field.doc;
  const values = Object.entries(field.values ?? {}).map(([name, code]) => `${code} ${name}`);
  return `${field.doc}: ${values.join(', ')}`;
}

function withGaps(layout: Layout): FieldShape[] {
  const fields: FieldShape[] = [];
  let end = 0;
  const gap = (to: number): void => {
    if (to > end) fields.push({ name: '(unused)', offset: end, size: to - end, kind: 'bytes', doc: '' });
  };
  for (const field of layout.fields) {
    gap(field.offset);
    fields.push(field);
    end = field.offset + field.size;
  }
  gap(layout.size);
  return fields;
}

function meaningOf(field: FieldShape, raw: Uint8Array): string {
  switch (field.kind) {
    case 'hex':
    case 'bytes':
    case 'reserved':
      return '';
    case 'text':
    case 'constant':
      return JSON.stringify(new TextDecoder().decode(raw).replace(/\0+$/, ''));
    case 'enum':
      return Object.entries(field.values ?? {}).find(([, code]) => code === raw[0])?.[0] ?? `${raw[0]} (unknown)`;
    default:
      return BigInt(`0x${toHex(raw)}`).toString();
  }
}
