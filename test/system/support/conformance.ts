import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { formatVerdict, readConformanceLog } from '../conformance-log.ts';

/** `iscsi-test-cu` (Debian libiscsi-bin 1.19) against arrays of the command line, its verdicts compared with a committed list. */

const run = promisify(execFile);
const root = new URL('../../..', import.meta.url).pathname;
const program = join(root, 'bin/cdctl.mjs');
const expectations = join(root, 'fixtures/conformance/iscsi-test-cu.txt');

/** Sanitize.Reset alone sleeps for a minute where the array is not done when it looks for the first time; a busy machine takes many times as long. */
export const SUITE_TIMEOUT_MS = 900_000;

interface Volume {
  readonly lun: number;
  readonly name: string;
  readonly size: string;
  readonly options: string;
}

/** Below 1 GiB, so that a 6-byte CDB can name an LBA beyond the end. */
const VOLUMES: readonly Volume[] = [
  { lun: 1, name: 'main', size: '128MiB', options: 'removable: true' },
  { lun: 2, name: 'protected', size: '64MiB', options: 'read-only: true' },
  { lun: 3, name: 'advanced-format', size: '96MiB', options: 'physical-block-size: 4096' },
  // Sanitize.Reset wants to see it under way three seconds after it began, and again after every reset.
  { lun: 4, name: 'erasable', size: '64MiB', options: 'sanitize-minimum: 6, encrypted: true' },
];

/** Arrays in a directory of their own, until `stop`. */
export class ConformanceArrays {
  private readonly directory = mkdtempSync(join(tmpdir(), 'cdctl-conformance-'));
  private readonly processes: ChildProcess[] = [];

  /** Serves an array with the volumes that the profiles are about; its URL. */
  async serveVolumes(): Promise<string> {
    const home = join(this.directory, 'kyoto');
    const volumes = VOLUMES.flatMap(({ lun, name, size }) => ['--volume', `${lun}:${name}:${size}`]);
    await this.init(home, '--name', 'kyoto', '--serial', 'KY000001', ...volumes);
    const file = join(home, 'array.yaml');
    const withOptions = VOLUMES.reduce(
      (text, { name, size, options }) => text.replace(new RegExp(`(name: ${name},.*size: ${size})`), `$1, ${options}`),
      readFileSync(file, 'utf8'),
    );
    writeFileSync(file, withOptions);
    return this.serve(home);
  }

  /** Serves an array that has each of these volumes as a virtual volume, under the same LUN; its URL. */
  async serveVirtual(url: string): Promise<string> {
    const home = join(this.directory, 'nara');
    const maps = VOLUMES.flatMap(({ lun, name }) => ['--map', `${lun}:${name}:KY000001:${lun}`]);
    const described = ['--name', 'nara', '--serial', 'NA000001', '--volume', '9:own:1MiB'];
    await this.init(home, ...described, '--remote', `KY000001=kyoto=${url}`, ...maps);
    return this.serve(home);
  }

  async stop(): Promise<void> {
    for (const array of this.processes.toReversed()) {
      if (array.exitCode !== null) continue;
      array.kill('SIGTERM');
      await once(array, 'exit');
    }
    rmSync(this.directory, { recursive: true });
  }

  /** The verdicts as the committed list spells them. CDCTL_CONFORMANCE_OUT=<file> also writes them there. */
  async verdicts(profile: string, options: readonly string[], ...luns: string[]): Promise<string[]> {
    const log = readConformanceLog(await this.suite(options, ...luns));
    expect(log.verdicts.length).toBe(log.ran);
    const lines = log.verdicts.map((verdict) => formatVerdict(profile, verdict));
    const out = process.env['CDCTL_CONFORMANCE_OUT'];
    if (out !== undefined) writeFileSync(out, `${lines.join('\n')}\n`, { flag: 'a' });
    return lines;
  }

  private async init(home: string, ...argv: readonly string[]): Promise<void> {
    await run(process.execPath, [program, 'array', 'init', home, ...argv]);
  }

  private serve(home: string): Promise<string> {
    const array = spawn(process.execPath, [program, 'array', 'serve', home, '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.processes.push(array);
    return readyUrl(array);
  }

  /** The exit code of the tool only says whether anything failed, which the expectations say better. */
  private async suite(options: readonly string[], ...luns: string[]): Promise<string> {
    const limits = { cwd: this.directory, timeout: SUITE_TIMEOUT_MS, maxBuffer: 64 << 20 };
    try {
      const { stdout } = await run('iscsi-test-cu', ['-V', '-d', ...options, ...luns], limits);
      return stdout;
    } catch (error) {
      const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string };
      if (code === 1 && stdout) return stdout;
      throw error;
    }
  }
}

async function readyUrl(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = /ready .* at (iscsi:\/\/[^\s,]+)/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('the array ended before it was ready');
}

/** The lines of the committed list for this profile. */
export function expectedVerdicts(profile: string): string[] {
  const lines = readFileSync(expectations, 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[1] === profile && !line.startsWith('#'));
}
