import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { CliError } from '../cli-error.ts';
import type { LockHolder } from '../services.ts';
import { createLocks } from './locks.ts';

/** Where an array keeps its storage: beside `array.yaml`. */
export function storeOf(directory: string): string {
  return join(directory, 'store');
}

/** One process for each directory, however it is spelled: the lock is named after device and inode. */
export async function lockDirectory(
  directory: string,
  command: string,
  clock: Clock,
): Promise<{ release(): Promise<void> }> {
  const { dev, ino } = await stat(directory);
  const lock = await createLocks(clock).acquire(`array-${dev}-${ino}`, `${command} ${directory}`);
  if (lock.held) return lock;
  throw new CliError(
    'busy',
    {
      what: 'the array is in use by another process',
      where: directory,
      why: `${holderText(lock.holder)} holds it`,
      next: 'let it go on, or end that process first',
    },
    lock.holder ? { holder: lock.holder } : {},
  );
}

function holderText(holder: LockHolder | undefined): string {
  return holder ? `process ${holder.pid} (cdctl ${holder.command}) since ${holder.since}` : 'another process';
}
