import type { Layout } from '../base/layout.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { EDITED_DATA_LIMIT, INPUT_LIMIT } from './geometry.ts';
import {
  PROCESSES,
  type MessageShape,
  type MessageValue,
  type ProcessName,
  type ReplyOf,
  type RequestOf,
} from './process-table.ts';

/** Messages (input parameters and edited data): one header, then as many rows as the length has room for. */

type Fields = Readonly<Record<string, unknown>>;
type Message = MessageValue<Fields, Fields>;

/** Throws where a value does not fit its field, or rows are given that the shape does not have. */
export function encodeMessage(shape: MessageShape, message: Message): Uint8Array {
  const rowSize = shape.row?.size ?? 0;
  if (!shape.row && message.rows.length > 0) throw new RangeError(`${shape.header.name}: a message without rows`);
  const bytes = new Uint8Array(shape.header.size + message.rows.length * rowSize);
  shape.header.encodeInto(bytes, 0, message.header);
  message.rows.forEach((row, index) => shape.row?.encodeInto(bytes, shape.header.size + index * rowSize, row));
  return bytes;
}

/** Total; every byte must belong to the header or to a whole row, and bytes that no field covers must be zeros. */
export function decodeMessage(shape: MessageShape, bytes: Uint8Array): Decoded<Message> {
  const length = checkLength(shape, bytes.length);
  if (!length.ok) return length;
  const header = decodePart(shape.header, bytes, 0);
  if (!header.ok) return header;
  const rows: Fields[] = [];
  for (let offset = shape.header.size; offset < bytes.length; offset += shape.row!.size) {
    const row = decodePart(shape.row!, bytes, offset);
    if (!row.ok) return inRow(row.violation, rows.length);
    rows.push(row.value);
  }
  return decoded({ header: header.value, rows });
}

/** The input parameter of a process; throws where a value does not fit. */
export function encodeRequest<N extends ProcessName>(process: N, request: RequestOf<N>): Uint8Array {
  const input = encodeMessage(PROCESSES[process].request, request);
  if (input.length > INPUT_LIMIT) {
    throw new RangeError(`${process}: the input parameter needs ${input.length} bytes, limit ${INPUT_LIMIT}`);
  }
  return input;
}

export function decodeRequest<N extends ProcessName>(process: N, input: Uint8Array): Decoded<RequestOf<N>> {
  return decodeMessage(PROCESSES[process].request, input) as Decoded<RequestOf<N>>;
}

/** The edited data of a process; throws where a value does not fit. */
export function encodeReply<N extends ProcessName>(process: N, reply: ReplyOf<N>): Uint8Array {
  const edited = encodeMessage(PROCESSES[process].reply, reply);
  if (edited.length > EDITED_DATA_LIMIT) {
    throw new RangeError(`${process}: the edited data needs ${edited.length} bytes, limit ${EDITED_DATA_LIMIT}`);
  }
  return edited;
}

export function decodeReply<N extends ProcessName>(process: N, edited: Uint8Array): Decoded<ReplyOf<N>> {
  return decodeMessage(PROCESSES[process].reply, edited) as Decoded<ReplyOf<N>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The edited data of a refusal: one line for people, at most `limit` bytes of whole characters. */
export function encodeRefusal(text: string, limit = 1024): Uint8Array {
  const bytes = encoder.encode(text);
  let end = Math.min(bytes.length, limit);
  while (end < bytes.length && end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.slice(0, end);
}

/** As the array wrote it: escape it before it is printed. */
export function decodeRefusal(edited: Uint8Array): string {
  return decoder.decode(edited);
}

function checkLength(shape: MessageShape, length: number): Decoded<true> {
  const { header, row } = shape;
  const rest = length - header.size;
  if (!row) return rest === 0 ? decoded(true) : violated(header.name, `${length} bytes`, `${header.size} bytes`);
  if (rest >= 0 && rest % row.size === 0) return decoded(true);
  return violated(
    `${header.name}, ${row.name}`,
    `${length} bytes`,
    `${header.size} bytes and whole rows of ${row.size}`,
  );
}

function decodePart(layout: Layout, bytes: Uint8Array, offset: number): Decoded<Fields> {
  const value = layout.decode(bytes, offset);
  if (!value.ok) return value;
  const stray = strayByte(layout, bytes, offset);
  if (stray === undefined) return decoded(value.value as Fields);
  return violated(
    layout.name,
    `0x${bytes[offset + stray]!.toString(16)} at unused offset ${stray}`,
    'zeros between the fields',
  );
}

/** A newer sender's field must be refused, not ignored: the offset of a byte set where this version has no field. */
function strayByte(layout: Layout, bytes: Uint8Array, offset: number): number | undefined {
  const gaps = GAPS.get(layout) ?? gapsOf(layout);
  GAPS.set(layout, gaps);
  return gaps.find((at) => bytes[offset + at] !== 0);
}

const GAPS = new WeakMap<Layout, readonly number[]>();

/** Offsets of the bytes that no field covers. */
function gapsOf({ fields, size }: Layout): readonly number[] {
  const covered = new Set(fields.flatMap((field) => Array.from({ length: field.size }, (_, at) => field.offset + at)));
  return Array.from({ length: size }, (_, at) => at).filter((at) => !covered.has(at));
}

function inRow(violation: { field: string; got: string; limit: string }, index: number): Decoded<never> {
  return violated(`row ${index}: ${violation.field}`, violation.got, violation.limit);
}
