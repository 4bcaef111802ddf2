import { isAllZero, readU16, readU32, readU64, toHex, writeHex, writeU16, writeU32, writeU64 } from './bytes.ts';
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
  const readers = fields.map((field) => ({ at: field.offset, read: readerOf(name, field) }));
  // A copy that has every name already takes values sooner than an object that grows by each.
  const blank: Readonly<Record<string, unknown>> = Object.fromEntries(
    fields.filter(({ kind }) => kind !== 'constant' && kind !== 'reserved').map((field) => [field.name, undefined]),
  );
  const writers = fields.map((field) => ({ field, write: writerOf(name, field) }));
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
      for (const { field, write } of writers) {
        write(target, offset + field.offset, (value as Record<string, unknown>)[field.name]);
      }
    },
    decode(bytes, offset = 0) {
      if (bytes.length < offset + size) return violated(name, `${bytes.length - offset} bytes`, `${size} bytes`);
      const value: Record<string, unknown> = { ...blank };
      for (const { at, read } of readers) {
        const refused = read(bytes, offset + at, value);
        if (refused) return refused;
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

/** Up to so many bytes a loop is quicker than a call of the platform and the view that it needs. */
const SHORT = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

type FieldWriter = (target: Uint8Array, at: number, value: unknown) => void;

/** Made once for each field: every command and every PDU encodes dozens of them. */
function writerOf(layout: string, field: FieldShape): FieldWriter {
  const { size } = field;
  const refuse = (why: string): never => {
    throw new RangeError(`${layout}.${field.name}: ${why}`);
  };
  switch (field.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
      return integerWriter(size, refuse);
    case 'flag':
      return (target, at, value) => {
        if (typeof value !== 'boolean') return refuse(`not a boolean: ${String(value)}`);
        target[at] = value ? 1 : 0;
      };
    case 'enum':
      return (target, at, value) => {
        const code = field.values?.[value as string];
        if (code === undefined) return refuse(`unknown value ${String(value)}`);
        target[at] = code;
      };
    case 'bytes':
      return (target, at, value) => {
        if (!(value instanceof Uint8Array) || value.length !== size) return refuse(`needs ${size} bytes`);
        target.set(value, at);
      };
    case 'hex':
      return (target, at, value) => {
        if (typeof value !== 'string' || value.length !== size * 2) {
          return refuse(`needs ${size * 2} hex digits, got ${String(value)}`);
        }
        writeHex(target, at, value);
      };
    case 'reserved':
      return (target, at) => void target.fill(0, at, at + size);
    case 'constant':
      return (target, at) => writeText(target, at, size, field.constant, refuse);
    case 'text':
      return (target, at, value) => writeText(target, at, size, value, refuse);
  }
}

function integerWriter(size: number, refuse: (why: string) => never): FieldWriter {
  const limit = size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (size * 8) - 1;
  const write: (target: Uint8Array, at: number, value: number) => void =
    size === 8 ? writeU64 : size === 4 ? writeU32 : size === 2 ? writeU16 : (target, at, value) => (target[at] = value);
  return (target, at, value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > limit) {
      return refuse(`${String(value)} is not an integer from 0 to ${limit}`);
    }
    write(target, at, value);
  };
}

function writeText(target: Uint8Array, at: number, size: number, text: unknown, refuse: (why: string) => never): void {
  if (typeof text !== 'string') return refuse(`not a text: ${String(text)}`);
  if (text.length <= Math.min(size, SHORT) && writeAscii(target, at, text)) {
    if (text.length < size) target.fill(0, at + text.length, at + size);
    return;
  }
  const bytes = encoder.encode(text);
  if (bytes.length > size) return refuse(`${bytes.length} bytes, limit ${size}`);
  if (bytes.includes(0)) return refuse('a zero byte inside the text');
  target.set(bytes, at);
  target.fill(0, at + bytes.length, at + size);
}

/** Names are short and mostly ASCII: the encoder would cost more than all else about them. False: it needs the encoder. */
function writeAscii(target: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0 || code > 0x7f) return false;
    target[at + index] = code;
  }
  return true;
}

/** Puts the field into `value`, where it has a value; or says what is wrong with the bytes. */
type FieldReader = (bytes: Uint8Array, at: number, value: Record<string, unknown>) => Decoded<never> | undefined;

/** Made once for each field: every restart and every PDU decodes thousands of them. */
function readerOf(layout: string, field: FieldShape): FieldReader {
  const { name, size } = field;
  const where = `${layout}.${name}`;
  const raw = (bytes: Uint8Array, at: number): Uint8Array => bytes.subarray(at, at + size);
  switch (field.kind) {
    case 'u8':
      return (bytes, at, value) => void (value[name] = bytes[at]!);
    case 'u16':
      return (bytes, at, value) => void (value[name] = readU16(bytes, at));
    case 'u32':
      return (bytes, at, value) => void (value[name] = readU32(bytes, at));
    case 'u64':
      return (bytes, at, value) => {
        if (readU32(bytes, at) >= 2 ** 21) return violated(where, `0x${toHex(raw(bytes, at))}`, 'at most 2^53 - 1');
        value[name] = readU64(bytes, at);
        return undefined;
      };
    case 'flag':
      return (bytes, at, value) => {
        if (bytes[at]! > 1) return violated(where, bytes[at]!, '0 or 1');
        value[name] = bytes[at] === 1;
        return undefined;
      };
    case 'enum': {
      const meanings = new Map(Object.entries(field.values ?? {}).map(([meaning, code]) => [code, meaning]));
      return (bytes, at, value) => {
        const meaning = meanings.get(bytes[at]!);
        if (meaning === undefined) return violated(where, bytes[at]!, enumLimit(field));
        value[name] = meaning;
        return undefined;
      };
    }
    case 'bytes':
      // slice() of a Buffer would share its memory.
      return (bytes, at, value) => void (value[name] = new Uint8Array(raw(bytes, at)));
    case 'hex':
      return (bytes, at, value) => void (value[name] = toHex(bytes, at, at + size));
    case 'reserved':
      return (bytes, at) =>
        isZeroFrom(bytes, at, at + size) ? undefined : violated(where, `0x${toHex(raw(bytes, at))}`, 'zeros');
    case 'constant': {
      const wanted = encoder.encode(field.constant);
      return (bytes, at) => {
        if (hasAt(bytes, at, wanted)) return undefined;
        const text = readText(where, bytes, at, size);
        return text.ok ? violated(where, JSON.stringify(text.value), JSON.stringify(field.constant)) : text;
      };
    }
    case 'text':
      return (bytes, at, value) => {
        const text = readText(where, bytes, at, size);
        if (!text.ok) return text;
        value[name] = text.value;
        return undefined;
      };
  }
}

function enumLimit(field: FieldShape): string {
  return Object.entries(field.values ?? {})
    .map(([name, code]) => `${code} (${name})`)
    .join(', ');
}

function readText(where: string, bytes: Uint8Array, at: number, size: number): Decoded<string> {
  const limit = at + size;
  let end = at;
  let seen = 0;
  let text = '';
  for (let byte = bytes[end]!; end < limit && byte !== 0; byte = bytes[(end += 1)]!) {
    seen |= byte;
    if (size <= SHORT) text += String.fromCharCode(byte);
  }
  if (!isZeroFrom(bytes, end, limit)) {
    return violated(where, `0x${toHex(bytes, at, limit)}`, 'zeros after the text');
  }
  // Names are short and mostly ASCII: the decoder would cost more than all else about them.
  if (seen < 0x80 && size <= SHORT) return decoded(text);
  const used = bytes.subarray(at, end);
  try {
    return decoded(decoder.decode(used));
  } catch {
    return violated(where, `0x${toHex(used)}`, 'UTF-8 text');
  }
}

function isZeroFrom(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > SHORT) return isAllZero(bytes.subarray(from, to));
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function hasAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index += 1) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}
