import { createArray, type EmulatedArray } from '../../src/array/array.ts';
import type { LogicalUnit } from '../../src/array/logical-unit.ts';
import type { ArrayDescription, VolumeDescription } from '../../src/array/description.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import type { Storage } from '../../src/base/storage.ts';
import { createArrayClient } from '../../src/host/array-client.ts';
import { operationsOf, type ArrayOperations } from '../../src/host/operations.ts';
import { LunError, type Lun, type LunOpener } from '../../src/lun/lun.ts';
import { createScsiLun } from './scsi-lun.ts';

/** Two arrays in one process, each reaching the other's LUNs without a transport; either can be killed and restarted. */
export interface ArrayPair {
  readonly tokyo: ArrayHandle;
  readonly osaka: ArrayHandle;
  stop(): Promise<void>;
}

export interface ArrayHandle {
  readonly serial: string;
  array(): EmulatedArray;
  operations: ArrayOperations;
  /** A host's path to a volume. */
  lun(volume: VolumeName): Lun;
  unit(volume: VolumeName): LogicalUnit;
  /** Every flush of the file fails from now on, until the process is started again. */
  breakFlush(file: string): void;
  /** Forgets the process, keeps the storage. */
  kill(): void;
  start(): Promise<void>;
  readonly storage: Storage;
  readonly log: string[];
}

export interface ArrayPairOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: (name: string) => Storage;
  readonly volumeBlocks?: number;
  readonly journalBlocks?: number;
  /** Of the command device and the volume `data`; 512 where absent. `log` has blocks of 4096 in any case. */
  readonly blockSize?: 512 | 4096;
  /** Of the volume `data` and of the array's own command device, where they are to be other ones. */
  readonly dataName?: string;
  /** What stands behind a volume, by its path; `openBacking` opens it. */
  readonly backing?: (array: ArrayName, volume: VolumeName) => string | undefined;
  readonly openBacking?: (path: string) => Promise<Lun>;
  /** Each array is reached over a second portal, too, `memory:SERIAL-b`; nothing of the other's goes over one that is down. */
  readonly isDown?: (portal: string) => boolean;
  /** What lies between the arrays. */
  readonly line?: (lun: Lun) => Lun;
  /** Of the volume `data`. */
  readonly volumeOptions?: Pick<VolumeDescription, 'sanitizeMinimum' | 'encrypted'>;
}

/** LUNs differ between the arrays, as they do in life. */
export const LUNS = {
  tokyo: { data: 10, log: 11, journal: 20 },
  osaka: { data: 30, log: 31, journal: 40 },
} as const;

export type ArrayName = keyof typeof LUNS;
type VolumeName = 'data' | 'log';

export function describeArray(
  name: ArrayName,
  serial: string,
  peer: readonly [name: string, serial: string],
  options: ArrayPairOptions,
): ArrayDescription {
  const blockCount = options.volumeBlocks ?? 4096;
  const blockSize = options.blockSize ?? 512;
  const perBlock = blockSize / 512;
  const behind = (volume: VolumeName): { backing?: string } => {
    const backing = options.backing?.(name, volume);
    return backing === undefined ? {} : { backing };
  };
  return {
    format: 1,
    serial,
    name,
    targetName: `iqn.2026-11.io.cdctl:${name}`,
    listen: { host: '127.0.0.1', port: 0 },
    volumes: [
      { lun: 0, name: 'command', kind: 'command-device', blockSize, blockCount: 4096 / perBlock },
      {
        lun: LUNS[name].data,
        name: options.dataName ?? 'data',
        kind: 'volume',
        blockSize,
        blockCount: blockCount / perBlock,
        ...behind('data'),
        ...options.volumeOptions,
      },
      {
        lun: LUNS[name].log,
        name: 'log',
        kind: 'volume',
        blockSize: 4096,
        blockCount: blockCount / 8,
        ...behind('log'),
      },
      {
        lun: LUNS[name].journal,
        name: 'journal',
        kind: 'journal',
        blockSize: 512,
        blockCount: options.journalBlocks ?? 8 + 9 * 64,
      },
    ],
    remotes: [
      {
        serial: peer[1],
        name: peer[0],
        portals: [`memory:${peer[1]}`, ...(options.isDown ? [`memory:${peer[1]}-b`] : [])],
      },
    ],
    lunMap: [{ lun: 1, name: `${peer[0]}-command`, targetSerial: peer[1], targetLun: 0 }],
    commandDevices: [
      { deviceSerial: serial, deviceName: options.dataName ?? name, lun: 0 },
      { deviceSerial: peer[1], deviceName: peer[0], lun: 1 },
    ],
  };
}

/** What a killed process still had in mind reaches the storage no more. */
interface Process {
  alive: boolean;
  readonly broken: Set<string>;
}

function mortal(storage: Storage, process: Process): Storage {
  const never = new Promise<never>(() => undefined);
  return {
    ...storage,
    open(name) {
      const file = storage.open(name);
      return {
        ...file,
        write: (source, offset) => (process.alive ? file.write(source, offset) : undefined),
        truncate: (size) => (process.alive ? file.truncate(size) : undefined),
        flush() {
          if (process.broken.has(name)) return Promise.reject(new Error('flush failed'));
          return process.alive ? file.flush() : never;
        },
      };
    },
    rename: (from, to) => (process.alive ? storage.rename(from, to) : never),
    remove: (name) => (process.alive ? storage.remove(name) : never),
  };
}

/** Commands of a killed process reach a backing no more. */
function mortalOpener(open: (path: string) => Promise<Lun>, process: Process): LunOpener {
  const never = new Promise<never>(() => undefined);
  const through = <T>(call: () => Promise<T>): Promise<T> => (process.alive ? call() : never);
  return {
    open: (path) =>
      through(async () => {
        const lun = await open(path);
        const { scsi } = lun;
        return {
          path,
          ...(scsi && { scsi: { execute: (request) => through(() => scsi.execute(request)) } }),
          identify: (options) => through(() => lun.identify(options)),
          capacity: (options) => through(() => lun.capacity(options)),
          read: (lba, count, options) => through(() => lun.read(lba, count, options)),
          write: (lba, data, options) => through(() => lun.write(lba, data, options)),
          flush: (options) => through(() => lun.flush(options)),
          close: () => lun.close(),
        };
      }),
  };
}

export async function createArrayPair(options: ArrayPairOptions): Promise<ArrayPair> {
  const running = new Map<string, EmulatedArray>();
  const opener = (nexus: string): LunOpener => ({
    async open(path) {
      const [, portal = '', serial, lun] = /^(memory:([A-Z0-9]+)(?:-b)?)\/(\d+)$/.exec(path) ?? [];
      const server = () => {
        const array = running.get(serial ?? '');
        if (!array || (nexus !== 'host' && options.isDown?.(portal)))
          throw new LunError('no-path', path, `${serial} is not running`);
        return array.deviceServer;
      };
      server();
      const opened = createScsiLun(path, server, Number(lun), nexus);
      return nexus !== 'host' && options.line ? options.line(opened) : opened;
    },
  });

  async function handle(name: ArrayName, serial: string, peer: [string, string]): Promise<ArrayHandle> {
    const storage = options.storage(name);
    const description = describeArray(name, serial, peer, options);
    const log: string[] = [];
    let process: Process = { alive: true, broken: new Set() };
    const start = async (): Promise<void> => {
      const { clock, random } = options;
      process = { alive: true, broken: new Set() };
      const array = await createArray({
        description,
        storage: mortal(storage, process),
        clock,
        random,
        opener: opener(name),
        ...(options.openBacking && { backings: mortalOpener(options.openBacking, process) }),
        version: '0.1.0',
        log: (text) => log.push(text),
      });
      running.set(serial, array);
    };
    await start();
    const client = createArrayClient({
      array: name,
      serial,
      paths: [`memory:${serial}/0`],
      opener: opener('host'),
      clock: options.clock,
      random: options.random,
      host: 'test',
      timeoutMs: 30_000,
    });
    return {
      serial,
      storage,
      log,
      array: () => running.get(serial)!,
      operations: operationsOf(client),
      lun: (volume) =>
        createScsiLun(
          `memory:${serial}/${volume}`,
          () => running.get(serial)!.deviceServer,
          LUNS[name][volume],
          'host',
        ),
      unit: (volume) => running.get(serial)!.units.unit(LUNS[name][volume])!,
      breakFlush: (file) => void process.broken.add(file),
      kill() {
        process.alive = false;
        running.delete(serial);
      },
      start,
    };
  }

  const tokyo = await handle('tokyo', 'TK000001', ['osaka', 'OS000001']);
  const osaka = await handle('osaka', 'OS000001', ['tokyo', 'TK000001']);
  return {
    tokyo,
    osaka,
    async stop() {
      for (const array of running.values()) await array.stop();
    },
  };
}

/** The request of pair.create for one side. */
export function pairRequest(role: 'primary' | 'auxiliary', pair: VolumeName) {
  return {
    group: 'oradb',
    pair,
    role,
    noCopy: false,
    primaryLun: LUNS.tokyo[pair],
    auxiliaryLun: LUNS.osaka[pair],
    primaryJournalLun: LUNS.tokyo.journal,
    auxiliaryJournalLun: LUNS.osaka.journal,
    primarySerial: 'TK000001',
    auxiliarySerial: 'OS000001',
  };
}
