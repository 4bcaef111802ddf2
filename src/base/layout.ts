import { fromHex, isAllZero, readU16, readU32, readU64, toHex, writeU16, writeU32, writeU64 } from './bytes.ts';
import { decoded, violated, type Decoded } from './violation.ts';

/**
 * Fixed layouts: each offset is stated once, in a literal, and encoder, decoder, hex annotation and documentation are
 * read off it. Integers are big-endian.
 *
 * Kinds: `u8 u16 u32 u64` numbers (u64 up to 2^53 - 1); `flag` a byte 0 or 1; `text` UTF-8 padded with zeros; `hex` raw
 * bytes shown as lower-case hex; `bytes` raw bytes; `enum` a byte whose meanings `values` lists; `constant` a text that
 * must stand there; `reserved` zeros that must be zeros. What no field covers is written as it was and read past.
 */
export interface FieldShape {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly kind: 'u8' | 'u16' | 'u32' | 'u64' | 'flag' | 'text' | 'hex' | 'bytes' | 'enum' | 'constant' | 'reserved';
  readonly values?: Readonly<Record<string, number>>;
  readonly constant?: string;
  /** One line for the documentation. */
  readonly doc: string;
}

/** Of a field that is only known to be some field, nothing is known of its value. */
type FieldValue<F> = FieldShape extends F
  ? unknown
  : F extends { kind: 'u8' | 'u16' | 'u32' | 'u64' }
    ? number
    : F extends { kind: 'flag' }
      ? boolean
      : F extends { kind: 'bytes' }
        ? Uint8Array
        : F extends { kind: 'enum'; values: infer V }
          ? keyof V & string
          : string;

type Writable<F> = F extends { kind: 'constant' | 'reserved' } ? never : F;

/** The record that a list of fields describes; constants and reserved bytes are not part of it. */
export type LayoutValue<Fields extends readonly FieldShape[]> = {
  [F in Writable<Fields[number]> as F['name']]: FieldValue<F>;
};

export interface Layout<Fields extends readonly FieldShape[] = readonly FieldShape[]> {
  readonly name: string;
  readonly size: number;
  readonly fields: Fields;
  /** A new array of `size` bytes; throws where a value does not fit its field (a mistake of the caller). */
  encode(value: LayoutValue<Fields>): Uint8Array;
  encodeInto(target: Uint8Array, offset: number, value: LayoutValue<Fields>): void;
  /** Reads `size` bytes at `offset`; total. */
  decode(bytes: Uint8Array, offset?: number): Decoded<LayoutValue<Fields>>;
}

export type ValueOf<L> = L extends Layout<infer Fields> ? LayoutValue<Fields> : never;

/** Checks the literal when the module loads: inside the size, no overlap, sizes that the kinds can have. */
export function defineLayout<const Fields extends readonly FieldShape[]>(
  name: string,
  size: number,
  fields: Fields,
): Layout<Fields> {
  assertFields(name, size, fields);
  const readers = fields.map((field) => ({ field, read: readerOf(name, field) }));
  const layout: Layout<Fields> = {
    name,
    size,
    fields,
    encode(value) {
      const bytes = new Uint8Array(size);
      layout.encodeInto(bytes, 0, value);
      return bytes;
    },
    encodeInto(target, offset, value) {
      if (offset + size > target.length) throw new RangeError(`${name}: ${size} bytes do not fit at ${offset}`);
      for (const field of fields) {
        writeField(name, field, target, offset + field.offset, (value as Record<string, unknown>)[field.name]);
      }
    },
    decode(bytes, offset = 0) {
      if (bytes.length < offset + size) return violated(name, `${bytes.length - offset} bytes`, `${size} bytes`);
      const value: Record<string, unknown> = {};
      for (const { field, read } of readers) {
        const result = read(bytes, offset + field.offset);
        if (!result.ok) return result;
        if (field.kind !== 'constant' && field.kind !== 'reserved') value[field.name] = result.value;
      }
      return decoded(value as LayoutValue<Fields>);
    },
  };
  return layout;
}

const INTEGER_SIZE: Partial<Record<FieldShape['kind'], number>> = { u8: 1, u16: 2, u32: 4, u64: 8, flag: 1, enum: 1 };

function assertFields(name: string, size: number, fields: readonly FieldShape[]): void {
  let end = 0;
  for (const field of fields) {
    const where = `layout ${name}.${field.name}`;
    if (field.offset < end) throw new Error(`${where} overlaps the field before it or is out of order`);
    end = field.offset + field.size;
    if (end > size) throw new Error(`${where} ends at ${end}, beyond ${size}`);
    const expected = INTEGER_SIZE[field.kind];
    if (expected !== undefined && field.size !== expected) throw new Error(`${where} must have ${expected} bytes`);
    if (field.kind === 'enum' && !field.values) throw new Error(`${where} lists no values`);
    if (field.kind === 'constant' && field.constant?.length !== field.size) throw new Error(`${where}: bad constant`);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

function writeField(layout: string, field: FieldShape, target: Uint8Array, at: number, value: unknown): void {
  const refuse = (why: string): never => {
    throw new RangeError(`${layout}.${field.name}: ${why}`);
  };
  switch (field.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
      return writeInteger(field, target, at, value, refuse);
    case 'flag':
      if (typeof value !== 'boolean') return refuse(`not a boolean: ${String(value)}`);
      target[at] = value ? 1 : 0;
      return;
    case 'enum': {
      const code = field.values?.[value as string];
      if (code === undefined) return refuse(`unknown value ${String(value)}`);
      target[at] = code;
      return;
    }
    case 'bytes':
      if (!(value instanceof Uint8Array) || value.length !== field.size) return refuse(`needs ${field.size} bytes`);
      target.set(value, at);
      return;
    case 'hex': {
      if (typeof value !== 'string' || value.length !== field.size * 2) {
        return refuse(`needs ${field.size * 2} hex digits, got ${String(value)}`);
      }
      target.set(fromHex(value), at);
      return;
    }
    case 'reserved':
      target.fill(0, at, at + field.size);
      return;
    case 'constant':
    case 'text': {
      const text = field.kind === 'constant' ? field.constant : value;
      if (typeof text !== 'string') return refuse(`not a text: ${String(value)}`);
      const bytes = encoder.encode(text);
      if (bytes.length > field.size) return refuse(`${bytes.length} bytes, limit ${field.size}`);
      if (bytes.includes(0)) return refuse('a zero byte inside the text');
      target.set(bytes, at);
      target.fill(0, at + bytes.length, at + field.size);
    }
  }
}

function writeInteger(
  field: FieldShape,
  target: Uint8Array,
  at: number,
  value: unknown,
  refuse: (why: string) => never,
): void {
  const limit = field.size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (field.size * 8) - 1;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > limit) {
    return refuse(`${String(value)} is not an integer from 0 to ${limit}`);
  }
  if (field.size === 1) target[at] = value;
  else if (field.size === 2) writeU16(target, at, value);
  else if (field.size === 4) writeU32(target, at, value);
  else writeU64(target, at, value);
}

type FieldReader = (bytes: Uint8Array, at: number) => Decoded<unknown>;

/** Made once for each field: every restart and every PDU decodes thousands of them. */
function readerOf(layout: string, field: FieldShape): FieldReader {
  const where = `${layout}.${field.name}`;
  const raw = (bytes: Uint8Array, at: number): Uint8Array => bytes.subarray(at, at + field.size);
  switch (field.kind) {
    case 'u8':
      return (bytes, at) => decoded(bytes[at]!);
    case 'u16':
      return (bytes, at) => decoded(readU16(bytes, at));
    case 'u32':
      return (bytes, at) => decoded(readU32(bytes, at));
    case 'u64':
      return (bytes, at) =>
        readU32(bytes, at) < 2 ** 21
          ? decoded(readU64(bytes, at))
          : violated(where, `0x${toHex(raw(bytes, at))}`, 'at most 2^53 - 1');
    case 'flag':
      return (bytes, at) => (bytes[at]! > 1 ? violated(where, bytes[at]!, '0 or 1') : decoded(bytes[at] === 1));
    case 'enum': {
      const meanings = new Map(Object.entries(field.values ?? {}).map(([meaning, code]) => [code, meaning]));
      return (bytes, at) => {
        const meaning = meanings.get(bytes[at]!);
        return meaning === undefined ? violated(where, bytes[at]!, enumLimit(field)) : decoded(meaning);
      };
    }
    case 'bytes':
      return (bytes, at) => decoded(new Uint8Array(raw(bytes, at))); // slice() of a Buffer would share its memory
    case 'hex':
      return (bytes, at) => decoded(toHex(raw(bytes, at)));
    case 'reserved':
      return (bytes, at) =>
        isAllZero(raw(bytes, at)) ? decoded(undefined) : violated(where, `0x${toHex(raw(bytes, at))}`, 'zeros');
    case 'constant': {
      const wanted = encoder.encode(field.constant);
      return (bytes, at) =>
        wanted.every((byte, index) => bytes[at + index] === byte)
          ? decoded(field.constant)
          : readText(where, field, raw(bytes, at));
    }
    case 'text':
      return (bytes, at) => readText(where, field, raw(bytes, at));
  }
}

function enumLimit(field: FieldShape): string {
  return Object.entries(field.values ?? {})
    .map(([name, code]) => `${code} (${name})`)
    .join(', ');
}

function readText(where: string, field: FieldShape, raw: Uint8Array): Decoded<string> {
  const end = raw.indexOf(0);
  const used = end < 0 ? raw : raw.subarray(0, end);
  if (!isAllZero(raw.subarray(used.length))) return violated(where, `0x${toHex(raw)}`, 'zeros after the text');
  let text: string;
  try {
    text = decoder.decode(used);
  } catch {
    return violated(where, `0x${toHex(used)}`, 'UTF-8 text');
  }
  if (field.kind === 'constant' && text !== field.constant) {
    return violated(where, JSON.stringify(text), JSON.stringify(field.constant));
  }
  return decoded(text);
}
