import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { lineOf } from '../../cli/support/run-program.ts';

/**
 * An iSCSI LUN as a block device of this machine, where the kernel has no iSCSI: `qemu-storage-daemon` logs in and shows
 * the LUN as a file (FUSE), `losetup` makes the file a block device, both without a cache.
 *
 * Both go with the process that made them, even if it is killed: the daemon by its parent-death signal, the loop device
 * because it is detached already and lives on only while a descriptor of it is open.
 */
export interface RawDevice {
  /** "/dev/loop3". */
  readonly device: string;
  /** The LUN as a file. */
  readonly file: string;
  /** The path to the array breaks: what is asked of the device from now on fails. */
  breakOff(): Promise<void>;
  remove(): Promise<void>;
}

/** QEMU's options of one LUN: `driver=iscsi,...`. */
export function iscsiDriver(port: number, target: string, lun: number): string {
  return `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${target},lun=${lun}`;
}

export interface LoopOptions {
  readonly readOnly?: boolean;
  readonly sectorSize?: 512 | 4096;
}

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Why this machine cannot do it, in words; undefined where it can. */
export async function obstacle(directory: string): Promise<string | undefined> {
  try {
    const device = await attach(directory, 'trial', 'driver=null-co,size=1048576,read-zeroes=on');
    try {
      run('dd', `if=${device.device}`, 'of=/dev/null', 'bs=4096', 'count=1', 'iflag=direct');
    } finally {
      await device.remove();
    }
    return undefined;
  } catch (error) {
    return `no FUSE export of qemu-storage-daemon behind a loop device here: ${(error as Error).message}`;
  }
}

/** `driver` is QEMU's; the LUN becomes `directory/name` and a loop device over it. */
export async function attach(
  directory: string,
  name: string,
  driver: string,
  options: LoopOptions = {},
): Promise<RawDevice> {
  const file = join(directory, name);
  fs.writeFileSync(file, '');
  const daemon = await startDaemon(file, driver);
  try {
    oneAtATime(directory, file);
    const loop = attachLoop(file, options);
    return {
      device: loop.device,
      file,
      breakOff: () => end(daemon, 'SIGKILL'),
      async remove() {
        loop.remove();
        await endAndUnmount(daemon, file);
      },
    };
  } catch (error) {
    await endAndUnmount(daemon, file);
    throw error;
  }
}

/** A loop device of its own over a file. */
export function attachLoop(file: string, options: LoopOptions = {}): { readonly device: string; remove(): void } {
  const { readOnly = false, sectorSize = 512 } = options;
  const more = readOnly ? ['--read-only'] : [];
  const direct = ['--direct-io=on', '--sector-size', String(sectorSize)];
  const device = run('losetup', '--find', '--show', ...direct, ...more, file);
  const holder = fs.openSync(device, 'r');
  run('losetup', '--detach', device);
  return { device, remove: () => fs.closeSync(holder) };
}

async function startDaemon(file: string, driver: string): Promise<ChildProcess> {
  const argv = ['--pdeathsig', 'KILL', 'qemu-storage-daemon'];
  argv.push('--blockdev', `${driver},node-name=lun,cache.direct=on`);
  argv.push('--export', `type=fuse,id=export,node-name=lun,mountpoint=${file},writable=on,allow-other=off`);
  // Options are carried out in order: the monitor's greeting says that the export is there.
  argv.push('--chardev', 'stdio,id=monitor', '--monitor', 'chardev=monitor');
  const daemon = spawn('setpriv', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  daemon.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const started = lineOf(daemon, (line) => line.includes('"QMP"'));
  const failed = new Promise<never>((_resolve, reject) => daemon.on('error', reject));
  try {
    await Promise.race([started, failed]);
  } catch (error) {
    throw new Error(`qemu-storage-daemon: ${(error as Error).message} ${said}`.trim(), { cause: error });
  }
  return daemon;
}

/**
 * QEMU 7.2 takes the next request into the buffer of a write that is still under way, so that two at once store the bytes
 * of one of them twice (mended upstream by "fuse: Copy write buffer content before polling"). The kernel is told to send
 * it one at a time.
 */
function oneAtATime(directory: string, file: string): void {
  const control = fs.mkdtempSync(join(directory, 'fusectl-'));
  run('mount', '-t', 'fusectl', 'none', control);
  try {
    fs.writeFileSync(join(control, connectionOf(file), 'max_background'), '1');
  } finally {
    run('umount', control);
    fs.rmdirSync(control);
  }
}

/** FUSE numbers its connections as the minor number of the file system: proc(5), "36 35 0:39 / /mnt ...". */
function connectionOf(file: string): string {
  const number = mountOf(file)?.split(' ')[2]?.split(':')[1];
  if (number === undefined) throw new Error(`${file} is not mounted`);
  return number;
}

function mountOf(file: string): string | undefined {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.find((line) => line.split(' ')[4] === file);
}

async function end(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => daemon.on('exit', () => resolve()));
  daemon.kill(signal);
  await ended;
}

/** It is killed, not asked: it would first wait for an array that may be gone. */
async function endAndUnmount(daemon: ChildProcess, file: string): Promise<void> {
  await end(daemon, 'SIGKILL');
  if (mountOf(file) !== undefined) run('umount', '--lazy', file);
}
