import { spawn } from 'node:child_process';
import { open, readdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { delay, type Clock } from '../../../base/clock.ts';
import { CliError } from '../../cli-error.ts';
import { askManagement } from '../management-socket.ts';
import { LAB_HOST } from './topology.ts';

/** Arrays as detached processes of this machine. */

export type ProcessState = 'running' | 'paused' | 'stopped';

const POLL_MS = 25;
const LOG_NAME = 'array.log';

/**
 * Whether `pid` is still the array of `directory`, and in which state: a process id that was reused by another program
 * counts as stopped, so that no signal ever goes astray.
 */
export async function processState(pid: number | undefined, directory: string): Promise<ProcessState> {
  if (pid === undefined) return 'stopped';
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    if (!words.includes('serve') || !words.includes(directory)) return 'stopped';
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const letter = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    if (letter === 'Z' || letter === 'X') return 'stopped';
    return letter === 'T' || letter === 't' ? 'paused' : 'running';
  } catch {
    return 'stopped';
  }
}

/** The process that serves `directory` although nobody noted it: whoever started it died before it could. */
export async function findArray(directory: string): Promise<number | undefined> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) {
    if ((await processState(pid, directory)) !== 'stopped') return pid;
  }
  return undefined;
}

/** Starts `cdctl array serve` so that it outlives this process; resolves once it answers its management socket. */
export async function startArray(
  programPath: string,
  directory: string,
  clock: Clock,
  timeoutMs: number,
): Promise<number> {
  const log = await open(join(directory, LOG_NAME), 'a', 0o600);
  const child = spawn(process.execPath, [programPath, 'array', 'serve', directory, '--json'], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: plainEnvironment(),
  });
  let ended: string | undefined;
  child.on('error', (error) => (ended = error.message));
  child.on(
    'exit',
    (code, signal) => (ended = signal === null ? `it ended with exit code ${code}` : `it died of ${signal}`),
  );
  await log.close();
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  while (clock.monotonicMs() < deadlineMs) {
    if (ended !== undefined) throw await startFailure(directory, ended);
    if (await answers(directory)) {
      child.unref();
      return child.pid!;
    }
    await delay(clock, POLL_MS);
  }
  child.kill('SIGKILL');
  throw await startFailure(directory, `it was not ready within ${timeoutMs} ms`);
}

async function answers(directory: string): Promise<boolean> {
  return askManagement(directory, { operation: 'show' }, 1000).then(
    () => true,
    () => false,
  );
}

/** NODE_EXTRA_CA_CERTS costs each start 0.1 s, and an array speaks no TLS; NODE_OPTIONS of a debugger would collide. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _ca, NODE_OPTIONS: _options, ...rest } = process.env;
  return rest;
}

async function startFailure(directory: string, why: string): Promise<CliError> {
  const log = await readFile(join(directory, LOG_NAME), 'utf8').catch(() => '');
  const lastLines = log.trim().split('\n').slice(-2).join(' | ');
  return new CliError('no-path', {
    what: 'an array did not start',
    where: directory,
    why: lastLines === '' ? why : `${why}: ${lastLines}`,
    next: `see ${join(directory, LOG_NAME)}, or start it by hand: cdctl array serve ${directory}`,
  });
}

/** Sends a signal to the array of `directory`, if it is one still; false where none runs. */
export async function signalArray(
  pid: number | undefined,
  directory: string,
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (pid === undefined || (await processState(pid, directory)) === 'stopped') return false;
  process.kill(pid, signal);
  return true;
}

/** Resolves true once the process is in the state, false when the time is over. */
export async function waitForState(
  pid: number | undefined,
  directory: string,
  wanted: ProcessState,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    if ((await processState(pid, directory)) === wanted) return true;
    if (clock.monotonicMs() >= deadlineMs) return false;
    await delay(clock, POLL_MS);
  }
}

/** Free TCP ports of loopback, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenAnywhere()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listenAnywhere() {
  const server = createServer();
  return new Promise<typeof server>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LAB_HOST, () => resolve(server));
  });
}
