import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { runProgram } from '../../../src/cli/run.ts';
import type { Files, Services } from '../../../src/cli/services.ts';
import type { Shell } from '../../../src/cli/shell.ts';

/** One command line run inside the test, with everything outside replaced. */

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly modes?: Readonly<Record<string, number>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** What a person types when asked; absent: nobody sits there. */
  readonly answer?: string;
  readonly input?: Uint8Array;
  /** See `Output`. */
  readonly taken?: () => Promise<boolean>;
  readonly services?: Partial<Services>;
  /** Handed the function that raises a signal. */
  readonly signals?: (raise: (signal: string) => void) => void;
}

export async function run(argv: readonly string[], around: Surroundings = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runProgram(argv, createShell(around, out, err));
  return { code, stdout: out.join(''), stderr: err.join('') };
}

export function parseJson(ran: Ran): Record<string, unknown> {
  const lines = ran.stdout.trimEnd().split('\n');
  if (lines.length !== 1) throw new Error(`not one object on standard output: ${ran.stdout}`);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

function createShell(around: Surroundings, out: string[], err: string[]): Shell {
  const facts = { isTTY: around.isTTY ?? false, columns: around.columns ?? 0 };
  const decoder = new TextDecoder();
  const outputTo = (lines: string[]) => ({
    facts,
    stream: process.stderr,
    write: (data: string | Uint8Array) => void lines.push(typeof data === 'string' ? data : decoder.decode(data)),
    taken: around.taken ?? (async () => true),
  });
  return {
    version: '0.0.0-test',
    environment: around.environment ?? {},
    stdout: outputTo(out),
    stderr: outputTo(err),
    input: {
      isTTY: around.answer !== undefined,
      readAll: async () => around.input ?? new Uint8Array(),
      ask: async (question) => {
        err.push(question);
        return around.answer ?? '';
      },
    },
    onStopSignal(callback) {
      around.signals?.(callback);
      return () => undefined;
    },
    services: async () => createServices(around),
  };
}

function createServices(around: Surroundings): Services {
  const unavailable = (): never => {
    throw new Error('this test has no such service');
  };
  return {
    clock: createRealClock(),
    random: createRealRandom(),
    files: memoryFiles(around),
    who: 'tester@here:1',
    hostName: 'Here_1',
    luns: unavailable,
    locks: unavailable,
    arrays: unavailable,
    lab: unavailable,
    stage: unavailable,
    ...around.services,
  };
}

function memoryFiles({ files = {}, modes = {} }: Surroundings): Files {
  const find = (path: string): Uint8Array => {
    const content = files[path];
    if (content === undefined) throw new Error(`ENOENT: no such file: ${path}`);
    return typeof content === 'string' ? new TextEncoder().encode(content) : content;
  };
  return {
    exists: async (path) => path in files,
    read: async (path) => find(path),
    readText: async (path) => new TextDecoder().decode(find(path)),
    mode: async (path) => {
      find(path);
      return modes[path] ?? 0o600;
    },
    write: async () => undefined,
    open: async (path) => {
      const content = find(path);
      return {
        byteLength: content.length,
        read: async (offset, length) => content.subarray(offset, offset + length),
        close: async () => undefined,
      };
    },
    openImage: async () => {
      throw new Error('this test writes no images');
    },
    checkReplaceable: async () => undefined,
    rename: async () => undefined,
  };
}
