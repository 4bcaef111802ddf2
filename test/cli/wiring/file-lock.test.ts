import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile } from '../../../src/cli/wiring/file-lock.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { program, temporaryDirectory } from '../support/run-program.ts';

const clock = createFakeClock();
let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'array.lock');
});
afterEach(() => directory.remove());

/** As a process in another network namespace looks from here: its file answers, the kernel's name is not there. */
async function heldElsewhere(): Promise<Server> {
  const server = createServer((socket) => socket.end('{"pid":7,"since":"then","command":"array serve /data"}\n'));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** The file that a killed holder leaves. */
async function leaveStale(): Promise<void> {
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('held'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
}

describe('a lock in the file system', () => {
  it('has one holder at a time, says who, and leaves nothing when it is given back', async () => {
    const first = await lockFile(path, 'array serve', clock);
    if (!first.held) throw new Error('it should be free');
    expect(await lockFile(path, 'another', clock)).toMatchObject({ held: false, holder: { pid: process.pid } });
    await first.release();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('is free where a killed process has left its file', async () => {
    await leaveStale();
    expect(readdirSync(directory.path)).toEqual(['array.lock']);
    const lock = await lockFile(path, 'array serve', clock);
    expect(lock.held).toBe(true);
    expect(readdirSync(directory.path)).toEqual(['array.lock']);
    if (lock.held) await lock.release();
  });

  it('goes to one of two who find such a file at the same moment', async () => {
    await leaveStale();
    const all = await Promise.all(['a', 'b'].map((command) => lockFile(path, command, clock)));
    expect(all.filter((lock) => lock.held)).toHaveLength(1);
    expect(readdirSync(directory.path)).toEqual(['array.lock']);
    for (const lock of all) if (lock.held) await lock.release();
  });
});

describe('the directory of an array', () => {
  it('is neither served nor checked while a process that the kernel locks do not reach serves it', async () => {
    const served = directory.path;
    const made = await program([
      'array',
      'init',
      served,
      '--name',
      'kobe',
      '--serial',
      'KB000001',
      '--volume',
      '1:a:1MiB',
    ]);
    expect(made.code).toBe(0);
    const elsewhere = await heldElsewhere();
    const serve = await program(['array', 'serve', served, '--listen', '127.0.0.1:0']);
    const check = await program(['array', 'check', served]);
    expect([serve.code, check.code]).toEqual([7, 7]);
    expect(serve.stderr).toContain('process 7 (cdctl array serve /data) since then holds it');
    await close(elsewhere);
    expect((await program(['array', 'check', served])).code).toBe(1);
  });
});
