import { createServer, Socket, type AddressInfo, type Server } from 'node:net';
import type { Connection, ConnectionHandlers, Listener, Transport } from '../base/transport.ts';

/** After `end` the other side has this long to close as well. */
const LINGER_MS = 5000;

/** The one TCP adapter: sends at once (no Nagle), one system call per batch, errors never unhandled. */
export function createTcpTransport(): Transport {
  return { connect, listen };
}

function connect(host: string, port: number, options: { timeoutMs: number }): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const late = (): void =>
      fail(new Error(`connect to ${joinAddress(host, port)}: no answer in ${options.timeoutMs} ms`));
    socket.on('error', fail);
    socket.on('timeout', late);
    socket.setTimeout(options.timeoutMs);
    socket.connect(
      { host, port, noDelay: true, autoSelectFamilyAttemptTimeout: attemptTimeoutMs(options.timeoutMs) },
      () => {
        socket.setTimeout(0);
        socket.off('timeout', late);
        socket.off('error', fail);
        resolve(adapt(socket));
      },
    );
  });
}

/** Node gives each address of a name only 250 ms unless told otherwise. */
function attemptTimeoutMs(timeoutMs: number): number {
  return Math.max(250, Math.floor(timeoutMs / 2));
}

function listen(host: string, port: number, accept: (connection: Connection) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, (socket) => accept(adapt(socket)));
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // A failed accept (too many open files) costs that connection only.
      server.on('error', () => undefined);
      resolve(listenerOf(server, host));
    });
  });
}

function listenerOf(server: Server, host: string): Listener {
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close() {
      // The port is free at once; connections that were accepted live on until their owner ends them.
      server.close();
      return Promise.resolve();
    },
  };
}

const IGNORE: ConnectionHandlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };

function adapt(socket: Socket): Connection {
  let failure: Error | undefined;
  let ended = false;
  const connection: Connection = {
    localAddress: joinAddress(socket.localAddress ?? '', socket.localPort ?? 0),
    remoteAddress: joinAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0),
    handlers: IGNORE,
    send: (chunks) => sendBatch(socket, chunks),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      if (ended) return;
      ended = true;
      socket.end();
      // Keep taking what comes, unread bytes would turn the close into a reset and cost the peer our last words.
      socket.resume();
      socket.setTimeout(LINGER_MS, () => socket.destroy());
      // What is queued still goes out; beyond that a finished program does not wait for the other side.
      socket.unref();
    },
    destroy: () => void socket.destroy(),
  };
  socket.on('error', (error) => (failure = error));
  socket.on('close', () => connection.handlers.closed(failure));
  socket.on('drain', () => connection.handlers.drained());
  socket.on('data', (bytes: Buffer) => {
    if (!ended) connection.handlers.data(bytes);
  });
  return connection;
}

function sendBatch(socket: Socket, chunks: readonly Uint8Array[]): boolean {
  if (socket.destroyed || socket.writableEnded) return true;
  socket.cork();
  let room = true;
  for (const chunk of chunks) room = socket.write(chunk);
  socket.uncork();
  return room;
}

function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
