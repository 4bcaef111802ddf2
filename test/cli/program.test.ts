import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/cli/catalogue/all.ts';
import { EXIT_CLASSES } from '../../src/cli/exit-classes.ts';
import { VERSION } from '../../src/cli/version.ts';
import { EXAMPLE } from './support/example-configuration.ts';
import { parseJson, run } from './support/run-in-process.ts';

const FILE = { files: { 'c.yaml': EXAMPLE, '/etc/cdctl/secret': 'sesame sesame\n' } };

describe('help', () => {
  it('ends with the exit codes', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /Exit codes, the same for every command:\n {3}0 {2}done.*\n[\s\S]* {2}70 {2}a mistake inside cdctl\n$/,
    );
  });

  it.each(CATALOGUE.map((definition) => [definition.path, definition] as const))('of %s', async (path, definition) => {
    const { code, stdout, stderr } = await run([...path.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: cdctl ${path}`);
    expect(stdout).toContain('--timeout <duration>');
    expect(stdout).toContain('--json');
    expect(stdout.includes('--dry-run')).toBe(definition.changes === true);
    expect(stdout.includes('--confirm')).toBe(definition.destructive === true);
    expect(stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  cdctl'))).toEqual([]);
  });

  it('is printed for a family, and for nothing at all it is an error', async () => {
    expect((await run(['pair', '--help'])).stdout).toContain('Usage: cdctl pair [options] [command]');
    for (const argv of [[], ['pair'], ['array', 'volume']]) {
      const { code, stdout, stderr } = await run(argv);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('why:   a command is missing');
    }
  });
});

describe('the version', () => {
  it('is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(VERSION).toBe(version);
    expect(await run(['--version'])).toEqual({ code: 0, stdout: '0.0.0-test\n', stderr: '' });
  });
});

describe('wrong usage', () => {
  const cases = [
    [['pair', 'shwo'], /unknown command 'shwo'.*show/],
    [['pair', 'show', '--jsn'], /unknown option '--jsn'.*--json/],
    [['pair', 'create', 'oradb'], /required option '--primary <array>' not specified/],
    [['pair', 'split'], /missing required argument 'group'/],
    [['pair', 'show', 'a', 'b'], /too many arguments/],
    [['pair', 'show', '--timeout', 'soon'], /must be a duration such as/],
    [['pair', 'show', '--timeout', '0'], /must be more than 0/],
    [['lun', 'read', 'tokyo/data', '--lba', '-1'], /must be a whole number/],
    [['lun', 'write', 'tokyo/data'], /required option '--input <file>'/],
    [
      ['array', 'map', 'dir', '--lun', '70000', '--name', 'x', '--target-serial', 'A', '--target-lun', '1'],
      /must be a LUN from 0 to 16383/,
    ],
    [['replicate', 'oradb', '--once', '--until-empty'], /cannot be used with option/],
    [['replicate'], /missing required argument 'group'/],
    [['--color', 'sometimes', 'exit-codes'], /Allowed choices are auto, always, never/],
    [['lab', 'fault', 'explode', 'tokyo'], /Allowed choices are kill/],
    [['pair', 'wait', 'oradb', '--until', 'happy'], /Allowed choices are pair/],
  ] as const;

  it.each(cases)('%j', async (argv, message) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['error', 'where', 'why', 'next']);
  });

  it.each(cases)('%j as JSON', async (argv, message) => {
    const ran = await run(['--json', ...argv]);
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 2, stderr: '' });
    const { schema, ok, error } = parseJson(ran);
    expect({ schema, ok }).toEqual({ schema: 'cdctl/error/v1', ok: false });
    expect(error).toMatchObject({ class: 'usage', exit: 2, why: expect.stringMatching(message) as string });
  });
});

describe('the result', () => {
  it('is one versioned object with --json, wherever the option stands', async () => {
    for (const argv of [
      ['--json', 'exit-codes'],
      ['exit-codes', '--json'],
    ]) {
      const { schema, ok, classes } = parseJson(await run(argv));
      expect({ schema, ok }).toEqual({ schema: 'cdctl/exit-codes/v1', ok: true });
      expect((classes as { code: number }[]).map(({ code }) => code)).toEqual(
        Object.values(EXIT_CLASSES).map(({ code }) => code),
      );
    }
  });

  it('is text on standard output and nothing on standard error', async () => {
    const { code, stdout, stderr } = await run(['config', 'check', '--config', 'c.yaml'], FILE);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'ok  c.yaml: 2 arrays, 1 groups, 2 pairs\n',
      stderr: '',
    });
  });
});

describe('the configuration file', () => {
  it.each([
    ['--config', ['--config', 'a.yaml'], { CDCTL_CONFIG: 'b.yaml' }, 'a.yaml'],
    ['CDCTL_CONFIG', [], { CDCTL_CONFIG: 'b.yaml' }, 'b.yaml'],
    ['the directory', [], {}, 'cdctl.yaml'],
  ] as const)('is taken from %s', async (_, argv, environment, expected) => {
    const files = Object.fromEntries(
      ['a.yaml', 'b.yaml', 'cdctl.yaml', '/etc/cdctl/cdctl.yaml', '/etc/cdctl/secret'].map((name) => [name, EXAMPLE]),
    );
    const { file } = parseJson(await run(['config', 'show', '--json', ...argv], { files, environment }));
    expect(file).toBe(expected);
  });

  it('is taken from /etc last', async () => {
    const { file } = parseJson(
      await run(['config', 'show', '--json'], { files: { '/etc/cdctl/cdctl.yaml': EXAMPLE } }),
    );
    expect(file).toBe('/etc/cdctl/cdctl.yaml');
  });

  it.each([
    ['is missing', [], {}, /neither --config nor CDCTL_CONFIG names one/],
    ['cannot be read', ['--config', 'gone.yaml'], {}, /no such file: gone\.yaml/],
    [
      'has a mistake',
      ['--config', 'c.yaml'],
      { 'c.yaml': EXAMPLE.replace('chap:', 'chip:') },
      /c\.yaml:18\n.*unknown key "chip"/,
    ],
  ] as const)('that %s is class 3', async (_, argv, files, message) => {
    const { code, stderr } = await run(['config', 'check', ...argv], { files });
    expect(code).toBe(3);
    expect(stderr).toMatch(message);
  });

  it('names secret files that only their owner may read, and never shows a secret', async () => {
    const refused = await run(['config', 'check', '--config', 'c.yaml'], {
      ...FILE,
      modes: { '/etc/cdctl/secret': 0o640 },
    });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('chmod 600 /etc/cdctl/secret');
    const shown = await run(['config', 'show', '--config', 'c.yaml', '--json'], FILE);
    expect(shown.stdout).toContain('/etc/cdctl/secret');
    expect(shown.stdout + shown.stderr).not.toContain('sesame');
  });

  it('names variables that hold secrets, which must be set, and never shows a secret', async () => {
    const source = EXAMPLE.replace(
      'secret-file: /etc/cdctl/secret',
      'secret-env: BACKUP_SECRET\n    target: { user: tokyo, secret-env: TOKYO_SECRET }',
    );
    const files = { 'c.yaml': source };
    const environment = { BACKUP_SECRET: 'sesame', TOKYO_SECRET: 'sesame too' };
    expect((await run(['config', 'check', '--config', 'c.yaml'], { files, environment })).code).toBe(0);
    const shown = await run(['config', 'show', '--config', 'c.yaml', '--json'], { files, environment });
    expect(parseJson(shown)['chap']).toEqual([
      { user: 'backup', secretVariable: 'BACKUP_SECRET', target: { user: 'tokyo', secretVariable: 'TOKYO_SECRET' } },
    ]);
    expect(shown.stdout + shown.stderr).not.toContain('sesame');
    for (const [value, why] of [
      [undefined, 'it is not set'],
      ['', 'it is empty'],
    ] as const) {
      const refused = await run(['config', 'check', '--config', 'c.yaml'], {
        files,
        environment: { BACKUP_SECRET: 'sesame', ...(value !== undefined && { TOKYO_SECRET: value }) },
      });
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain('the CHAP secret of tokyo cannot be used');
      expect(refused.stderr).toContain('environment variable TOKYO_SECRET');
      expect(refused.stderr).toContain(why);
    }
  });
});

describe('what is not foreseen', () => {
  it('is a bug with exit code 70, its stack only with --verbose', async () => {
    const quiet = await run(['lab', 'status']);
    expect(quiet.code).toBe(70);
    expect(quiet.stderr).not.toContain('at ');
    expect((await run(['lab', 'status', '--verbose'])).stderr).toMatch(/\n {4}at /);
    expect(parseJson(await run(['lab', 'status', '--json']))).toMatchObject({
      ok: false,
      error: { class: 'bug', exit: 70 },
    });
  });
});
