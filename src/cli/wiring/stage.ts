import { spawn } from 'node:child_process';
import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { FileSource, Stage, StagedProcess } from '../services.ts';

export function createStage(programPath: string): Stage {
  return {
    sampleFile: process.execPath,
    programDirectory: dirname(programPath),
    makeDirectory: () => mkdtemp(join(tmpdir(), 'cdctl-demo-')),
    removeDirectory: (path) => rm(path, { recursive: true, force: true }),
    async freeBytes(directory) {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
    openFile,
    start: (args, line) => startProcess(programPath, args, line),
  };
}

async function openFile(path: string): Promise<FileSource> {
  // Looked at first: to open a named pipe would wait for somebody to write into it.
  if (!(await stat(path)).isFile()) throw new Error('it is no regular file');
  const file = await open(path, 'r');
  return {
    byteLength: (await file.stat()).size,
    async read(offset, length) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/**
 * Standard input stays open for as long as this process lives: a process that reads it to its end knows when it has been
 * left alone, however this one died.
 */
function startProcess(programPath: string, args: readonly string[], line: (text: string) => void): StagedProcess {
  const child = spawn(process.execPath, [programPath, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: plainEnvironment(),
  });
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', line);
  const errors = text(child.stderr).catch(() => '');
  const read = new Promise<void>((resolve) => void lines.once('close', resolve));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    kill: () => void child.kill('SIGKILL'),
    finish: () => void child.stdin.end(),
    ended: Promise.all([ended, errors, read]).then(([how, said]) => ({ ...how, errors: said.trim() })),
  };
}

/** NODE_EXTRA_CA_CERTS costs each start 0.1 s, and nothing here speaks TLS. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  return rest;
}
