import { describe, expect, it } from 'vitest';
import { escapeDeep, escapeText } from '../../../src/cli/render/escape.ts';
import { hexDump } from '../../../src/cli/render/hex.ts';
import { renderJson } from '../../../src/cli/render/json.ts';
import { renderTable } from '../../../src/cli/render/table.ts';
import { canSpin, wantsColour, wantsUnicode, widthOf } from '../../../src/cli/render/terminal.ts';
import { createView } from '../../../src/cli/render/view.ts';

const TERMINAL = { isTTY: true, columns: 80 };
const PIPE = { isTTY: false, columns: 0 };

describe('colour', () => {
  it.each([
    ['a terminal', 'auto', {}, TERMINAL, true],
    ['a pipe', 'auto', {}, PIPE, false],
    ['NO_COLOR', 'auto', { NO_COLOR: '1' }, TERMINAL, false],
    ['an empty NO_COLOR, which the convention ignores', 'auto', { NO_COLOR: '' }, TERMINAL, true],
    ['a dumb terminal', 'auto', { TERM: 'dumb' }, TERMINAL, false],
    ['FORCE_COLOR', 'auto', { FORCE_COLOR: '1' }, PIPE, true],
    ['FORCE_COLOR=0', 'auto', { FORCE_COLOR: '0' }, TERMINAL, false],
    ['--color always', 'always', { NO_COLOR: '1' }, PIPE, true],
    ['--color never', 'never', { FORCE_COLOR: '1' }, TERMINAL, false],
  ] as const)('on %s', (_, choice, environment, stream, expected) => {
    expect(wantsColour(choice, environment, stream)).toBe(expected);
    const painted = createView(stream, environment, choice).good('x');
    expect(painted.includes('\u001b')).toBe(expected);
  });
});

describe('the terminal', () => {
  it.each([
    [TERMINAL, {}, true],
    [{ isTTY: true, columns: 0 }, {}, false],
    [PIPE, {}, false],
    [TERMINAL, { TERM: 'dumb' }, false],
    [TERMINAL, { CI: 'true' }, false],
  ] as const)('%j with %j: a spinner %s', (stream, environment, expected) => {
    expect(canSpin(stream, environment)).toBe(expected);
  });

  it('is never 0 columns wide', () => {
    expect(widthOf({ isTTY: true, columns: 0 }, {})).toBe(80);
    expect(widthOf({ isTTY: true, columns: 0 }, { COLUMNS: '0' })).toBe(80);
    expect(widthOf({ isTTY: true, columns: 0 }, { COLUMNS: '132' })).toBe(132);
    expect(widthOf({ isTTY: true, columns: 40 }, { COLUMNS: '132' })).toBe(40);
  });

  it.each([
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{}, false],
    [{ LANG: 'en_GB.utf8', LC_ALL: 'C' }, false],
    [{ LANG: 'C.UTF-8', TERM: 'dumb' }, false],
  ] as const)('with %j has Unicode: %s', (environment, expected) => expect(wantsUnicode(environment)).toBe(expected));
});

describe('text from outside', () => {
  it('cannot move the cursor, colour, forge lines or reverse direction', () => {
    expect(escapeText('a\u001b[31mb\nc\rd\u0007e\u009bf\u202eg\u007f')).toBe(
      'a\\x1b[31mb\\x0ac\\x0dd\\x07e\\x9bf\\u{202e}g\\x7f',
    );
  });

  it('keeps every printable character', () => {
    const text = 'Zürich 東京 🗾 "quoted" \\x1b';
    expect(escapeText(text)).toBe(text);
  });

  it('has no control character left, whatever it was', () => {
    const codes = Array.from({ length: 0x10000 }, (_, code) => code).filter((code) => code < 0xd800 || code > 0xdfff);
    const control = /[\p{Cc}\p{Cf}\u2028\u2029]/u;
    expect(codes.filter((code) => control.test(escapeText(String.fromCodePoint(code))))).toEqual([]);
  });

  /** Zero-width and joining characters, the Arabic letter mark, tags, fillers, a variation selector, half a pair. */
  const UNSEEN = [
    '\u200b',
    '\u200d',
    '\u061c',
    '\u00ad',
    '\u2060',
    '\u{e0041}',
    '\u115f',
    '\u3164',
    '\ufe0f',
    '\ud800',
  ];

  it.each(UNSEEN)('shows what nobody sees: %j', (character) => {
    const shown = `a\\${character < '\u0100' ? `x` : 'u'}`;
    expect(escapeText(`a${character}b`).startsWith(shown)).toBe(true);
    const json = renderJson('x', { ok: true, data: { name: `a${character}b` } });
    expect(json).toMatch(/"name":"a(\\u[0-9a-f]{4}){1,2}b"/);
    expect(JSON.parse(json)).toMatchObject({ name: `a${character}b` });
  });

  it('is escaped at any depth', () => {
    expect(escapeDeep({ a: ['\n', { b: '\t' }], c: 1, d: null })).toEqual({
      a: ['\\x0a', { b: '\\x09' }],
      c: 1,
      d: null,
    });
  });
});

describe('a table', () => {
  it('has no colour of its own and escapes its cells', () => {
    const text = renderTable(
      ['NAME', 'SIZE'],
      [
        ['a\u001b[31m', 1],
        [{ painted: 'b' }, 22],
      ],
      createView(PIPE, {}, 'auto'),
    );
    expect(text).toBe('NAME       SIZE\na\\x1b[31m  1\nb          22');
  });
});

describe('a hex dump', () => {
  it('shows offset, bytes and characters, and folds equal lines', () => {
    const bytes = new Uint8Array(80);
    bytes.set(new TextEncoder().encode('CDCTLCMD'));
    expect(hexDump(bytes, 512).split('\n')).toEqual([
      '00000200  43 44 43 54 4c 43 4d 44 00 00 00 00 00 00 00 00  |CDCTLCMD........|',
      '00000210  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|',
      '*',
      '00000240  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|',
    ]);
  });
});

describe('JSON', () => {
  it('is one line with a schema; bytes are hex, maps are objects', () => {
    const data = { bytes: Uint8Array.of(1, 255), map: new Map([['a', 1]]) };
    expect(renderJson('lun read', { ok: true, data })).toBe(
      '{"schema":"cdctl/lun.read/v1","ok":true,"bytes":"01ff","map":{"a":1}}\n',
    );
  });
});
