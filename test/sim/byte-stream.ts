import type { Connection, ConnectionHandlers } from '../../src/base/transport.ts';
import type { Link } from './network.ts';
import type { Draws } from './randomness.ts';
import { onceAwake, reach, standsStill, watchDeath, type Life, type Scheduler } from './scheduler.ts';

/** What both ends of a connection share. */
export interface StreamParts {
  readonly scheduler: Scheduler;
  readonly link: Link;
  readonly draws: Draws;
  readonly life: Life;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** A host that has started anew knows nothing of the connection and says so to whoever sends. */
  readonly farIsBack: () => boolean;
  /** Bytes on their way above which `send` returns false. */
  readonly highWaterMark: number;
}

const IDLE: ConnectionHandlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };

/** The first pause before bytes that a line has swallowed are sent again; it doubles (RFC 6298). */
const RETRANSMIT_MS = 200;
const LONGEST_RETRANSMIT_MS = 5_000;

/**
 * One end of a connection. What it sends arrives in order, whole or in pieces of any size that ignore how it was handed over.
 * A connection may be reset in the middle of anything, or fall silent for good: then nobody is told.
 */
export class ByteStream implements Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  peer!: ByteStream;
  /** No byte of this end arrives any more. */
  silent = false;
  over = false;
  private readonly parts: StreamParts;
  private current: ConnectionHandlers = IDLE;
  private outgoing: Uint8Array[] = [];
  private outgoingBytes = 0;
  private retransmitMs = RETRANSMIT_MS;
  private underWay = false;
  private paused = false;
  private ending = false;
  private full = false;

  constructor(parts: StreamParts) {
    this.parts = parts;
    this.localAddress = parts.localAddress;
    this.remoteAddress = parts.remoteAddress;
    watchDeath(parts.life, (powerCut) => {
      if (powerCut) this.vanish();
      else this.destroy();
    });
  }

  get handlers(): ConnectionHandlers {
    return this.current;
  }

  set handlers(handlers: ConnectionHandlers) {
    this.current = handlers;
  }

  send(chunks: readonly Uint8Array[]): boolean {
    if (this.over || this.ending || !this.parts.life.alive) return true;
    for (const chunk of chunks) {
      if (chunk.length > 0) this.outgoing.push(chunk);
      this.outgoingBytes += chunk.length;
    }
    this.transmit();
    this.full = this.outgoingBytes > this.parts.highWaterMark;
    return !this.full;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.peer.transmit();
  }

  end(): void {
    if (this.ending || this.over) return;
    this.ending = true;
    this.transmit();
  }

  /** What has not arrived yet may still do so, in part: the reset comes behind it. */
  destroy(): void {
    if (this.over) return;
    const { draws } = this.parts;
    if (draws.chance(0.5)) this.outgoing = [];
    else this.cutOutgoing(draws.between(0, this.outgoingBytes));
    this.ending = true;
    this.finish();
    this.transmit();
  }

  /** The line breaks the connection for both ends. */
  reset(): void {
    this.finish(new Error('connection reset'));
    this.peer.finish(new Error('connection reset'));
  }

  /** Its party has lost power: no farewell. */
  private vanish(): void {
    this.over = true;
    this.silent = true;
  }

  private cutOutgoing(length: number): void {
    let left = length;
    this.outgoing = this.outgoing.flatMap((chunk) => {
      const kept = chunk.subarray(0, left);
      left -= kept.length;
      return kept.length > 0 ? [kept] : [];
    });
  }

  private hasSomething(): boolean {
    return this.outgoing.length > 0 || this.ending;
  }

  transmit(): void {
    if (this.underWay || this.silent || !this.hasSomething()) return;
    const { draws, link } = this.parts;
    this.arriveAfter(draws.latency(link.latencyMs));
  }

  private arriveAfter(delayMs: number): void {
    this.underWay = true;
    this.parts.scheduler.after(delayMs, () => this.comeIn());
  }

  private comeIn(): void {
    this.underWay = false;
    this.arrive();
  }

  private arrive(): void {
    if (this.silent || !this.hasSomething()) return;
    const { link, draws, scheduler } = this.parts;
    const { life } = this.peer.parts;
    if (standsStill(scheduler, life)) {
      this.underWay = true;
      return onceAwake(scheduler, life, () => this.comeIn());
    }
    if (!link.up || draws.chance(link.loss)) return this.swallowed();
    this.retransmitMs = RETRANSMIT_MS;
    if (this.peer.silent) {
      // Nobody is there who could acknowledge, or somebody who has never heard of this connection.
      if (this.parts.farIsBack()) this.finish(new Error('connection reset'));
      else this.swallowed();
      return;
    }
    if (this.peer.paused && !this.peer.over) return;
    if (this.outgoing.length > 0) this.deliver();
    else this.arriveEnd();
  }

  /** Sent again later; or a firewall has forgotten the connection, or has cut it. */
  private swallowed(): void {
    const { draws } = this.parts;
    const fate = draws.random.below(20);
    if (fate === 0) return this.reset();
    if (fate === 1) return this.fallSilent();
    this.arriveAfter(this.retransmitMs + draws.latency(10));
    this.retransmitMs = Math.min(this.retransmitMs * 2, LONGEST_RETRANSMIT_MS);
  }

  /** In both directions, for ever. */
  fallSilent(): void {
    this.silent = true;
    this.peer.silent = true;
  }

  private deliver(): void {
    const bytes = Buffer.concat(this.outgoing);
    const count = this.pieceOf(bytes.length);
    this.outgoing = count < bytes.length ? [bytes.subarray(count)] : [];
    this.outgoingBytes = bytes.length - count;
    const { peer } = this;
    if (peer.over) {
      if (!this.over) this.finish(new Error('connection reset'));
      return;
    }
    if (!peer.ending && peer.parts.life.alive) {
      const piece = Uint8Array.from(bytes.subarray(0, count));
      peer.current.data(piece);
      // The array belongs to the receiver only until it returns; whoever keeps it is found out.
      piece.fill(0xdd);
    }
    this.relieve();
    this.transmit();
  }

  private pieceOf(available: number): number {
    const { draws } = this.parts;
    const kind = draws.random.below(10);
    if (kind < 6) return available;
    if (kind === 6) return Math.min(available, draws.between(1, 60));
    return kind < 9 ? draws.between(1, available) : Math.min(available, 1460);
  }

  private relieve(): void {
    if (!this.full || this.outgoingBytes > 0) return;
    this.full = false;
    reach(this.parts.scheduler, this.parts.life, () => {
      if (!this.over) this.current.drained();
    });
  }

  private arriveEnd(): void {
    this.peer.finish();
    this.finish();
  }

  private finish(error?: Error): void {
    if (this.over) return;
    this.over = true;
    if (!this.parts.life.alive) return;
    const { scheduler, life } = this.parts;
    scheduler.after(0, () => reach(scheduler, life, () => this.current.closed(error)));
  }
}
