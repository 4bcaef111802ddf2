import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The built program as a process of its own, in an environment made from nothing. */

export const PROGRAM = new URL('../../../bin/cdctl.mjs', import.meta.url).pathname;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No NODE_EXTRA_CA_CERTS (0.1 s for each start), no FORCE_COLOR, nothing of whoever runs the tests but its place for files. */
export function plainEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH = '/usr/bin:/bin', TMPDIR = tmpdir() } = process.env;
  return { PATH, TMPDIR, HOME: '/nonexistent', TZ: 'UTC', LANG: 'C.UTF-8', ...more };
}

export function start(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...argv], {
    env: plainEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function program(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return ended(start(argv, environment));
}

/** Runs the program in this environment, for what it prints; rejects where it does not end well, or tells of an error. */
export function succeeding(environment: Readonly<Record<string, string>>) {
  return async (...argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await program(argv, environment);
    if (code !== 0 || /error/.test(stderr)) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
}

export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** A directory with a short path: sockets live in it. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'cdctl-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Resolves with the first line of standard output that fulfils the condition. */
export function lineOf(child: ChildProcess, condition: (line: string) => boolean): Promise<string> {
  let rest = '';
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      rest += chunk;
      const line = rest.split('\n').find(condition);
      if (line !== undefined) resolve(line);
    });
    child.on('close', () => reject(new Error(`it ended first: ${rest}`)));
  });
}
