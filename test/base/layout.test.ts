import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotate, annotatedLines, layoutTable, markdownTable } from '../../src/base/layout-document.ts';
import { defineLayout, type FieldShape } from '../../src/base/layout.ts';

const COLOURS = { red: 1, green: 2 } as const;

const EVERY_KIND = defineLayout('every', 64, [
  { name: 'magic', offset: 0, size: 4, kind: 'constant', constant: 'MAGI', doc: 'marks it' },
  { name: 'small', offset: 4, size: 1, kind: 'u8', doc: 'a byte' },
  { name: 'yes', offset: 5, size: 1, kind: 'flag', doc: 'a flag' },
  { name: 'colour', offset: 6, size: 1, kind: 'enum', values: COLOURS, doc: 'a colour' },
  { name: 'port', offset: 8, size: 2, kind: 'u16', doc: 'two bytes' },
  { name: 'count', offset: 12, size: 4, kind: 'u32', doc: 'four bytes' },
  { name: 'lba', offset: 16, size: 8, kind: 'u64', doc: 'eight bytes' },
  { name: 'name', offset: 24, size: 8, kind: 'text', doc: 'a text' },
  { name: 'id', offset: 32, size: 4, kind: 'hex', doc: 'an id' },
  { name: 'raw', offset: 36, size: 3, kind: 'bytes', doc: 'bytes' },
  { name: 'zeros', offset: 40, size: 8, kind: 'reserved', doc: 'reserved' },
]);

const VALUE = {
  small: 200,
  yes: true,
  colour: 'green',
  port: 0x1234,
  count: 0xfedcba98,
  lba: 2 ** 53 - 1,
  name: 'Zürich',
  id: 'deadbeef',
  raw: Uint8Array.of(7, 8, 9),
} as const;

/** Written by hand from the offsets above. */
const BYTES = Buffer.from(
  '4d414749' +
    'c8' +
    '01' +
    '02' +
    '00' +
    '1234' +
    '0000' +
    'fedcba98' +
    '001fffffffffffff' +
    '5ac3bc7269636800' +
    'deadbeef' +
    '070809' +
    '00'.repeat(25),
  'hex',
);

function damaged(at: number, ...bytes: number[]): Uint8Array {
  const copy = new Uint8Array(BYTES);
  copy.set(bytes, at);
  return copy;
}

describe('a layout', () => {
  it('encodes to the bytes that its literal says', () => {
    expect(Buffer.from(EVERY_KIND.encode(VALUE)).toString('hex')).toBe(BYTES.toString('hex'));
  });

  it('decodes them, at any offset', () => {
    expect(EVERY_KIND.decode(BYTES)).toEqual({ ok: true, value: VALUE });
    expect(EVERY_KIND.decode(Buffer.concat([Buffer.alloc(5, 0xff), BYTES]), 5)).toEqual({ ok: true, value: VALUE });
  });

  it.each(['', 'plain', 'Zürich', 'x'.repeat(63), 'ü'.repeat(40), 'x'.repeat(79) + '!'])(
    'keeps the text %j in a long field and in a short one',
    (text) => {
      for (const size of [80, 160]) {
        const layout = defineLayout('long', size, [{ name: 'text', offset: 0, size, kind: 'text', doc: 'a text' }]);
        const bytes = new Uint8Array(size).fill(0xff);
        layout.encodeInto(bytes, 0, { text });
        expect(Buffer.from(bytes).toString('utf8').replace(/\0*$/, '')).toBe(text);
        expect(layout.decode(bytes)).toEqual({ ok: true, value: { text } });
        if (Buffer.byteLength(text) >= size - 1) continue;
        bytes[size - 1] = 65;
        expect(layout.decode(bytes)).toMatchObject({
          violation: { limit: 'zeros after the text' },
        });
      }
    },
  );

  it('overwrites what a text and reserved bytes stood on', () => {
    const target = new Uint8Array(70).fill(0xff);
    EVERY_KIND.encodeInto(target, 3, { ...VALUE, name: 'a' });
    expect(EVERY_KIND.decode(target, 3)).toMatchObject({ ok: true, value: { name: 'a' } });
    expect([...target.subarray(0, 3), ...target.subarray(67)]).toEqual([255, 255, 255, 255, 255, 255]);
  });

  it.each<[string, Uint8Array, string, string, string]>([
    ['another constant', damaged(0, 0x6d), 'every.magic', '"mAGI"', '"MAGI"'],
    ['a flag of 2', damaged(5, 2), 'every.yes', '2', '0 or 1'],
    ['an unknown enum value', damaged(6, 3), 'every.colour', '3', '1 (red), 2 (green)'],
    ['a number of 2^53', damaged(16, 0, 0x20, 0, 0, 0, 0, 0, 0), 'every.lba', '0x0020000000000000', 'at most 2^53 - 1'],
    [
      'a text that goes on behind a zero',
      damaged(24, 65, 0, 66, 0, 0, 0, 0, 0),
      'every.name',
      '0x4100420000000000',
      'zeros after the text',
    ],
    ['overlong UTF-8', damaged(24, 0xc0, 0x80, 0, 0, 0, 0, 0, 0), 'every.name', '0xc080', 'UTF-8 text'],
    ['cut UTF-8', damaged(24, 65, 65, 65, 65, 65, 65, 65, 0xc3), 'every.name', '0x41414141414141c3', 'UTF-8 text'],
    ['a reserved byte that is set', damaged(47, 1), 'every.zeros', '0x0000000000000001', 'zeros'],
  ])('names field, got and limit for %s', (_what, bytes, field, got, limit) => {
    expect(EVERY_KIND.decode(bytes)).toEqual({ ok: false, violation: { field, got, limit } });
  });

  it('is found out when cut anywhere', () => {
    for (let length = 0; length < 64; length++) {
      expect(EVERY_KIND.decode(BYTES.subarray(0, length))).toEqual({
        ok: false,
        violation: { field: 'every', got: `${length} bytes`, limit: '64 bytes' },
      });
    }
  });

  it.each<[string, Partial<Record<keyof typeof VALUE, unknown>>, RegExp]>([
    ['u8 256', { small: 256 }, /every\.small: 256 is not an integer from 0 to 255/],
    ['u16 65536', { port: 65536 }, /every\.port/],
    ['u32 2^32', { count: 2 ** 32 }, /every\.count/],
    ['u64 2^53', { lba: 2 ** 53 }, /every\.lba: 9007199254740992 is not an integer/],
    ['a negative number', { port: -1 }, /every\.port/],
    ['a fraction', { port: 1.5 }, /every\.port/],
    ['NaN', { port: Number.NaN }, /every\.port/],
    ['a missing number', { port: undefined }, /every\.port/],
    ['a flag of 1', { yes: 1 }, /every\.yes: not a boolean/],
    ['an unknown enum value', { colour: 'blue' }, /every\.colour: unknown value blue/],
    ['a text of 9 bytes', { name: 'Zürich 1' }, /every\.name: 9 bytes, limit 8/],
    ['a zero in a text', { name: 'a\0b' }, /every\.name: a zero byte/],
    ['hex of another length', { id: 'dead' }, /every\.id: needs 8 hex digits/],
    ['no hex', { id: 'deadbeeg' }, /not hex digits/],
    ['bytes of another length', { raw: new Uint8Array(4) }, /every\.raw: needs 3 bytes/],
  ])('throws on %s', (_what, change, message) => {
    expect(() => EVERY_KIND.encode({ ...VALUE, ...change } as never)).toThrow(message);
  });

  it('throws where it does not fit its target', () => {
    expect(() => EVERY_KIND.encodeInto(new Uint8Array(64), 1, VALUE)).toThrow(/64 bytes do not fit at 1/);
  });

  it('decodes whatever bytes there are to a value that encodes to them again, or to a violation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.boolean(), (noise, nearly) => {
        const bytes = nearly ? damaged(noise[0]! % 64, noise[1]!) : noise;
        const decoded = EVERY_KIND.decode(bytes);
        if (!decoded.ok) return;
        const again = EVERY_KIND.encode(decoded.value);
        for (const { offset, size } of EVERY_KIND.fields) {
          expect(again.subarray(offset, offset + size)).toEqual(new Uint8Array(bytes.subarray(offset, offset + size)));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a layout that contradicts itself', () => {
  const field = (more: Partial<FieldShape>): FieldShape => ({
    name: 'a',
    offset: 0,
    size: 4,
    kind: 'u32',
    doc: '',
    ...more,
  });

  it.each<[string, FieldShape[], RegExp]>([
    ['overlapping fields', [field({}), field({ name: 'b', offset: 3 })], /bad\.b overlaps/],
    [
      'fields out of order',
      [field({ offset: 8 }), field({ name: 'b' })],
      /bad\.b overlaps the field before it or is out of order/,
    ],
    ['a field beyond the size', [field({ offset: 13 })], /bad\.a ends at 17, beyond 16/],
    ['a number of the wrong size', [field({ size: 3 })], /bad\.a must have 4 bytes/],
    ['an enum without values', [field({ kind: 'enum', size: 1 })], /bad\.a lists no values/],
    ['a constant of another length', [field({ kind: 'constant', constant: 'abc' })], /bad\.a: bad constant/],
  ])('is refused when the module loads: %s', (_what, fields, message) => {
    expect(() => defineLayout('bad', 16, fields)).toThrow(message);
  });
});

describe('the annotated dump', () => {
  it('shows every byte once, with the gaps', () => {
    const fields = annotate(EVERY_KIND, BYTES);
    expect(fields.map((field) => field.hex).join('')).toBe(BYTES.toString('hex'));
    expect(fields.filter((field) => field.name === '(unused)').map((field) => field.offset)).toEqual([7, 10, 39, 48]);
  });

  it('says what the bytes mean, sound or not', () => {
    const meanings = Object.fromEntries(
      annotate(EVERY_KIND, damaged(6, 9)).map(({ name, meaning }) => [name, meaning]),
    );
    expect(meanings).toMatchObject({
      magic: '"MAGI"',
      colour: '9 (unknown)',
      lba: '9007199254740991',
      name: '"Zürich"',
      id: '',
    });
  });

  it('ends where the bytes end', () => {
    expect(annotate(EVERY_KIND, BYTES.subarray(0, 20)).at(-1)).toMatchObject({ name: 'count', offset: 12 });
  });

  it('has one line for each field', () => {
    const lines = annotatedLines(annotate(EVERY_KIND, BYTES), 6);
    expect(lines.slice(0, 2)).toEqual(['0000  4d414749         magic = "MAGI"', '0004  c8               small = 200']);
    expect(lines.at(-1)).toBe('0030  000000000000...  (unused)');
  });
});

describe('the documentation', () => {
  it('is a table of the fields', () => {
    const lines = layoutTable(EVERY_KIND).split('\n');
    expect(lines[0]).toBe('| offset | bytes | kind     | field    | meaning                  |');
    expect(lines[1]).toBe('| -----: | ----: | -------- | -------- | ------------------------ |');
    expect(lines[2]).toBe('|      0 |     4 | constant | `magic`  | marks it: "MAGI"         |');
    expect(lines[5]).toBe('|      6 |     1 | enum     | `colour` | a colour: 1 red, 2 green |');
    expect(lines.length).toBe(2 + 11);
  });

  it('aligns the columns', () => {
    expect(markdownTable(['a', 'n'], [['x', '10']], ['n'])).toBe('| a   |   n |\n| --- | --: |\n| x   |  10 |');
  });
});
