import type { Listener, Transport } from '../../src/base/transport.ts';
import { ByteStream } from './byte-stream.ts';
import type { Link } from './network.ts';
import type { Draws } from './randomness.ts';
import { reach, type Life, type Scheduler } from './scheduler.ts';

interface Door {
  readonly life: Life;
  readonly accept: (connection: ByteStream) => void;
}

/** The lines between the places as byte streams; every place is a host of that name. */
export interface ByteNetwork {
  /** As a party at that place uses it; what it has opened ends with its life. */
  transport(place: string, life: Life, draws: Draws): Transport;
  /** Ends of the connections that work. */
  streams(): ByteStream[];
  /** Ends of connections that a party has not closed yet, whichever side opened them. */
  connectionsOf(life: Life): number;
  /**
   * Whether the connection that was opened from this address cannot be told from a dead one: it has fallen silent, or who opened it
   * has stood still within the last `withinMs`.
   */
  seemsDead(address: string, withinMs: number): boolean;
}

/** Of hosts that are up but do not listen; a host that is down says nothing. */
const REFUSED = 0.5;

export function createByteNetwork(parts: {
  scheduler: Scheduler;
  link: (one: string, other: string) => Link;
}): ByteNetwork {
  const { scheduler } = parts;
  const doors = new Map<string, Door>();
  let open: ByteStream[] = [];
  const ends = new WeakMap<Life, readonly ByteStream[]>();
  const opened = new Map<string, { readonly stream: ByteStream; readonly life: Life }>();
  let lastPort = 40_000;

  function after(delayMs: number, life: Life, act: () => void): void {
    scheduler.after(delayMs, () => reach(scheduler, life, act));
  }

  const openOf = (life: Life): readonly ByteStream[] => (ends.get(life) ?? []).filter(({ over }) => !over);

  function hold(life: Life, end: ByteStream): void {
    ends.set(life, [...openOf(life), end]);
  }

  function transport(place: string, life: Life, draws: Draws): Transport {
    return {
      connect(host, port, { timeoutMs }) {
        const link = parts.link(place, host);
        return new Promise((resolve, reject) => {
          const fail = (delayMs: number, why: string): void => after(delayMs, life, () => reject(new Error(why)));
          if (!link.up) return draws.chance(0.5) ? fail(1, 'no route') : fail(timeoutMs, 'no answer');
          after(draws.latency(link.latencyMs * 2), life, () => {
            const door = doors.get(`${host}:${port}`);
            if (!link.up || draws.chance(link.loss)) return fail(timeoutMs, 'no answer');
            if (!door?.life.alive) return draws.chance(REFUSED) ? fail(0, 'refused') : fail(timeoutMs, 'no answer');
            resolve(join(door, host, port, link));
          });
        });
      },
      listen: (host, port, accept) => Promise.resolve(listen(host, port, { life, accept })),
    };

    function join(door: Door, host: string, port: number, link: Link): ByteStream {
      const here = `${place}:${(lastPort += 1)}`;
      const there = `${host}:${port}`;
      const highWaterMark = draws.pick([2_000, 100_000, Infinity]);
      const common = { scheduler, link, draws, highWaterMark };
      const near = new ByteStream({
        ...common,
        life,
        localAddress: here,
        remoteAddress: there,
        farIsBack: () => doors.get(there)?.life.alive === true && doors.get(there) !== door,
      });
      const far = new ByteStream({
        ...common,
        life: door.life,
        localAddress: there,
        remoteAddress: here,
        farIsBack: () => true,
      });
      near.peer = far;
      far.peer = near;
      open = [...open.filter((stream) => !stream.over), near];
      hold(life, near);
      hold(door.life, far);
      opened.set(here, { stream: near, life });
      reach(scheduler, door.life, () => door.accept(far));
      return near;
    }
  }

  function listen(host: string, port: number, door: Door): Listener {
    const address = `${host}:${port}`;
    if (doors.get(address)?.life.alive) throw new Error(`listen on ${address}: address in use`);
    doors.set(address, door);
    return {
      host,
      port,
      close() {
        doors.delete(address);
        return Promise.resolve();
      },
    };
  }

  return {
    transport,
    streams: () => open.filter((stream) => !stream.over && !stream.silent),
    connectionsOf: (life) => openOf(life).length,
    seemsDead(address, withinMs) {
      const { stream, life } = opened.get(address)!;
      return stream.silent || (life.resumesMs ?? -Infinity) > scheduler.nowMs() - withinMs;
    },
  };
}
