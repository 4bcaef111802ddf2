import { spawn } from 'node:child_process';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, plainEnvironment, program, PROGRAM, start, temporaryDirectory } from './support/run-program.ts';
import { onTerminal } from './support/run-on-terminal.ts';

/** Traps of streams and terminals that were measured in the packages used here. */

const directory = temporaryDirectory();
const large = join(directory.path, 'large.yaml');
const damaged = join(directory.path, 'damaged.yaml');

beforeAll(() => {
  writeFileSync(large, largeConfiguration());
  writeFileSync(damaged, 'version: 1\nnonsense: true\n');
});
afterAll(() => directory.remove());

/** Shown, its tables have more than 300 kB. */
function largeConfiguration(): string {
  const lines = ['version: 1', 'arrays:'];
  for (const name of ['a', 'b'])
    lines.push(`  ${name}: { serial: ${name.toUpperCase()}1, command-devices: [/dev/${name}] }`);
  lines.push('groups:');
  let lun = 0;
  for (let group = 0; group < 80; group++) {
    lines.push(`  group-with-a-long-name-${group}:`, `    journals: { a: ${lun}, b: ${lun} }`, '    pairs:');
    for (let pair = 0; pair < 50; pair++) lines.push(`      pair-${pair}: { a: ${++lun}, b: ${lun} }`);
    lun++;
  }
  return lines.join('\n');
}

// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001b/;

describe('a pipe', () => {
  it('brings 300 kB whole, also to a slow reader', async () => {
    const child = start(['config', 'show', '--config', large]);
    child.stdout!.pause();
    child.stdout!.once('readable', () => child.stdout!.resume());
    const { code, stdout, stderr } = await ended(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.length).toBeGreaterThan(300_000);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(stdout.split('\n').filter((line) => line.startsWith('group-with-a-long-name-'))).toHaveLength(4000);
  });

  it('that is closed early ends the program quietly', async () => {
    const child = start(['config', 'show', '--config', large]);
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, signal, stderr } = await ended(child);
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  });

  it('has no colour, nor has standard error', async () => {
    const shown = await program(['exit-codes']);
    expect(shown.stdout).not.toMatch(ESCAPE);
    const failed = await program(['config', 'check', '--config', damaged]);
    expect(failed.code).toBe(3);
    expect(failed.stdout + failed.stderr).not.toMatch(ESCAPE);
  });

  it('has colour where it is forced', async () => {
    expect((await program(['exit-codes'], { FORCE_COLOR: '1' })).stdout).toMatch(ESCAPE);
    expect((await program(['exit-codes', '--color', 'always'])).stdout).toMatch(ESCAPE);
  });
});

const hasFullDevice = existsSync('/dev/full');

describe('a full disk', () => {
  it.runIf(hasFullDevice)('is said, and the exit code is not 0', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [PROGRAM, 'exit-codes'], {
      env: plainEnvironment(),
      stdio: ['ignore', full, 'pipe'],
    });
    const { code, stderr } = await ended(child);
    expect(code).toBe(10);
    expect(stderr).toMatch(/the output cannot be written: .*ENOSPC/);
  });
});

describe('a full disk under a stream of lines', () => {
  it.runIf(hasFullDevice)('is said once', async () => {
    const full = openSync('/dev/full', 'w');
    const once = ['replicate', 'group-with-a-long-name-1', '--once', '--json', '--config', large];
    const child = spawn(process.execPath, [PROGRAM, ...once], {
      env: plainEnvironment(),
      stdio: ['ignore', full, 'pipe'],
    });
    const { code, stderr } = await ended(child);
    expect(code).toBe(10);
    expect(stderr.match(/the output cannot be written/g)).toHaveLength(1);
  });
});

describe('a mistake of the program', () => {
  const before = (code: string): Record<string, string> => ({
    NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(code)}"`,
  });

  // Timers that never fire: whoever waits by one waits for ever, and nothing keeps the process.
  const never = 'globalThis.setTimeout = () => ({ ref() {}, unref() {} });';
  const wait = ['pair', 'wait', 'group-with-a-long-name-1', '--until', 'empty', '--config', large];

  it('that nothing catches has the code of one, which is no answer to what was asked', async () => {
    const { code, stderr } = await program(
      wait,
      before(`process.once("beforeExit", () => { throw new Error("planted"); }); ${never}`),
    );
    expect(code).toBe(70);
    expect(stderr).toMatch(/^error: unexpected: Error \[bug, exit 70\]\nwhere: cdctl pair wait\nwhy: +planted\n/);
  });

  it('that waits for what never comes has it, too', async () => {
    expect((await program(wait, before(never))).code).toBe(70);
  });
});

describe('a terminal', () => {
  it('has colour', async () => {
    const { code, output } = await onTerminal(['exit-codes'], { columns: 80, rows: 24 });
    expect(code).toBe(0);
    expect(output).toMatch(ESCAPE);
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }, { FORCE_COLOR: '0' }])('has none with %j', async (environment) => {
    const { code, output } = await onTerminal(
      ['exit-codes'],
      { columns: 80, rows: 24 },
      environment as unknown as Record<string, string>,
    );
    expect(code).toBe(0);
    expect(output).not.toMatch(ESCAPE);
  });

  it('of 0 columns gets its answer and an end', async () => {
    const { code, output, killed } = await onTerminal(['config', 'check', '--config', large], { columns: 0, rows: 0 });
    expect({ code, killed }).toEqual({ code: 0, killed: false });
    expect(output).toContain('80 groups');
  });
});
