import type { Clock } from '../../base/clock.ts';
import { atomicBlocksOf, writeAtomically } from '../../lun/atomic-write.ts';
import { LunError, type Lun, type LunErrorKind } from '../../lun/lun.ts';
import { zeroBlocksOf, type ZeroBlocks } from '../../lun/zero-blocks.ts';
import type { VolumeDescription } from '../description.ts';
import type { AtomicWrites } from './atomic-writes.ts';
import { chunkBytesFor } from './chunk-map.ts';
import { askHole } from './hole-question.ts';
import { createLunLink, type LunLink } from './lun-link.ts';
import type { BackingCondition, Volume, VolumeBacking } from './volume.ts';
import { oneForMany } from './one-for-many.ts';
import { sendBlocks } from './send-blocks.ts';
import type { Hole } from './unstored.ts';
import { createWriteBehind, type WriteBehind } from './write-behind.ts';

/**
 * A volume whose bytes lie on a LUN, each at its own offset: a block device, or a LUN of another target. Everything it
 * holds counts as data, unless the LUN says what it holds (`thin`).
 *
 * Writes go out in order where they overlap and stay in memory until a flush covers them. A connection that is lost is
 * made again at once, a few times, and they are sent again; only then is the backing given up: what hosts were told is
 * kept, what a journal or a difference map still knows is forgotten, and whoever knows it has to bring the volume up to
 * date when the backing is back (`VolumeBacking.beginCatchUp`).
 */
export interface LunVolumeParts {
  readonly description: VolumeDescription;
  readonly clock: Clock;
  /** Opens the backing, its identity checked. Rejects with `LunError`. */
  readonly open: () => Promise<Lun>;
  /** The backing was in use and is not any more. */
  readonly onLost: (why: string) => void;
  /** The backing can be used; hosts are served from it once `VolumeBacking.serve` has been called. */
  readonly onReturned: () => void;
}

export interface LunVolume extends Volume {
  readonly backing: VolumeBacking;
}

/** How much may wait for a flush; at half of it one is begun. */
const HELD_BYTES_LIMIT = 16 * 1024 * 1024;
const HELD_WRITES_LIMIT = 2048;
const IO_TIMEOUT_MS = 10_000;
const FLUSH_TIMEOUT_MS = 30_000;

export function createLunVolume(parts: LunVolumeParts): LunVolume {
  const { description } = parts;
  const { blockSize, backing: path = '' } = description;
  const byteLength = blockSize * description.blockCount;
  /** `flushFailed`: since the last flush that ended well. */
  let [flushFailed, timesGivenUp] = [false, 0];
  let use: 'none' | 'catching-up' | 'served' = 'none';
  let backing: Backing = { blockSize, giveBack: undefined, thin: undefined, atomicBlocks: 0 };
  /** One SYNCHRONIZE CACHE for all who wait for one. */
  const commit = oneForMany(commitOnce);
  const link = wayToIt();
  const writes = writesToIt();

  function wayToIt(): LunLink {
    return createLunLink({
      clock: parts.clock,
      async open() {
        const lun = await parts.open();
        backing = await lookAt(lun);
        return lun;
      },
      onOpen(wasAway) {
        writes.restart();
        if (wasAway) parts.onReturned();
      },
      onGivenUp(error, wasOpen) {
        use = 'none';
        timesGivenUp += 1;
        writes.abandon(error);
        if (wasOpen) parts.onLost(textOf(error));
      },
      notReached: new LunError('not-ready', path, `${path}: not reached yet`),
    });
  }

  function writesToIt(): WriteBehind {
    return createWriteBehind({
      blockBytes: blockSize,
      isOpen: () => link.state() === 'open',
      isRefusal: (error) => !isLoss(error),
      isUndone: (error) => error instanceof LunError && error.outcome === 'not-done' && error.kind !== 'timeout',
      inDoubt: (error) => inDoubt(path, error),
      failed: (error) => link.lost(link.lun(), error),
      idle: prove,
      send,
    });
  }

  async function send(offset: number, length: number, data: Uint8Array | undefined, alone: boolean): Promise<void> {
    const lun = link.lun()!;
    if (!alone || !data) return sendBlocks(lun, backing, { offset, length }, data, { timeoutMs: IO_TIMEOUT_MS });
    const [lba, blockCount] = [offset / backing.blockSize, length / backing.blockSize];
    return writeAtomically(lun, lba, blockCount, data, { timeoutMs: IO_TIMEOUT_MS });
  }

  /** What was sent again has arrived: not a loss that comes again at once. */
  function prove(): void {
    if (!flushFailed && writes.isIdle()) link.proved();
  }

  /** Not before its owner knows that it lacks something. */
  function checkUsable(): void {
    if (use !== 'none') return;
    throw link.state() === 'open'
      ? new LunError('not-ready', path, `${description.name} is not up to date yet`)
      : link.failure();
  }

  /** Asks until there is an answer: a connection that is lost meanwhile is made again. */
  async function ask<T>(question: (lun: Lun) => Promise<T>): Promise<T> {
    for (;;) {
      const used = await link.connected();
      const answer = await question(used).then(
        (value) => ({ value }),
        (error: unknown) => {
          if (!isLoss(error)) throw error;
          link.lost(used, error);
          return undefined;
        },
      );
      if (answer) {
        prove();
        return answer.value;
      }
    }
  }

  async function readThrough(offset: number, length: number): Promise<Uint8Array> {
    const read = writes.beginRead(offset, length);
    const options = { timeoutMs: IO_TIMEOUT_MS };
    try {
      return read.lay(await ask((lun) => lun.read(offset / backing.blockSize, length / backing.blockSize, options)));
    } finally {
      read.end();
    }
  }

  function noHole(): Hole {
    return { hole: false, end: byteLength };
  }

  async function lookAtHole(offset: number): Promise<Hole> {
    const run = await backing.thin?.runAt(offset / backing.blockSize, { timeoutMs: IO_TIMEOUT_MS });
    if (!run) return noHole();
    const end = Math.min(byteLength, offset + run.blockCount * backing.blockSize);
    return inBlocks(blockSize, offset, end, run.zeros);
  }

  /** False where the connection was lost meanwhile: everything is on its way again. */
  async function commitOnce(): Promise<boolean> {
    const used = link.lun();
    if (!used) return false;
    const generation = writes.generation();
    const durable = writes.answeredNow();
    try {
      await used.flush({ timeoutMs: FLUSH_TIMEOUT_MS });
    } catch (error) {
      if (!hasNoCache(error)) {
        flushFailed = true;
        link.lost(used, error);
        return false;
      }
    }
    if (generation !== writes.generation()) return false;
    writes.forget(durable);
    flushFailed = false;
    link.proved();
    return true;
  }

  /**
   * A new connection, over which everything is sent again, may come at any moment: a flush counts where all has been answered, and
   * the flush too, over one. What was given up meanwhile is not there, even where the backing is by now.
   */
  async function flush(): Promise<void> {
    checkUsable();
    const life = timesGivenUp;
    for (;;) {
      await link.connected();
      if (life !== timesGivenUp) throw link.failure();
      const generation = writes.generation();
      await writes.answered();
      if ((await commit()) && generation === writes.generation()) return;
    }
  }

  function isHalfFull(): boolean {
    return writes.heldBytes() * 2 > HELD_BYTES_LIMIT || writes.heldCount() * 2 > HELD_WRITES_LIMIT;
  }

  let relieving: Promise<void> | undefined;

  /** What fails here fails again for whoever waits for a flush. */
  function relieve(): Promise<void> {
    relieving ??= flush().finally(() => {
      relieving = undefined;
    });
    return relieving;
  }

  function store(
    offset: number,
    length: number,
    data: Uint8Array | undefined,
    awaited: boolean,
    alone = false,
  ): Promise<void> | undefined {
    try {
      checkUsable();
    } catch (error) {
      return awaited ? Promise.reject(error as Error) : undefined;
    }
    const stored = writes.add(offset, length, data, awaited, alone);
    if (isHalfFull()) relieve().catch(() => undefined);
    return stored;
  }

  function byteLimit(): number {
    return Math.floor((backing.atomicBlocks * backing.blockSize) / blockSize) * blockSize;
  }

  function storeWhole(offset: number, data: Uint8Array): Promise<void> | undefined {
    return store(offset, data.length, data, true, true);
  }

  function settle(offset: number, length: number): Promise<void> | undefined {
    return writes.holds(offset, length) ? flush() : undefined;
  }

  function announce(length: number): Promise<void> | undefined {
    try {
      checkUsable();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const full = writes.heldBytes() + length > HELD_BYTES_LIMIT || writes.heldCount() >= HELD_WRITES_LIMIT;
    return full && writes.heldCount() > 0 ? relieve() : undefined;
  }

  function stateNow(): BackingCondition['state'] {
    if (link.state() === 'open') return use === 'served' ? 'ready' : 'behind';
    return link.state() === 'reconnecting' ? 'reconnecting' : 'away';
  }

  function control(): VolumeBacking {
    return {
      condition: () => ({ state: stateNow(), why: link.state() === 'open' ? '' : textOf(link.failure()) }),
      thin: () => backing.thin?.granularityBytes,
      failure: () => link.failure(),
      isUsable: () => use !== 'none',
      reach: () => link.reach(),
      beginCatchUp() {
        if (link.state() === 'open' || link.state() === 'reconnecting') use = 'catching-up';
      },
      serve() {
        if (use === 'catching-up') use = 'served';
      },
    };
  }

  return {
    description,
    byteLength,
    chunkBytes: chunkBytesFor(byteLength),
    read: readThrough,
    announce: (_offset, length) => announce(length),
    write: (offset, data, awaited = false) => store(offset, data.length, data, awaited),
    deallocate: (offset, length, awaited = false) => store(offset, length, undefined, awaited),
    holeAt: (offset) => (backing.thin ? askHole(offset, writes, () => ask(() => lookAtHole(offset))) : noHole()),
    allocatedBits: () => new Uint8Array(Math.ceil(byteLength / chunkBytesFor(byteLength) / 8)).fill(0xff),
    allocatedBytes: () => byteLength,
    atomic: passedOn({ byteLimit, announce, settle, store: storeWhole }),
    flush,
    async close() {
      await link.close();
      writes.abandon(new LunError('no-path', path, `${description.name} is closed`));
    },
    backing: control(),
  };
}

interface Backing {
  /** The volume's is a multiple of it. */
  readonly blockSize: number;
  /** Present where the LUN promises that what is given back reads as zeros. */
  readonly giveBack: ZeroBlocks['write'];
  /** Of its own, in one WRITE ATOMIC; 0 where it has none. */
  readonly atomicBlocks: number;
  /** Present where it also tells what is given back. */
  readonly thin: { readonly granularityBytes: number; readonly runAt: NonNullable<ZeroBlocks['runAt']> } | undefined;
}

/** The LUN's own atomic writes: what it has done half it makes whole or takes back, and no restart of the array has to. */
function passedOn(parts: {
  readonly byteLimit: () => number;
  readonly announce: (length: number) => Promise<void> | undefined;
  /** Until nothing older on these blocks can be sent again, which would stand on a part of the atomic write. */
  readonly settle: (offset: number, length: number) => Promise<void> | undefined;
  readonly store: (offset: number, data: Uint8Array) => Promise<void> | undefined;
}): AtomicWrites {
  return {
    get byteLimit() {
      return parts.byteLimit();
    },
    async write(offset, data, permitted) {
      const wanted = (): Promise<void> | undefined => parts.announce(data.length) ?? parts.settle(offset, data.length);
      for (let wait = wanted(); wait; wait = wanted()) await wait;
      if (!permitted()) return false;
      await parts.store(offset, data);
      return true;
    },
    conflict: () => undefined,
    recover: async () => undefined,
    wipe: async () => undefined,
  };
}

/** The LUN's blocks may be smaller than the volume's: a block of which it holds a part is held. */
function inBlocks(blockSize: number, offset: number, end: number, zeros: boolean): Hole {
  const whole = Math.floor(end / blockSize) * blockSize;
  if (zeros && whole > offset) return { hole: true, end: whole };
  return { hole: false, end: Math.max(offset + blockSize, whole) };
}

async function lookAt(lun: Lun): Promise<Backing> {
  const options = { timeoutMs: IO_TIMEOUT_MS };
  try {
    const { blockSize } = await lun.capacity(options);
    const { write, runAt, granularity = 1 } = await zeroBlocksOf(lun, blockSize, options);
    const thin = write && runAt && { granularityBytes: granularity * blockSize, runAt };
    return { blockSize, giveBack: write, thin, atomicBlocks: await atomicBlocksOf(lun, options) };
  } catch (error) {
    await lun.close().catch(() => undefined);
    throw error;
  }
}

const LOSSES: readonly LunErrorKind[] = ['no-path', 'no-such-lun', 'timeout', 'not-ready', 'refused-for-safety'];
const UNIT_ATTENTION = 0x06;
const ILLEGAL_REQUEST = 0x05;
/** INVALID COMMAND OPERATION CODE and INVALID FIELD IN CDB. */
const NOT_KNOWN: readonly number[] = [0x20, 0x24];

/** The path or the unit as a whole, in contrast to one command that the unit has refused. */
function isLoss(error: unknown): boolean {
  if (!(error instanceof LunError)) return true;
  return LOSSES.includes(error.kind) || error.sense?.key === UNIT_ATTENTION;
}

/** Without the sense, which would say that nothing was done. */
function inDoubt(path: string, error: unknown): LunError {
  const kind = error instanceof LunError && error.kind === 'timeout' ? 'timeout' : 'no-path';
  const message = `${textOf(error)}; whether the write that was sent before was done is unknown`;
  return new LunError(kind, path, message, { outcome: 'unknown', cause: error });
}

/** A unit without a volatile cache need not know SYNCHRONIZE CACHE; one that is not there any more (05/25/00) promises nothing. */
function hasNoCache(error: unknown): boolean {
  if (isLoss(error) || !(error instanceof LunError)) return false;
  return error.sense?.key === ILLEGAL_REQUEST && NOT_KNOWN.includes(error.sense.asc);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
