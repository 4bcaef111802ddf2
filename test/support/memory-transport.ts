import type { Connection, ConnectionHandlers, Listener, Transport } from '../../src/base/transport.ts';

/** How the bytes are cut: given what is queued in the chunk at hand, how many come next; at least 1. */
export type Cutter = (available: number) => number;

export interface MemoryTransportOptions {
  readonly cut?: Cutter;
  /** Bytes on their way in one direction above which `send` returns false. */
  readonly highWaterMark?: number;
}

export interface MemoryTransport extends Transport {
  /** Every connection that is open, the side that called `connect`. */
  readonly connections: readonly Connection[];
  /** While false, `connect` rejects. */
  reachable: boolean;
}

const IDLE: ConnectionHandlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };

/**
 * Byte streams inside one process, delivered in microtasks, a piece a turn. The bytes that a receiver was given are
 * overwritten after it returns, so that anyone who keeps them is found out.
 */
export function createMemoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  const listeners = new Map<number, (connection: Connection) => void>();
  const connections: MemoryStream[] = [];
  let nextPort = 40_000;
  const transport: MemoryTransport = {
    connections,
    reachable: true,
    async connect(host, port) {
      const accept = listeners.get(port);
      if (!accept || !transport.reachable) throw new Error(`connect to ${host}:${port}: connection refused`);
      nextPort += 1;
      const near = new MemoryStream(`${host}:${nextPort}`, `${host}:${port}`, options);
      const far = new MemoryStream(`${host}:${port}`, `${host}:${nextPort}`, options);
      near.peer = far;
      far.peer = near;
      connections.push(near);
      near.onOver = () => connections.splice(connections.indexOf(near), 1);
      accept(far);
      return near;
    },
    async listen(host, port, accept): Promise<Listener> {
      nextPort += 1;
      const used = port === 0 ? nextPort : port;
      if (listeners.has(used)) throw new Error(`listen on ${host}:${used}: address in use`);
      listeners.set(used, accept);
      return {
        host,
        port: used,
        async close() {
          listeners.delete(used);
        },
      };
    },
  };
  return transport;
}

class MemoryStream implements Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  peer!: MemoryStream;
  onOver: () => void = () => undefined;
  private readonly options: MemoryTransportOptions;
  private current: ConnectionHandlers = IDLE;
  private incoming: Uint8Array[] = [];
  private incomingBytes = 0;
  private paused = false;
  private scheduled = false;
  private endQueued = false;
  private ending = false;
  private over = false;
  private full = false;

  constructor(localAddress: string, remoteAddress: string, options: MemoryTransportOptions) {
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.options = options;
  }

  get handlers(): ConnectionHandlers {
    return this.current;
  }

  /** What came before anybody listened is delivered now. */
  set handlers(handlers: ConnectionHandlers) {
    this.current = handlers;
    if (this.over) queueMicrotask(() => handlers.closed());
    else this.schedule();
  }

  send(chunks: readonly Uint8Array[]): boolean {
    if (this.over || this.ending) return true;
    for (const chunk of chunks) this.peer.queue(chunk);
    this.full = this.peer.incomingBytes > (this.options.highWaterMark ?? Infinity);
    return !this.full;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.schedule();
  }

  end(): void {
    if (this.ending || this.over) return;
    this.ending = true;
    this.peer.endQueued = true;
    this.peer.schedule();
  }

  destroy(): void {
    this.finish();
    this.peer.incoming = [];
    this.peer.finish(new Error('connection reset'));
  }

  private queue(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.over) return;
    this.incoming.push(chunk);
    this.incomingBytes += chunk.length;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.paused || this.over || this.current === IDLE) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.deliver();
    });
  }

  private deliver(): void {
    if (this.over || this.paused) return;
    const first = this.incoming[0];
    if (first) {
      const count = Math.min(first.length, Math.max(1, this.options.cut?.(first.length) ?? first.length));
      if (count === first.length) this.incoming.shift();
      else this.incoming[0] = first.subarray(count);
      this.incomingBytes -= count;
      const piece = Uint8Array.from(first.subarray(0, count));
      this.handlers.data(piece);
      piece.fill(0xdd);
      this.schedule();
    } else if (this.endQueued) {
      this.peer.finish();
      this.finish();
    }
    this.peer.relieve();
  }

  private relieve(): void {
    if (!this.full || this.peer.incomingBytes > 0) return;
    this.full = false;
    queueMicrotask(() => {
      if (!this.over) this.handlers.drained();
    });
  }

  private finish(error?: Error): void {
    if (this.over) return;
    this.over = true;
    this.onOver();
    queueMicrotask(() => this.handlers.closed(error));
  }
}
