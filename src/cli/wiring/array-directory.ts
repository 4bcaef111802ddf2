import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { delay, type Clock } from '../../base/clock.ts';
import { CliError } from '../cli-error.ts';
import type { LockHolder } from '../services.ts';
import { lockFile } from './file-lock.ts';
import { askHolder, createLocks } from './locks.ts';

/** Where an array keeps its storage: beside `array.yaml`. */
export function storeOf(directory: string): string {
  return join(directory, 'store');
}

/** As many bytes as the name of the management socket, whose path is checked for what a socket path can have. */
const LOCK_NAME = 'array.lock';

interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * For who serves: one process for each directory, however it is spelled and from whichever container it is seen. The kernel's
 * lock is named after device and inode; the file beside it is for those in other network namespaces.
 */
export async function lockDirectory(directory: string, command: string, clock: Clock): Promise<DirectoryLock> {
  const kernel = await lockInKernel(directory, command, clock);
  try {
    const file = await lockFile(join(directory, LOCK_NAME), `${command} ${directory}`, clock).catch((error: unknown) =>
      takesNoLock(directory, error),
    );
    if (!file.held) throw inUse(directory, file.holder);
    return {
      async release() {
        await file.release();
        await kernel.release();
      },
    };
  } catch (error) {
    await kernel.release();
    throw error;
  }
}

/** For who only looks, and leaves nothing behind: nobody serves the directory, nor begins to on this side. */
export async function lockUnserved(directory: string, command: string, clock: Clock): Promise<DirectoryLock> {
  const kernel = await lockInKernel(directory, command, clock);
  const holder = await askHolder(join(directory, LOCK_NAME));
  if (holder === 'gone') return kernel;
  await kernel.release();
  throw inUse(directory, holder);
}

const ACCESS_POLL_MS = 20;

/** Of two edits at once each would write what it had read, and one would be lost: a grant, or a revocation. */
export async function lockAccess(directory: string, timeoutMs: number, clock: Clock): Promise<DirectoryLock> {
  const { dev, ino } = await stat(directory);
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const lock = await createLocks(clock).acquire(`access-${dev}-${ino}`, `array access ${directory}`);
    if (lock.held) return lock;
    if (clock.monotonicMs() >= untilMs) throw inUse(directory, lock.holder);
    await delay(clock, ACCESS_POLL_MS);
  }
}

/** Somebody serves it, or is about to, whether or not it answers. */
export async function isServed(directory: string): Promise<boolean> {
  return (await askHolder(join(directory, LOCK_NAME))) !== 'gone';
}

/** One process of this machine at a time, and no trace left: for who makes an array of the directory. */
export async function lockInKernel(directory: string, command: string, clock: Clock): Promise<DirectoryLock> {
  const { dev, ino } = await stat(directory);
  const lock = await createLocks(clock).acquire(`array-${dev}-${ino}`, `${command} ${directory}`);
  if (lock.held) return lock;
  throw inUse(directory, lock.holder);
}

function inUse(directory: string, holder: LockHolder | undefined): CliError {
  return new CliError(
    'busy',
    {
      what: 'the array is in use by another process',
      where: directory,
      why: `${holderText(holder)} holds it`,
      next: 'let it go on, or end that process first',
    },
    holder ? { holder } : {},
  );
}

function takesNoLock(directory: string, error: unknown): never {
  throw new CliError('refused', {
    what: 'the array cannot be served here',
    where: join(directory, LOCK_NAME),
    why: error instanceof Error ? error.message : String(error),
    next: 'serve it from a file system that can be written to and takes sockets',
  });
}

function holderText(holder: LockHolder | undefined): string {
  return holder ? `process ${holder.pid} (cdctl ${holder.command}) since ${holder.since}` : 'another process';
}
