import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { lineOf } from '../../cli/support/run-program.ts';

/**
 * An iSCSI LUN as a block device of this machine, where the kernel has no iSCSI: `qemu-storage-daemon` logs in and shows
 * the LUN as a file (FUSE), `losetup` makes the file a block device, both without a cache.
 *
 * All goes with the process that made it, even if that is killed: the daemon by its parent-death signal, its mount because
 * no other process has it, the loop device because it is detached already and lives on only while a descriptor is open.
 */
export interface RawDevice extends LoopDevice {
  /** Another loop device over the same LUN. */
  another(options?: LoopOptions): LoopDevice;
  /** The path to the array breaks: what is asked of the device from now on fails. */
  breakOff(): Promise<void>;
  remove(): Promise<void>;
}

export interface LoopDevice {
  /** "/dev/loop3". */
  readonly device: string;
  remove(): void | Promise<void>;
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

/** `driver` is QEMU's; the LUN becomes the file `directory/name` of the daemon's, and a loop device over it. */
export async function attach(
  directory: string,
  name: string,
  driver: string,
  options: LoopOptions = {},
): Promise<RawDevice> {
  const file = join(directory, name);
  fs.writeFileSync(file, '');
  const daemon = await startDaemon(file, driver, options.sectorSize ?? 512);
  try {
    oneAtATime(daemon, file);
    const loop = attachLoop(daemon, file, options);
    return {
      device: loop.device,
      another: (more = {}) => attachLoop(daemon, file, more),
      breakOff: () => end(daemon),
      async remove() {
        await loop.remove();
        await end(daemon);
      },
    };
  } catch (error) {
    await end(daemon);
    throw error;
  }
}

function attachLoop(daemon: ChildProcess, file: string, options: LoopOptions): LoopDevice {
  const { readOnly = false, sectorSize = 512 } = options;
  const more = readOnly ? ['--read-only'] : [];
  const direct = ['--direct-io=on', '--sector-size', String(sectorSize)];
  return heldOnlyHere(beside(daemon, 'losetup', '--find', '--show', ...direct, ...more, file));
}

/** A loop device over a file. */
export function loopOver(file: string, ...options: string[]): LoopDevice {
  return heldOnlyHere(run('losetup', '--find', '--show', ...options, file));
}

function heldOnlyHere(device: string): LoopDevice {
  const holder = fs.openSync(device, 'r');
  run('losetup', '--detach', device);
  let removed = false;
  return {
    device,
    remove() {
      if (!removed) fs.closeSync(holder);
      removed = true;
    },
  };
}

/** Where the daemon's mount is seen. */
function beside(daemon: ChildProcess, ...command: string[]): string {
  return run('nsenter', `--mount=/proc/${daemon.pid}/ns/mnt`, ...command);
}

/**
 * QEMU 7.2 ends itself when it asks a thin LUN of 4096-byte blocks whether what it is about to read is allocated: the
 * length that it gives, 2^31 - 512, is no multiple of the block (`iscsi_co_block_status`: "Assertion
 * QEMU_IS_ALIGNED(offset | bytes, iscsilun->block_size)"). It asks for reads of 32 KiB and more, so there are none.
 */
const READ_LIMIT = 'driver=blkdebug,node-name=lun,image=whole,max-transfer=16384';

async function startDaemon(file: string, driver: string, sectorSize: number): Promise<ChildProcess> {
  const argv = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private', 'qemu-storage-daemon'];
  const inner = sectorSize === 4096 ? 'whole' : 'lun';
  argv.push('--blockdev', `${driver},node-name=${inner},cache.direct=on,discard=unmap`);
  if (sectorSize === 4096) argv.push('--blockdev', `${READ_LIMIT},cache.direct=on,discard=unmap`);
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
function oneAtATime(daemon: ChildProcess, file: string): void {
  const control = '/sys/fs/fuse/connections';
  const limit = `${control}/${connectionOf(daemon, file)}/max_background`;
  run('unshare', '--mount', 'sh', '-euc', `mount -t fusectl none ${control}; echo 1 > ${limit}`);
}

/** FUSE numbers its connections as the minor number of the file system: proc(5), "36 35 0:39 / /mnt ...". */
function connectionOf(daemon: ChildProcess, file: string): string {
  const mounts = fs.readFileSync(`/proc/${daemon.pid}/mountinfo`, 'utf8').split('\n');
  const mount = mounts.find((line) => line.split(' ')[4] === file);
  const number = mount?.split(' ')[2]?.split(':')[1];
  if (number === undefined) throw new Error(`${file} is not mounted`);
  return number;
}

/** It is killed, not asked: it would first wait for an array that may be gone. */
async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => daemon.on('exit', () => resolve()));
  daemon.kill('SIGKILL');
  await ended;
}
