import { connect, createServer, type Server } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { LockHolder, LockResult, Locks } from '../services.ts';

/** The holder may end between our two calls; then the lock is free and is tried again, this often. */
const ATTEMPTS = 5;
const ASK_TIMEOUT_MS = 1000;
const ANSWER_LIMIT = 4096;
/** Of an abstract name or a socket file that nobody listens at, and of a file that is not there. */
const NOBODY: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * Locks as abstract Unix sockets: the kernel frees the name when the process dies, however it dies, and whoever connects
 * is told who holds it. They reach as far as the network namespace: one machine or container.
 */
export function createLocks(clock: Clock): Locks {
  return {
    async acquire(name, command): Promise<LockResult> {
      const address = `\0cdctl-${name}`;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const held = await tryHold(address, command, clock);
        if (held) return held;
        const other = await askHolder(address);
        if (other !== 'gone') return { held: false, holder: other };
      }
      return { held: false, holder: undefined };
    },
  };
}

/** The lock at this address, answering who holds it; undefined where the address is taken. Rejects with what else listening fails with. */
export async function tryHold(
  address: string,
  command: string,
  clock: Clock,
): Promise<Extract<LockResult, { held: true }> | undefined> {
  const holder: LockHolder = { pid: process.pid, since: new Date(clock.wallMs()).toISOString(), command };
  const server = await tryListen(address, `${JSON.stringify(holder)}\n`);
  return server && { held: true, release: () => closeServer(server) };
}

function tryListen(address: string, answer: string): Promise<Server | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(answer);
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => {
      server.unref();
      // Somebody who cannot be answered (too many open files) costs the lock nothing.
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Who holds the lock at this address; undefined where somebody does and does not say, `gone` where nobody does. */
export function askHolder(address: string): Promise<LockHolder | 'gone' | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(address);
    socket.setTimeout(ASK_TIMEOUT_MS, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.length > ANSWER_LIMIT) socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(NOBODY.has(error.code) ? 'gone' : undefined));
    socket.on('close', () => resolve(parseHolder(text)));
  });
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, since, command } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof since !== 'string' || typeof command !== 'string') return undefined;
    return { pid, since, command };
  } catch {
    return undefined;
  }
}
