/**
 * Byte streams between two parties. One real implementation exists (TCP, `src/lun/socket.ts`); the simulator's delays,
 * cuts into arbitrary chunks and drops.
 */
export interface ConnectionHandlers {
  /** Bytes in order; the array belongs to the receiver until the call returns, then it may be reused. */
  data(bytes: Uint8Array): void;
  /** The send buffer has room again after `send` returned false. */
  drained(): void;
  /** Called once, last; `error` where the stream did not end in order. */
  closed(error?: Error): void;
}

export interface Connection {
  /** For messages: "127.0.0.1:3260". */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Must be set in the same turn in which the connection is handed over. */
  handlers: ConnectionHandlers;
  /** Queues the chunks as one batch; false: hold back until `drained`. The arrays must not change afterwards. */
  send(chunks: readonly Uint8Array[]): boolean;
  /** Stops and resumes `data`, so that a slow consumer does not grow without bound. */
  pause(): void;
  resume(): void;
  /** Ends after everything queued has gone out. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface Transport {
  connect(host: string, port: number, options: { timeoutMs: number }): Promise<Connection>;
  /** `port` 0 picks a free one. */
  listen(host: string, port: number, accept: (connection: Connection) => void): Promise<Listener>;
}
