import { execFile, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { lineOf } from '../../cli/support/run-program.ts';

/**
 * A file system of this machine on a block device, seen in a mount namespace of its own. Like the devices of
 * `raw-device.ts` it goes with the process that made it, even if that is killed.
 */
export interface MountedFilesystem {
  /** Its root, for this process: "/proc/PID/root/mnt". Programs of its own namespace know it as `inside`. */
  readonly path: string;
  readonly inside: string;
  /** Runs a program that sees it at `inside`; rejects where it fails. */
  run(name: string, ...argv: string[]): Promise<string>;
  /** Starts one. */
  start(name: string, ...argv: string[]): ChildProcess;
  unmount(): Promise<void>;
  /** Without a word to the device, as far as the kernel permits: after that device has failed. */
  abandon(): Promise<void>;
}

const INSIDE = '/mnt';
const execute = promisify(execFile);

/** Whatever needs the device is asynchronous here: the array behind it may be a child of this process. */
export async function tool(name: string, ...argv: string[]): Promise<string> {
  const { stdout, stderr } = await execute(name, argv, { maxBuffer: 1 << 26 });
  return stdout + stderr;
}

/** `options` are mount's: "discard,noatime". Rejects where the device bears no file system that mounts. */
export async function mount(device: string, type: string, options = 'rw'): Promise<MountedFilesystem> {
  const keeper = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private', 'sh', '-c', 'echo here; exec sleep inf'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await lineOf(keeper, (line) => line === 'here');
  const within = ['--target', String(keeper.pid), '--mount', '--wd=/'];
  const run = (...argv: string[]): Promise<string> => tool('nsenter', ...within, ...argv);
  try {
    await run('mount', '-t', type, '-o', options, device, INSIDE);
  } catch (error) {
    await end(keeper);
    throw error;
  }
  const unmount = async (...how: string[]): Promise<void> => {
    if (keeper.exitCode !== null || keeper.signalCode !== null) return;
    try {
      await run('umount', ...how, INSIDE);
    } finally {
      await end(keeper);
    }
  };
  return {
    path: `/proc/${keeper.pid}/root${INSIDE}`,
    inside: INSIDE,
    run,
    start: (...argv) => spawn('nsenter', [...within, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] }),
    unmount: () => unmount(),
    abandon: () => unmount('--lazy'),
  };
}

async function end(keeper: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
  keeper.kill('SIGKILL');
  await ended;
}

/** Why it cannot be done here, in words: file systems that the kernel or this machine's programs lack. */
export function lacking(types: readonly string[], programs: readonly string[]): string | undefined {
  const known = fs.readFileSync('/proc/filesystems', 'utf8');
  const type = types.find((name) => !known.includes(`\t${name}\n`));
  if (type !== undefined) return `the kernel has no ${type}`;
  const program = programs.find(
    (name) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((folder) => fs.existsSync(`${folder}/${name}`)),
  );
  return program === undefined ? undefined : `${program} is not installed`;
}
