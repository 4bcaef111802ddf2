import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/cli/config/configuration.ts';
import { ConfigurationError } from '../../../src/cli/config/configuration-error.ts';
import { EXAMPLE } from '../support/example-configuration.ts';

describe('a configuration', () => {
  it('names arrays with their paths, groups with their LUNs, and secret files', () => {
    const configuration = parseConfiguration(EXAMPLE, 'c.yaml');
    expect([...configuration.arrays.values()]).toEqual([
      {
        name: 'tokyo',
        serial: 'TK000001',
        portal: 'iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo',
        commandDevices: ['iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/0', '/dev/sdb'],
      },
      {
        name: 'osaka',
        serial: 'OS000001',
        portal: undefined,
        commandDevices: ['iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/1'],
      },
    ]);
    expect(configuration.groups.get('oradb')).toEqual({
      name: 'oradb',
      arrays: ['tokyo', 'osaka'],
      journals: { tokyo: 20, osaka: 21 },
      pairs: [
        { name: 'data', luns: { tokyo: 10, osaka: 12 } },
        { name: 'log', luns: { tokyo: 11, osaka: 13 } },
      ],
    });
    expect([...configuration.chap]).toEqual([['backup', { secret: { file: '/etc/cdctl/secret' } }]]);
  });

  it('may name its installation, where serials are not unique on a machine', () => {
    expect(parseConfiguration(EXAMPLE, 'c.yaml').installation).toBeUndefined();
    expect(parseConfiguration(`installation: lab-1\n${EXAMPLE}`, 'c.yaml').installation).toBe('lab-1');
  });

  it('may be JSON, which is YAML too', () => {
    const json = JSON.stringify({ version: 1, arrays: { a: { serial: 'A1', 'command-devices': ['/dev/sdb'] } } });
    expect(parseConfiguration(json, 'c.json').arrays.get('a')?.serial).toBe('A1');
  });
});

/** What is replaced in the example, by what, the line that is named and the words in the message. */
const MISTAKES: readonly (readonly [string, string, string, number, RegExp])[] = [
  [
    'an unknown key',
    'chap:',
    'chaps:',
    18,
    /unknown key "chaps" in the file; known are: version, installation, initiator-name, arrays, groups, chap/,
  ],
  ['a misspelt key that cannot be missing', 'arrays:', 'arays:', 2, /unknown key "arays" in the file/],
  ['an unknown key in an array', '    portal:', '    portals:', 5, /unknown key "portals" in arrays\.tokyo/],
  [
    'an unknown key in a group',
    '    journals:',
    '    colour: red\n    journals:',
    14,
    /unknown key "colour" in groups\.oradb/,
  ],
  ['a duplicate', '  osaka:\n', '  tokyo:\n', 9, /"tokyo" stands here twice/],
  ['a duplicate pair', '      log:', '      data:', 17, /"data" stands here twice/],
  ['another version', 'version: 1', 'version: 2', 1, /version must be 1$/m],
  ['a missing serial', '    serial: TK000001\n', '', 4, /arrays\.tokyo lacks "serial"/],
  ['a serial that is a number', 'TK000001', '123', 4, /serial must be text \(put it in quotes\)/],
  ['a serial in lower case', 'TK000001', 'tk000001', 4, /must be 1 to 16 characters of A-Z and 0-9/],
  ['a serial too long', 'TK000001', 'TK000000000000001', 4, /1 to 16 characters/],
  ['the same serial twice', 'OS000001', 'TK000001', 9, /arrays tokyo and osaka have the same serial TK000001/],
  [
    'no command device',
    '[iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/1]',
    '[]',
    10,
    /array osaka has no command device/,
  ],
  ['a path of another kind', '/dev/sdb', 'https://x', 8, /neither a device file nor an iscsi:\/\/ URL/],
  [
    'a secret in a URL',
    'iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo/0',
    'iscsi://me:secret@h/iqn.2026-11.x:y/0',
    7,
    /a secret does not belong into a URL/,
  ],
  ['a portal with a LUN', 'cdctl:tokyo\n', 'cdctl:tokyo/3\n', 5, /without a LUN/],
  [
    'a journal at an array that is not there',
    'journals: { tokyo: 20, osaka: 21 }',
    'journals: { tokyo: 20, kyoto: 21 }',
    14,
    /array "kyoto" is not defined in arrays/,
  ],
  ['one journal', 'journals: { tokyo: 20, osaka: 21 }', 'journals: { tokyo: 20 }', 14, /must name exactly two arrays/],
  [
    'a pair on another array',
    'data: { tokyo: 10, osaka: 12 }',
    'data: { tokyo: 10, kyoto: 12 }',
    16,
    /array "kyoto" has no journal in group oradb/,
  ],
  ['half a pair', 'data: { tokyo: 10, osaka: 12 }', 'data: { tokyo: 10 }', 16, /lacks "osaka"/],
  [
    'a LUN that is no number',
    'data: { tokyo: 10,',
    'data: { tokyo: ten,',
    16,
    /must be a whole number from 0 to 16383/,
  ],
  ['a LUN too large', 'data: { tokyo: 10,', 'data: { tokyo: 16384,', 16, /from 0 to 16383/],
  [
    'a LUN twice',
    'log: { tokyo: 0x0b,',
    'log: { tokyo: 10,',
    13,
    /LUN 10 of tokyo is both pair data of oradb and pair log of oradb/,
  ],
  [
    'a LUN as volume and journal',
    'log: { tokyo: 0x0b,',
    'log: { tokyo: 20,',
    13,
    /LUN 20 of tokyo is both the journal of oradb/,
  ],
  ['a name with a space', '  oradb:', '  "ora db":', 13, /cannot name a group/],
  ['a name too long', '  oradb:', `  ${'x'.repeat(33)}:`, 13, /cannot name a group/],
  [
    'a list for a map',
    'chap:\n  backup:\n    secret-file: /etc/cdctl/secret\n',
    'chap: []\n',
    18,
    /chap must be a map/,
  ],
  ['a tab', '  osaka:', '\tosaka:', 9, /./],
  ['an anchor', 'serial: TK000001', 'serial: &s TK000001', 4, /anchors and tags are not used/],
  ['a tag', 'serial: TK000001', 'serial: !!str TK000001', 4, /anchors and tags are not used/],
  ['an open bracket', '{ tokyo: 20, osaka: 21 }', '{ tokyo: 20, osaka: 21', 15, /./],
];

describe('a mistake in a configuration is named with its line', () => {
  it.each(MISTAKES)('%s', (_, from, to, line, message) => {
    expect(EXAMPLE).toContain(from);
    const error = errorOf(EXAMPLE.replace(from, to));
    expect(error.message).toMatch(message);
    expect(`${error.path}:${error.line}`).toBe(`c.yaml:${line}`);
    expect(error.text.where).toBe(`c.yaml:${line}`);
    expect(error.exit).toBe('configuration');
  });

  it.each([
    ['', 'nothing'],
    ['# only a comment\n', 'a comment'],
    ['- 1\n', 'a list'],
    ['42\n', 'a number'],
  ])('%j is %s', (source) => {
    expect(errorOf(source).line).toBe(1);
  });
});

describe('damage', () => {
  it('of any line is an error or another configuration, never an exception of another kind', () => {
    const lines = EXAMPLE.split('\n');
    for (const [index, line] of lines.entries()) {
      for (const damaged of [
        line.slice(1),
        `${line}:`,
        `x${line}`,
        `${line} {`,
        line.replace(':', ''),
        `${line}\u0000`,
      ]) {
        const source = lines.with(index, damaged).join('\n');
        try {
          parseConfiguration(source, 'c.yaml');
        } catch (error) {
          expect(error, `line ${index + 1}: ${damaged}`).toBeInstanceOf(ConfigurationError);
        }
      }
    }
  });
});

function errorOf(source: string): ConfigurationError {
  try {
    parseConfiguration(source, 'c.yaml');
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('CHAP users', () => {
  const withChap = (...lines: string[]): string =>
    EXAMPLE.replace('    secret-file: /etc/cdctl/secret\n', lines.map((line) => `    ${line}\n`).join(''));

  it('have their secret in a file or in the environment, and may want proof of the target', () => {
    const source = withChap('secret-env: BACKUP_SECRET', 'target: { user: tokyo, secret-file: /etc/cdctl/tokyo }');
    expect(parseConfiguration(source, 'c.yaml').chap.get('backup')).toEqual({
      secret: { variable: 'BACKUP_SECRET' },
      target: { user: 'tokyo', secret: { file: '/etc/cdctl/tokyo' } },
    });
    const other = withChap('secret-file: /s', 'target: { user: tokyo, secret-env: TOKYO_SECRET }');
    expect(parseConfiguration(other, 'c.yaml').chap.get('backup')?.target?.secret).toEqual({
      variable: 'TOKYO_SECRET',
    });
  });

  it.each([
    ['two places', ['secret-file: /s', 'secret-env: S'], /chap\.backup needs one of "secret-file" and "secret-env"/],
    ['no place', ['target: { user: tokyo, secret-env: S }'], /chap\.backup needs one of/],
    ['no place for the target', ['secret-env: S', 'target: { user: tokyo }'], /chap\.backup\.target needs one of/],
    ['no user of the target', ['secret-env: S', 'target: { secret-env: T }'], /chap\.backup\.target lacks "user"/],
    ['no name of a variable', ['secret-env: correct horse'], /"correct horse" cannot name a variable/],
    ['a secret', ['secret: sesame'], /unknown key "secret"/],
  ])('with %s are a mistake', (_, lines, message) => {
    const error = errorOf(withChap(...lines));
    expect(error.message).toMatch(message);
    expect(error.exit).toBe('configuration');
  });
});
