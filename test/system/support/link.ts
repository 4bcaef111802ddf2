import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Random } from '../../../src/base/random.ts';

/** A TCP proxy on one way between a host and an array, or between two arrays, which can fail as a network does. */

export const LINK_FAULTS = ['cut', 'stall', 'half-open', 'mid-pdu'] as const;
/**
 * `cut`: connections are reset, new ones refused. `stall`: nothing arrives, nobody is told. `half-open`: the near end is
 * gone without the far end's knowledge, and bytes of the far end go nowhere. `mid-pdu`: each connection that carries
 * something passes a part of it and is reset.
 */
export type LinkFault = (typeof LINK_FAULTS)[number];

interface Way {
  readonly near: Socket;
  readonly far: Socket;
}

export class Link {
  readonly #server: Server;
  readonly #farPort: number;
  readonly #random: Random;
  readonly #ways = new Set<Way>();
  #fault: LinkFault | undefined;
  /** Connections that a fault ended or held. */
  struck = 0;

  private constructor(server: Server, farPort: number, random: Random) {
    this.#server = server;
    this.#farPort = farPort;
    this.#random = random;
    server.on('connection', (near) => this.#accept(near));
  }

  /** Listens on a free port of loopback; `farPort` is on loopback, too. */
  static async open(farPort: number, random: Random): Promise<Link> {
    const server = createServer({ allowHalfOpen: false });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Link(server, farPort, random);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  fail(fault: LinkFault): void {
    this.#fault = fault;
    if (fault === 'mid-pdu') return;
    for (const way of this.#ways) {
      this.struck += 1;
      if (fault === 'cut') this.#reset(way);
      if (fault === 'stall') for (const socket of [way.near, way.far]) socket.pause();
      if (fault === 'half-open') way.near.resetAndDestroy();
    }
  }

  /** From now on it carries what it should. Connections that lost their near end are reset: their far end learns of it now. */
  heal(): void {
    this.#fault = undefined;
    for (const way of this.#ways) {
      if (way.near.destroyed || way.far.destroyed) this.#reset(way);
      else for (const socket of [way.near, way.far]) socket.resume();
    }
  }

  async close(): Promise<void> {
    this.#fault = 'cut';
    for (const way of this.#ways) this.#reset(way);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    near.on('error', () => undefined);
    if (this.#fault === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#farPort, '127.0.0.1');
    const way = { near, far };
    this.#ways.add(way);
    for (const socket of [near, far]) socket.setNoDelay(true);
    this.#carry(way, near, far);
    this.#carry(way, far, near);
    if (this.#fault === 'stall') for (const socket of [near, far]) socket.pause();
  }

  #carry(way: Way, from: Socket, to: Socket): void {
    from.on('data', (bytes: Buffer) => {
      if (this.#fault === 'mid-pdu') this.#breakOff(way, to, bytes);
      else if (!to.destroyed && !to.write(bytes)) from.pause();
    });
    to.on('drain', () => {
      if (this.#fault !== 'stall') from.resume();
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      if (this.#fault !== 'half-open') this.#reset(way);
    });
  }

  /** Less than what came goes on: a PDU, or the last of them, stays unfinished. */
  #breakOff(way: Way, to: Socket, bytes: Buffer): void {
    this.struck += 1;
    const part = bytes.subarray(0, this.#random.below(bytes.length));
    for (const socket of [way.near, way.far]) socket.pause();
    to.write(part, () => this.#reset(way));
  }

  #reset(way: Way): void {
    this.#ways.delete(way);
    for (const socket of [way.near, way.far]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }
}
