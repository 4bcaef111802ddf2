import { toHex } from '../../src/base/bytes.ts';
import { LunError, type LunOpener, type OpenOptions } from '../../src/lun/lun.ts';
import type { DeviceServer, ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import { createScsiLun, type ScsiLun } from '../support/scsi-lun.ts';
import type { Draws } from './randomness.ts';
import { reach, watchDeath, type Life, type Scheduler } from './scheduler.ts';

/** A line between two places: "hosts", "tokyo", "osaka". */
export interface Link {
  up: boolean;
  latencyMs: number;
  /** How often a request, and how often an answer, is lost. */
  loss: number;
  /** How often one takes a hundred times as long. */
  delayRate: number;
}

/** An array as the network finds it. */
export interface Station {
  readonly serial: string;
  readonly life: Life;
  readonly server: DeviceServer;
}

interface Abortable {
  readonly station: Station;
  readonly lun: Uint8Array;
  abort(): void;
}

/** Sees the commands of a party where the array takes them in and where it answers. */
export interface Tap {
  arrived(station: Station, task: ScsiTask): void;
  answered(station: Station, task: ScsiTask, reply: ScsiReply): void;
}

export interface ScsiLunOpener extends LunOpener {
  open(path: string, options?: OpenOptions): Promise<ScsiLun>;
}

/**
 * Carries single SCSI commands: each takes its own time, so that they overtake one another, and request or answer may be lost,
 * by chance, by a line that is down or by an array that dies. A command whose fate the initiator cannot know fails at its
 * timeout, or sooner where the connection breaks, with outcome `unknown`.
 */
export interface Network {
  readonly links: ReadonlyMap<string, Link>;
  link(one: string, other: string): Link;
  stations: Map<string, Station>;
  opener(place: string, life: Life, tap?: Tap): ScsiLunOpener;
}

const DEFAULT_TIMEOUT_MS = 30_000;
export const DEALLOCATE_TIMEOUT_MS = 4_000;
const CONNECT_MS = 3_000;

export function createNetwork(parts: {
  scheduler: Scheduler;
  draws: Draws;
  latencyMs: number;
  /** Places of the arrays, by serial. */
  places: Readonly<Record<string, string>>;
  /** Hosts that die, and LUNs of an initiator port that are closed, end their nexus; units are reset. */
  partings: boolean;
}): Network {
  const { scheduler, draws, latencyMs, places, partings } = parts;
  const running = new Set<Abortable>();
  const links = new Map<string, Link>();
  const stations = new Map<string, Station>();
  let sessions = 0;

  function link(one: string, other: string): Link {
    const key = one < other ? `${one}-${other}` : `${other}-${one}`;
    const known = links.get(key) ?? { up: true, latencyMs, loss: 0, delayRate: 0 };
    links.set(key, known);
    return known;
  }

  /** Undefined: lost. */
  function transit(between: Link, life: Life): Promise<void> | undefined {
    if (!between.up || draws.chance(between.loss)) return undefined;
    const times = between.delayRate > 0 && draws.chance(between.delayRate) ? 100 : 1;
    return wait(draws.latency(between.latencyMs) * times, life);
  }

  function wait(delayMs: number, life: Life): Promise<void> {
    return new Promise((resolve) => {
      scheduler.after(delayMs, () => reach(scheduler, life, resolve));
    });
  }

  const never = <T>(): Promise<T> => new Promise(() => undefined);

  function opener(place: string, life: Life, tap?: Tap): ScsiLunOpener {
    /** How many LUNs use a nexus with an array, by both their names. */
    const nexuses = new Map<string, { readonly serial: string; readonly nexus: string; users: number }>();
    if (partings) watchDeath(life, () => [...nexuses.values()].forEach(part));

    function part({ serial, nexus }: { readonly serial: string; readonly nexus: string }): void {
      nexuses.delete(`${serial} ${nexus}`);
      const station = stations.get(serial);
      if (station?.life.alive) reach(scheduler, station.life, () => station.server.nexusLost(nexus));
    }

    function use(serial: string, nexus: string): () => void {
      const key = `${serial} ${nexus}`;
      const known = nexuses.get(key) ?? { serial, nexus, users: 0 };
      nexuses.set(key, known);
      known.users += 1;
      return () => {
        known.users -= 1;
        if (partings && known.users === 0 && life.alive) part(known);
      };
    }

    async function reset(serial: string, path: string, lun: Uint8Array, nexus: string): Promise<void> {
      const between = link(place, places[serial] ?? serial);
      const sent = transit(between, life);
      if (!sent) return never();
      await sent;
      const station = stations.get(serial);
      if (!station?.life.alive) throw new LunError('no-path', path, 'connection refused', { outcome: 'unknown' });
      if ((await awake(station)) === 'died') return never();
      for (const task of running) if (task.station === station && Buffer.compare(task.lun, lun) === 0) task.abort();
      try {
        await station.server.reset('logical-unit', lun, nexus);
      } catch (error) {
        throw new LunError('io-error', path, `the target did not do it: ${String(error)}`, { outcome: 'unknown' });
      }
      await transit(between, life);
    }

    /** `bound`: fails once the array that it was opened at has died. */
    function serverFor(path: string, serial: string, nexus: string, bound: boolean): DeviceServer {
      let known: Life | undefined;

      async function execute(task: ScsiTask): Promise<ScsiReply> {
        const changes = task.dataOut.length > 0;
        const between = link(place, places[serial] ?? serial);
        const broken = async (outcome: 'not-done' | 'unknown', text: string): Promise<never> => {
          await wait(draws.latency(between.latencyMs * 4), life);
          throw new LunError('no-path', path, text, { outcome: changes ? outcome : 'not-done' });
        };
        if (!between.up && draws.chance(0.5)) return broken('not-done', 'the line is down');
        const sent = transit(between, life);
        if (!sent) return draws.chance(0.3) ? broken('unknown', 'connection lost') : never();
        await sent;
        const station = stations.get(serial);
        if (!station?.life.alive) return broken(draws.chance(0.5) ? 'unknown' : 'not-done', 'connection refused');
        if ((await awake(station)) === 'died') return broken('unknown', 'connection reset');
        if (bound && known && known !== station.life) return broken('not-done', 'connection lost');
        if (known !== station.life) station.server.nexusOpened(nexus);
        known = station.life;
        tap?.arrived(station, task);
        const { seen, ended } = partings ? abortable(station, task) : { seen: task, ended: undefined };
        const reply = await answered(station, seen);
        ended?.();
        if (reply === 'died') return draws.chance(0.7) ? broken('unknown', 'connection reset') : never();
        tap?.answered(station, task, reply);
        const back = transit(between, life);
        if (!back) return draws.chance(0.3) ? broken('unknown', 'connection lost') : never();
        await back;
        return reply;
      }

      const nothing = (): undefined => undefined;
      const resetUnit = (_scope: string, lun: Uint8Array, by: string): Promise<void> => reset(serial, path, lun, by);
      return { execute, nexusOpened: nothing, nexusLost: nothing, reset: partings ? resetUnit : nothing };
    }

    return {
      async open(path, { initiatorPort } = {}) {
        const [, serial, lun] = /^sim:([A-Z0-9]+)\/(\d+)$/.exec(path) ?? [];
        const between = link(place, places[serial ?? ''] ?? '');
        await wait(draws.latency(between.latencyMs), life);
        if (!between.up) {
          await wait(draws.chance(0.5) ? 1 : CONNECT_MS, life);
          throw new LunError('no-path', path, 'no route');
        }
        if (!stations.get(serial ?? '')?.life.alive) throw new LunError('no-path', path, 'connection refused');
        const nexus = initiatorPort ? `${place}-${toHex(initiatorPort)}` : `${place}-${(sessions += 1)}`;
        const server = serverFor(path, serial ?? '', nexus, initiatorPort !== undefined);
        return limited(
          createScsiLun(path, () => server, Number(lun), nexus),
          use(serial ?? '', nexus),
        );
      },
    };

    /** Ends each call at its deadline. */
    function limited(lun: ScsiLun, release: () => void): ScsiLun {
      function within<T>(call: Promise<T>, timeoutMs: number | undefined, outcome: 'not-done' | 'unknown'): Promise<T> {
        return new Promise((resolve, reject) => {
          const timer = scheduler.after(timeoutMs ?? DEFAULT_TIMEOUT_MS, () => {
            if (life.alive) reject(new LunError('timeout', lun.path, 'no answer in time', { outcome }));
          });
          const settle = (act: () => void): void => {
            timer.cancel();
            if (life.alive) act();
          };
          call.then(
            (value) => settle(() => resolve(value)),
            (error: unknown) => settle(() => reject(error as Error)),
          );
        });
      }
      return {
        path: lun.path,
        identify: (options) => within(lun.identify(options), options?.timeoutMs, 'not-done'),
        capacity: (options) => within(lun.capacity(options), options?.timeoutMs, 'not-done'),
        read: (lba, count, options) => within(lun.read(lba, count, options), options?.timeoutMs, 'not-done'),
        write: (lba, data, options) => within(lun.write(lba, data, options), options?.timeoutMs, 'unknown'),
        flush: (options) => within(lun.flush(options), options?.timeoutMs, 'unknown'),
        deallocate: (lba, count) => within(lun.deallocate(lba, count), DEALLOCATE_TIMEOUT_MS, 'unknown'),
        close: async () => release(),
        passThrough: {
          execute: (request) => within(lun.passThrough!.execute(request), request.timeoutMs, 'unknown'),
          resetUnit: (options) => within(lun.passThrough!.resetUnit(options), options?.timeoutMs, 'unknown'),
        },
      };
    }
  }

  function awake(station: Station): Promise<'awake' | 'died'> | 'awake' {
    if ((station.life.resumesMs ?? 0) <= scheduler.nowMs()) return 'awake';
    return new Promise((resolve) => {
      const unwatch = watchDeath(station.life, () => resolve('died'));
      reach(scheduler, station.life, () => {
        unwatch();
        resolve('awake');
      });
    });
  }

  /** What ABORT TASK and a reset reach for as long as it runs. */
  function abortable(station: Station, task: ScsiTask): { readonly seen: ScsiTask; readonly ended: () => void } {
    const listeners: Array<() => void> = [];
    let aborted = task.aborted ?? false;
    const abort = (): void => {
      if (aborted) return;
      aborted = true;
      for (const listener of listeners) listener();
    };
    task.onceAborted?.(abort);
    const entry: Abortable = { station, lun: task.lun, abort };
    running.add(entry);
    const seen: ScsiTask = {
      ...task,
      get aborted() {
        return aborted;
      },
      onceAborted(listener) {
        if (aborted) listener();
        else listeners.push(listener);
      },
    };
    return { seen, ended: () => void running.delete(entry) };
  }

  function answered(station: Station, task: ScsiTask): Promise<ScsiReply | 'died'> {
    return new Promise((resolve, reject) => {
      const unwatch = watchDeath(station.life, () => resolve('died'));
      station.server.execute(task).then((reply) => {
        unwatch();
        if (station.life.alive) resolve(reply);
      }, reject);
    });
  }

  return { links, link, stations, opener };
}
