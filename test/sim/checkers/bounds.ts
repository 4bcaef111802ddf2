import { REMEMBERED_REQUESTS } from '../../../src/interface-block/geometry.ts';
import type { DiskWatcher } from '../disk-watcher.ts';
import { SimFailure } from '../verdict.ts';
import type { ArrayParty, World } from '../world.ts';
import type { Findings } from './checker.ts';

/**
 * I13: what an array keeps is bounded, however long and whatever has happened to it. Files: by their kind, at each write. Once
 * everything has healed and is quiet: open files, timers, and what waits.
 */
const KIB = 1024;
const MIB = 1024 * KIB;
const SECTOR = 512;
const ENTRIES_PER_PIECE = 126;
/** The log of tables is replaced once a commit has taken it beyond its limit; a snapshot of all tables may be larger than that. */
const COMMIT_BYTES = 64 * KIB;
const INTENT_BYTES = 8 * MIB;
/** A further try of each of its three workers and of its start, a fence, writes that are gathered. */
const TIMERS_OF_GROUP = 6;
/** A read that waits for its answer in each slot of two command devices of at most five. */
const TIMERS_OF_ARRAY = 10;
/** Of each connection, whichever side has opened it: when it is to hear from the other. */
const TIMERS_OF_CONNECTION = 1;
/** Each file is open once, whoever reads or writes it. */
const HANDLES_PER_FILE = 1;
const LOG_HEADER = 12;

export interface Sizes {
  readonly compactBytes: number;
  readonly chunkBytes: number;
  /** Slots that a thin file has beyond two for each chunk. */
  readonly slotsAhead: number;
  /** Of a volume, in sectors. */
  readonly sectors: number;
  /** Blocks of a journal volume, by LUN. */
  readonly journalBlocks: ReadonlyMap<number, number>;
}

/** At each write the file is still no longer than a file of its kind may be. */
export function watchFiles(array: string, sizes: Sizes, findings: Findings): DiskWatcher {
  const chunks = Math.ceil((sizes.sectors * SECTOR) / sizes.chunkBytes);
  const remembered = { count: 0 };
  const snapshot = { bytes: 0 };

  function limitOf(name: string): number | undefined {
    if (name === 'state') return Math.max(sizes.compactBytes, snapshot.bytes) + 2 * COMMIT_BYTES;
    if (name.endsWith('.data')) return (2 * chunks + sizes.slotsAhead) * sizes.chunkBytes;
    if (name.endsWith('.map')) return Math.ceil(chunks / ENTRIES_PER_PIECE) * 3 * SECTOR;
    if (name.startsWith('differences-')) return Math.ceil(chunks / 8 / 504) * 3 * SECTOR;
    if (name.endsWith('.intents')) return INTENT_BYTES;
    const lun = Number(/^lun-(\d+)\.journal$/.exec(name)?.[1] ?? -1);
    const blocks = sizes.journalBlocks.get(lun);
    return blocks === undefined ? undefined : blocks * SECTOR;
  }

  function fail(what: string): void {
    findings.add(new SimFailure('I13-bounded', `${array}: ${what}`));
  }

  return {
    written(name, offset, data) {
      const limit = limitOf(name);
      const end = offset + data.length;
      if (limit !== undefined && end > limit) fail(`${name} has ${end} bytes, more than ${limit}`);
      if (name !== 'state.new') return;
      snapshot.bytes = Math.max(snapshot.bytes, end);
      const { requests } = JSON.parse(Buffer.from(data.subarray(LOG_HEADER)).toString('utf8')) as {
        requests?: unknown[];
      };
      remembered.count = (offset === 0 ? 0 : remembered.count) + (requests?.length ?? 0);
      if (remembered.count > REMEMBERED_REQUESTS) fail(`${remembered.count} requests are remembered`);
    },
    truncated: () => undefined,
    flushed: () => undefined,
  };
}

/** At the end, when nothing is under way. */
export function needBounded(world: World): void {
  for (const array of world.arrays) {
    const timers = array.life?.timers ?? 0;
    const connections = array.life ? world.access.connectionsOf(array.life) : 0;
    const own = TIMERS_OF_ARRAY + TIMERS_OF_GROUP * world.groups.length;
    const limit = own + TIMERS_OF_CONNECTION * connections;
    if (timers > limit) fail(array, `${timers} timers are set, more than ${limit}, with ${connections} connections`);
    for (const [name, count] of array.disk.opened())
      if (count > HANDLES_PER_FILE) fail(array, `${name} is open ${count} times`);
  }
  world.holds.needNone();
}

function fail({ name }: ArrayParty, what: string): never {
  throw new SimFailure('I13-bounded', `${name}: ${what}`);
}
