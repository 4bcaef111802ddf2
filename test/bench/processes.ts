import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { childEnvironment } from './lab.ts';

/** A target that runs as a process of its own, with one LUN. */
export interface TargetProcess {
  readonly name: string;
  readonly pid: number;
  /** URL of the LUN, as libiscsi and QEMU take it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** One of our arrays with one volume, LUN 10; in `directory`, which must not exist. */
export async function serveArray(root: string, directory: string, size: string): Promise<TargetProcess> {
  const program = join(root, 'bin/cdctl.mjs');
  const env = childEnvironment();
  const port = await freePort();
  const facts = ['--name', 'kyoto', '--serial', 'KY000001', '--command-device', '0'];
  const volumes = ['--volume', `10:data:${size}`, '--journal', '20:journal:64MiB', '--listen', `127.0.0.1:${port}`];
  execFileSync(process.execPath, [program, 'array', 'init', directory, ...facts, ...volumes], { env, stdio: 'ignore' });
  const array = spawn(process.execPath, [program, 'array', 'serve', directory], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    array.stdout.once('data', resolve);
    array.once('exit', () => reject(new Error('the array did not start')));
  });
  const url = `iscsi://127.0.0.1:${port}/iqn.2026-11.io.cdctl:kyoto/10`;
  return { name: 'array', pid: array.pid!, url, stop: () => ended(array, 'SIGTERM') };
}

/** tgtd (Debian package tgt; needs root) with `image` as LUN 1. */
export async function serveTgt(image: string): Promise<TargetProcess> {
  const port = await freePort();
  // tgtd takes numbers below 32,768 for its control socket.
  const control = String(port % 32_768);
  const daemon = spawn('tgtd', ['-f', '-C', control, '--iscsi', `portal=127.0.0.1:${port}`], { stdio: 'ignore' });
  const admin = (...args: string[]): void =>
    void execFileSync('tgtadm', ['-C', control, '--lld', 'iscsi', ...args], { stdio: 'ignore' });
  await answering(() => admin('--op', 'show', '--mode', 'target'));
  const name = 'iqn.2026-11.io.cdctl:tgt';
  admin('--op', 'new', '--mode', 'target', '--tid', '1', '-T', name);
  admin('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-b', image);
  // Without this it takes no digest, whatever it is offered.
  for (const key of ['HeaderDigest', 'DataDigest'])
    admin('--op', 'update', '--mode', 'target', '--tid', '1', '-n', key, '-v', 'None,CRC32C');
  admin('--op', 'bind', '--mode', 'target', '--tid', '1', '-I', 'ALL');
  return {
    name: 'tgt',
    pid: daemon.pid!,
    url: `iscsi://127.0.0.1:${port}/${name}/1`,
    async stop() {
      // It ignores SIGTERM while it has a target.
      await ended(daemon, 'SIGKILL');
      for (const suffix of ['', '.lock']) rmSync(`/var/run/tgtd/socket.${control}${suffix}`, { force: true });
    },
  };
}

/** User and system time that a process has used so far; milliseconds, in steps of 10 (proc(5), /proc/PID/stat). */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function answering(ask: () => void): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      return ask();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('tgtd does not answer');
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  return exit;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
