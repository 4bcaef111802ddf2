import { readU16, readU24, readU32, toHex } from '../base/bytes.ts';
import { readAscii } from './inquiry.ts';

/**
 * Pages as the standards print them: a name, where it stands, what it means. One table decodes a page, and a report prints it
 * in the same order. Offsets count from the first byte of the page, header included, as in the standards' tables.
 */
export interface PageField {
  /** Camel case; the key in `--json`. */
  readonly name: string;
  readonly offset: number;
  /** Bytes of a number or text; 1 for bits. */
  readonly size: number;
  /** Bits inside the byte: the lowest one and how many. A single bit is a flag. */
  readonly bits?: { readonly low: number; readonly count: number };
  readonly text?: boolean;
  /** What a number counts. */
  readonly unit?: string;
  /** What values stand for; others are printed as numbers. */
  readonly words?: Readonly<Record<number, string>>;
}

export type FieldValue = boolean | number | string;

export interface DecodedField {
  readonly name: string;
  readonly value: FieldValue;
  readonly unit?: string;
}

export function flag(name: string, offset: number, bit: number): PageField {
  return { name, offset, size: 1, bits: { low: bit, count: 1 } };
}

export function bits(
  name: string,
  offset: number,
  low: number,
  count: number,
  words?: Readonly<Record<number, string>>,
): PageField {
  return { name, offset, size: 1, bits: { low, count }, ...(words && { words }) };
}

export function number(
  name: string,
  offset: number,
  size: 1 | 2 | 3 | 4 | 8,
  meaning: { readonly unit?: string; readonly words?: Readonly<Record<number, string>> } = {},
): PageField {
  return { name, offset, size, ...meaning };
}

export function text(name: string, offset: number, size: number): PageField {
  return { name, offset, size, text: true };
}

/** Total: a field that the page is too short for is left out. */
export function decodeFields(page: Uint8Array, fields: readonly PageField[]): readonly DecodedField[] {
  return fields
    .filter(({ offset, size }) => offset + size <= page.length)
    .map((field) => ({
      name: field.name,
      value: valueOf(page, field),
      ...(field.unit !== undefined && { unit: field.unit }),
    }));
}

function valueOf(page: Uint8Array, field: PageField): FieldValue {
  const { offset, size, words } = field;
  if (field.text) return readAscii(page, offset, size);
  if (field.bits) {
    const value = (page[offset]! >>> field.bits.low) & ((1 << field.bits.count) - 1);
    if (words) return words[value] ?? value;
    return field.bits.count === 1 ? value === 1 : value;
  }
  const value = readNumber(page, offset, size);
  return (typeof value === 'number' ? words?.[value] : undefined) ?? value;
}

/** A 64-bit number that a Number would not hold exactly reads as hex. */
function readNumber(page: Uint8Array, offset: number, size: number): number | string {
  switch (size) {
    case 1:
      return page[offset]!;
    case 2:
      return readU16(page, offset);
    case 3:
      return readU24(page, offset);
    case 4:
      return readU32(page, offset);
    default: {
      const high = readU32(page, offset);
      if (high >= 2 ** 21) return `0x${toHex(page.subarray(offset, offset + 8))}`;
      return high * 2 ** 32 + readU32(page, offset + 4);
    }
  }
}
