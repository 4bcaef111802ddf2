import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatVerdict, readConformanceLog } from './conformance-log.ts';

/**
 * `iscsi-test-cu` (Debian libiscsi-bin 1.19) against an array of the command line, every verdict compared with
 * `fixtures/conformance/iscsi-test-cu.txt`. A skip is a skip, not a pass, and must have the reason that it had. After a
 * change that is meant: CDCTL_CONFORMANCE_OUT=<file> writes the verdicts as they are.
 */

const run = promisify(execFile);
const root = new URL('../..', import.meta.url).pathname;
const program = join(root, 'bin/cdctl.mjs');
const expectations = join(root, 'fixtures/conformance/iscsi-test-cu.txt');

/** Sanitize.Reset alone sleeps for a minute where the array is not done when it looks for the first time. */
const SUITE_TIMEOUT_MS = 280_000;

/** Below 1 GiB, so that a 6-byte CDB can name an LBA beyond the end. */
const VOLUMES = [
  { lun: 1, name: 'main', size: '128MiB', options: 'removable: true' },
  { lun: 2, name: 'protected', size: '64MiB', options: 'read-only: true' },
  { lun: 3, name: 'advanced-format', size: '96MiB', options: 'physical-block-size: 4096' },
  // Sanitize.Reset wants to see it under way three seconds after it began, and again after every reset.
  { lun: 4, name: 'erasable', size: '64MiB', options: 'sanitize-minimum: 6, encrypted: true' },
] as const;

let directory: string;
let array: ChildProcess;
let url: string;

async function readyUrl(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = /ready .* at (iscsi:\/\/[^\s,]+)/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('the array ended before it was ready');
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cdctl-conformance-'));
  const home = join(directory, 'array');
  const volumes = VOLUMES.flatMap(({ lun, name, size }) => ['--volume', `${lun}:${name}:${size}`]);
  await run(process.execPath, [program, 'array', 'init', home, '--name', 'kyoto', '--serial', 'KY000001', ...volumes]);
  const file = join(home, 'array.yaml');
  const withOptions = VOLUMES.reduce(
    (text, { name, size, options }) => text.replace(new RegExp(`(name: ${name},.*size: ${size})`), `$1, ${options}`),
    readFileSync(file, 'utf8'),
  );
  writeFileSync(file, withOptions);
  array = spawn(process.execPath, [program, 'array', 'serve', home, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await readyUrl(array);
});

afterAll(async () => {
  if (array.exitCode === null) {
    array.kill('SIGTERM');
    await once(array, 'exit');
  }
  rmSync(directory, { recursive: true });
});

/** The exit code of the tool only says whether anything failed, which the expectations say better. */
async function suite(options: readonly string[], ...luns: string[]): Promise<string> {
  const limits = { cwd: directory, timeout: SUITE_TIMEOUT_MS, maxBuffer: 64 << 20 };
  try {
    const { stdout } = await run('iscsi-test-cu', ['-v', '-d', ...options, ...luns], limits);
    return stdout;
  } catch (error) {
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string };
    if (code === 1 && stdout) return stdout;
    throw error;
  }
}

function expected(profile: string): string[] {
  const lines = readFileSync(expectations, 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[1] === profile && !line.startsWith('#'));
}

async function verdicts(profile: string, options: readonly string[], ...luns: string[]): Promise<string[]> {
  const log = readConformanceLog(await suite(options, ...luns));
  expect(log.verdicts.length).toBe(log.ran);
  const lines = log.verdicts.map((verdict) => formatVerdict(profile, verdict));
  const out = process.env['CDCTL_CONFORMANCE_OUT'];
  if (out !== undefined) writeFileSync(out, `${lines.join('\n')}\n`, { flag: 'a' });
  return lines;
}

describe('the reader of the log', () => {
  it('tells skips and failures from passes, whatever stands around them', () => {
    const log = [
      'Suite: Read6',
      '  Test: Simple ...passed',
      '  Test: Late ...    [SKIPPED] no such thing',
      'passed    [FAILED] PRIN command: clean-up of the suite',
      'Suite: Write',
      '  Test: Noisy ...    [FAILED] expected by the test',
      'passed',
      '  Test: Broken ...    [FAILED] what it saw',
      'FAILED',
      '    1. test_a.c:71  - CU_FAIL("x")',
      '    2. test_a.c:99  - CU_ASSERT_EQUAL(ret,0)',
      '               tests      4      4      3      1        0',
    ];
    const { verdicts: found, ran } = readConformanceLog(log.join('\n'));
    expect(ran).toBe(4);
    expect(found.map((verdict) => formatVerdict('x', verdict))).toEqual([
      'PASS x Read6.Simple',
      'SKIP x Read6.Late no such thing',
      'PASS x Write.Noisy',
      'FAIL x Write.Broken test_a.c:71 test_a.c:99',
    ]);
  });
});

describe('an array under iscsi-test-cu', () => {
  it(
    'answers a thin, removable volume on two paths as expected',
    async () => {
      const lines = await verdicts('main', ['-t', 'ALL'], `${url}/1`, `${url}/1`);
      expect(lines).toHaveLength(230);
      expect(lines).toEqual(expected('main'));
    },
    SUITE_TIMEOUT_MS + 10_000,
  );

  /** On one path: of two, Sanitize.Reservations leaves a RESERVE(6) on the second, and all behind it conflict with that. */
  it(
    'sanitizes a volume as expected',
    async () => {
      const lines = await verdicts('erasable', ['-S', '-t', 'ALL.Sanitize'], `${url}/4`);
      expect(lines).toEqual(expected('erasable'));
    },
    SUITE_TIMEOUT_MS + 10_000,
  );

  it('keeps a read-only volume from every write', async () => {
    expect(await verdicts('protected', ['-t', 'ALL.ReadOnly'], `${url}/2`)).toEqual(expected('protected'));
  });

  it('answers a volume with larger physical blocks (512e) as expected', async () => {
    const tests = ['ALL.CompareAndWrite', 'ALL.WriteSame10', 'ALL.WriteSame16'];
    const lines = await verdicts('advanced-format', ['-t', tests.join(',')], `${url}/3`);
    expect(lines).toEqual(expected('advanced-format'));
  });
});
