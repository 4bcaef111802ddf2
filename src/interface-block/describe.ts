import { readU16, readU32 } from '../base/bytes.ts';
import type { Layout } from '../base/layout.ts';
import { annotate, type AnnotatedField } from '../base/layout-document.ts';
import type { Decoded, Violation } from '../base/violation.ts';
import { decodeRequestPart, decodeSlot, type RequestBlock, type SlotContent } from './block.ts';
import { CONTROL_PARAMETER } from './control-parameter.ts';
import { CONTROL_SIZE, INPUT_LIMIT, PAGE_SIZE, WRITE_UNIT } from './geometry.ts';
import { decodeLabel, LABEL, type Label } from './label.ts';
import { decodeMessage, decodeRefusal } from './message.ts';
import { processByNumber, type MessageShape } from './process-table.ts';
import { STATUS_MEANING, statusName } from './status.ts';

/** A stretch of bytes with the fields that stand in it, for an annotated hex dump. */
export interface DumpSection {
  readonly title: string;
  readonly fields: readonly AnnotatedField[];
}

/** An interface block as plain data, sound or not: what `block decode` and `--dry-run` show. */
export interface BlockDescription {
  readonly byteLength: number;
  /** Why the block must not be executed or believed; absent where it is sound. */
  readonly violation?: Violation;
  /** Absent where `violation` is there, and for a free slot. */
  readonly block?: RequestBlock | SlotContent;
  /** Known process numbers only. */
  readonly processName?: string;
  readonly processDoc?: string;
  /** Complete blocks only. */
  readonly statusName?: string;
  readonly statusMeaning?: string;
  readonly input?: MessageDescription;
  /** Edited data of one page, status ok. */
  readonly reply?: MessageDescription;
  /** The array's words where it refused: escape before printing. */
  readonly refusal?: string;
  readonly sections: readonly DumpSection[];
}

/** A decoded message, or why it is none. */
export type MessageDescription =
  | { readonly header: Readonly<Record<string, unknown>>; readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly violation: Violation };

/** Takes 4096 bytes as a request part and anything else as a slot; total. */
export function describeBlock(bytes: Uint8Array): BlockDescription {
  const checked: Decoded<RequestBlock | SlotContent | { readonly state: 'free' }> =
    bytes.length === WRITE_UNIT ? decodeRequestPart(bytes) : decodeSlot(bytes);
  const common = { byteLength: bytes.length, sections: dumpSections(bytes) };
  if (!checked.ok) return { ...common, violation: checked.violation };
  if (!('requestId' in checked.value)) return common;
  const block = checked.value;
  const process = processByNumber(block.process);
  return {
    ...common,
    block,
    ...(process && {
      processName: process.name,
      processDoc: process.doc,
      input: describeMessage(process.request, block.input),
    }),
    ...('status' in block && block.state === 'complete' && describeAnswer(block, process?.reply)),
  };
}

/** A label as plain data with its dump; total. */
export function describeLabel(bytes: Uint8Array): {
  readonly label: Decoded<Label>;
  readonly sections: readonly DumpSection[];
} {
  return { label: decodeLabel(bytes), sections: [{ title: 'label', fields: annotate(LABEL, bytes) }] };
}

type AnswerDescription = Pick<BlockDescription, 'statusName' | 'statusMeaning' | 'reply' | 'refusal'>;

function describeAnswer(block: SlotContent, shape: MessageShape | undefined): AnswerDescription {
  const name = statusName(block.status);
  const status = name === undefined ? {} : { statusName: name, statusMeaning: STATUS_MEANING[name] };
  if (block.status !== 0) return { ...status, refusal: decodeRefusal(block.editedPage) };
  if (!shape || block.pageCount > 1) return status;
  return { ...status, reply: describeMessage(shape, block.editedPage) };
}

function describeMessage(shape: MessageShape, bytes: Uint8Array): MessageDescription {
  const message = decodeMessage(shape, bytes);
  return message.ok ? message.value : { violation: message.violation };
}

/** By the lengths that the block claims, kept within the bytes there are, so that damaged blocks can be looked at too. */
function dumpSections(bytes: Uint8Array): DumpSection[] {
  const sections: DumpSection[] = [{ title: 'control parameter', fields: annotate(CONTROL_PARAMETER, bytes) }];
  if (bytes.length < CONTROL_SIZE) return sections;
  const process = processByNumber(readU16(bytes, 10));
  const inputEnd = CONTROL_SIZE + Math.min(readU32(bytes, 64), INPUT_LIMIT);
  sections.push(...messageSections('input parameter', process?.request, bytes.subarray(0, inputEnd), CONTROL_SIZE));
  const pageEnd = WRITE_UNIT + Math.min(readU32(bytes, 72), PAGE_SIZE);
  const shape = readU16(bytes, 14) === 0 && readU32(bytes, 60) === 1 ? process?.reply : undefined;
  sections.push(...messageSections('edited data', shape, bytes.subarray(0, pageEnd), WRITE_UNIT));
  return sections.filter((section) => section.fields.length > 0);
}

function messageSections(
  title: string,
  shape: MessageShape | undefined,
  bytes: Uint8Array,
  offset: number,
): DumpSection[] {
  if (offset >= bytes.length) return [];
  if (!shape) return [{ title, fields: [rawField(bytes, offset)] }];
  const sections = [{ title: `${title}: ${shape.header.name}`, fields: annotate(shape.header, bytes, offset) }];
  return [...sections, ...rowSections(title, shape.row, bytes, offset + shape.header.size)];
}

function rowSections(title: string, row: Layout | undefined, bytes: Uint8Array, offset: number): DumpSection[] {
  if (!row || bytes.length < offset) return [];
  return Array.from({ length: Math.floor((bytes.length - offset) / row.size) }, (_, index) => ({
    title: `${title}: ${row.name} row ${index}`,
    fields: annotate(row, bytes, offset + index * row.size),
  }));
}

function rawField(bytes: Uint8Array, offset: number): AnnotatedField {
  const raw = bytes.subarray(offset);
  const hex = Buffer.from(raw).toString('hex');
  return { offset, size: raw.length, name: 'bytes', hex, meaning: '', doc: '' };
}
