import { link, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { LockHolder, LockResult } from '../services.ts';
import { askHolder, tryHold } from './locks.ts';

const ATTEMPTS = 5;

/**
 * A lock as a socket in the file system: it also keeps out processes of another network namespace (a container into which the
 * directory is mounted), whom the kernel's own names do not reach. It goes with the process, but its file may stay behind; such
 * a one is moved aside and looked at again before it is removed, so that of two who find it at the same moment only one goes on.
 * Rejects where the file system takes no socket.
 */
export async function lockFile(path: string, command: string, clock: Clock): Promise<LockResult> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const held = await tryHold(path, command, clock);
    if (held) return held;
    const holder = await askHolder(path);
    if (holder !== 'gone') return { held: false, holder };
    const live = await removeStale(path);
    if (live !== 'gone') return { held: false, holder: live };
  }
  return { held: false, holder: undefined };
}

/** `gone` once it is removed; where somebody took the lock meanwhile, who that is. */
async function removeStale(path: string): Promise<LockHolder | 'gone' | undefined> {
  // Of a name that no two processes share, and no longer than that of the lock: a socket path has 107 bytes.
  // In the directory itself, which may be a file system of its own: `join` would take the dot for the directory.
  const place = await mkdtemp(`${dirname(path)}/.`);
  const aside = join(place, 's');
  try {
    await rename(path, aside);
    const holder = await askHolder(aside);
    if (holder !== 'gone') await link(aside, path);
    return holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    throw error;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
