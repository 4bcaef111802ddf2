import { describe, expect, it } from 'vitest';
import { openGuardedFile, type GuardedFile } from '../../../src/array/store/guarded-file.ts';
import { settleGuardedFile } from '../../../src/array/store/guarded-repair.ts';
import type { Random } from '../../../src/base/random.ts';
import type { Storage, StorageFile } from '../../../src/base/storage.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SECTOR = 512;
const PIECE = 504;
const PIECES = 2;
const BYTES = PIECES * PIECE;

/**
 * A disk with a page cache: a flush ends when it is told to, or fails, and then for ever; a power cut gives each sector that was not
 * flushed a fate of its own: new, old or garbage. A sector that nobody writes may rot.
 */
function createCachedDisk(random: Random) {
  const cached = new Uint8Array(PIECES * 3 * SECTOR);
  const durable = new Uint8Array(cached.length);
  const unreadable = new Set<number>();
  let pending: { readonly sector: number; readonly bytes: Uint8Array }[] = [];
  let flushes: { readonly end: () => void; readonly fail: () => void }[] = [];
  let broken = false;
  let failingWrites = 0;

  function take(source: Uint8Array, offset: number): void {
    cached.set(source, offset);
    for (let at = offset - (offset % SECTOR); at < offset + source.length; at += SECTOR) {
      pending.push({ sector: at / SECTOR, bytes: cached.slice(at, at + SECTOR) });
      unreadable.delete(at / SECTOR);
    }
  }

  const file: StorageFile = {
    name: 'map',
    size: () => cached.length,
    read(target, offset) {
      for (let at = offset; at < offset + target.length; at += SECTOR)
        if (unreadable.has(at / SECTOR)) throw new Error('EIO');
      target.set(cached.subarray(offset, offset + target.length));
    },
    write(source, offset) {
      if (failingWrites === 0) return take(source, offset);
      failingWrites -= 1;
      take(source.subarray(0, random.below(source.length)), offset);
      throw new Error('ENOSPC');
    },
    truncate: () => undefined,
    flush() {
      if (broken) return Promise.reject(new Error('EIO'));
      const covered = pending.slice();
      const make = (writes: typeof pending): void => {
        for (const { sector, bytes } of writes) durable.set(bytes, sector * SECTOR);
        pending = pending.filter((write) => !covered.includes(write));
      };
      return new Promise((resolve, reject) => {
        const end = (): void => {
          make(covered);
          resolve();
        };
        const fail = (): void => {
          broken = true;
          make(covered.filter(() => random.below(2) === 0));
          reject(new Error('EIO'));
        };
        flushes.push({ end, fail });
      });
    },
    close: () => undefined,
  };

  return {
    file,
    storage: { ...createMemoryStorage(), exists: () => true, open: () => file } satisfies Storage,
    isFlushing: () => flushes.length > 0,
    isBroken: () => broken,
    isPending: (sector: number) => pending.some((write) => write.sector === sector),
    endFlush: () => flushes.shift()?.end(),
    failFlush: () => flushes.shift()?.fail(),
    failWrites: (count: number) => void (failingWrites = count),
    kill(): void {
      flushes = [];
      failingWrites = 0;
    },
    powerCut(): void {
      broken = false;
      for (const { sector, bytes } of pending) {
        const fate = random.below(3);
        if (fate > 0) durable.set(fate === 1 ? bytes : random.bytes(SECTOR), sector * SECTOR);
      }
      pending = [];
      cached.set(durable);
    },
    rot(sector: number): void {
      const kind = random.below(3);
      if (kind === 0) unreadable.add(sector);
      for (const bytes of [cached, durable]) {
        if (kind === 1) bytes.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
        if (kind === 2) bytes[sector * SECTOR + random.below(SECTOR)]! ^= 1 << random.below(8);
      }
    },
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function valueOf(file: StorageFile, piece: number): number {
  const bytes = new Uint8Array(4);
  file.read(bytes, piece * PIECE);
  return new DataView(bytes.buffer).getUint32(0);
}

/** What somebody knows of a piece, whose content is a number that rises. */
interface Known {
  /** The highest that was ever tried to write. */
  tried: number;
  /** A flush that covers it has ended, or an array has served it: it is there for ever. */
  durable: number;
  /** The writer was told that it survives the death of the process. */
  told: number;
  /** A power cut came into its being written, or a write has failed: one more fault may be one too many before that is made good. */
  frail: boolean;
  /** Has rotted since an array has last served it: no power cut into what is being written until it is made good. */
  rotten: boolean;
}

/** One life after the other on one disk; answers with how often something has rotted, and was made good. */
async function play(seed: number, steps: number): Promise<{ rotted: number; cuts: number; failures: number }> {
  const random = createSeededRandom(seed);
  const disk = createCachedDisk(random);
  const counts = { rotted: 0, cuts: 0, failures: 0 };
  const known: Known[] = Array.from({ length: PIECES }, () => ({
    tried: 0,
    durable: 0,
    told: 0,
    frail: false,
    rotten: false,
  }));
  let file: GuardedFile = openGuardedFile(disk.file, BYTES);
  let life = 0;

  const isWritten = (piece: number): boolean => [0, 1, 2].some((copy) => disk.isPending(piece * 3 + copy));

  function write(piece: number): void {
    const of = known[piece]!;
    const bytes = new Uint8Array(4);
    const value = (of.tried += 1);
    new DataView(bytes.buffer).setUint32(0, value);
    try {
      file.write(bytes, piece * PIECE);
    } catch {
      of.frail = true;
      counts.failures += 1;
      return;
    }
    const now = life;
    const tell = (): void => void (now === life && (of.told = Math.max(of.told, value)));
    const wait = file.doubled();
    if (wait) void wait.then(tell);
    else tell();
  }

  function flush(): void {
    const now = life;
    const upTo = known.map((_, piece) => valueOf(file, piece));
    const done = file.flush();
    void done.then(
      () => now === life && known.forEach((of, piece) => (of.durable = Math.max(of.durable, upTo[piece]!))),
      () => (counts.failures += 1),
    );
  }

  function end(cut: boolean): void {
    life += 1;
    disk.kill();
    if (!cut && !disk.isBroken()) return;
    known.forEach((of, piece) => {
      of.frail ||= isWritten(piece);
      of.told = of.durable;
    });
    disk.powerCut();
    counts.cuts += 1;
  }

  async function settle(): Promise<void> {
    flush();
    await settled();
    for (let ended = 0; ended < 4 && disk.isFlushing(); ended += 1) {
      disk.endFlush();
      await settled();
    }
  }

  function rot(): void {
    known.forEach(({ frail, told }, piece) => {
      const sector = piece * 3 + random.below(3);
      if (frail || told === 0 || disk.isPending(sector) || random.below(3) === 0) return;
      disk.rot(sector);
      known[piece]!.rotten = true;
      counts.rotted += 1;
    });
  }

  /** May be killed itself while it makes durable what it has found. */
  async function begin(): Promise<void> {
    const now = life;
    let failure: unknown;
    const done = settleGuardedFile(disk.storage, 'map', BYTES).then(
      () => true,
      (error: unknown) => ((failure = error), true),
    );
    while (now === life && !(await Promise.race([done, settled().then(() => false)]))) {
      if (random.below(8) > 0) disk.endFlush();
      else {
        const interrupts = known.some(({ rotten }, piece) => rotten && isWritten(piece));
        end(!interrupts && random.below(2) === 0);
        return begin();
      }
    }
    expect(failure).toBeUndefined();
    file = openGuardedFile(disk.file, BYTES);
    known.forEach((of, piece) => {
      const found = valueOf(file, piece);
      const who = `seed ${seed}, piece ${piece}, life ${life}`;
      expect(found, who).toBeGreaterThanOrEqual(Math.max(of.durable, of.told));
      expect(found, who).toBeLessThanOrEqual(of.tried);
      of.durable = found;
      of.told = found;
      of.frail = false;
      of.rotten = false;
    });
  }

  for (let step = 0; step < steps; step += 1) {
    const what = random.below(40);
    if (what < 18) write(random.below(PIECES));
    else if (what < 24) flush();
    else if (what < 32) disk.endFlush();
    else if (what === 32 && random.below(8) === 0) disk.failFlush();
    else if (what === 33 && random.below(4) === 0) disk.failWrites(1 + random.below(2));
    else if (what > 34) {
      if (random.below(2) === 0) await settle();
      end(what > 37);
      if (random.below(2) === 0) rot();
      await begin();
    }
    await settled();
  }
  return counts;
}

describe('a guarded file', () => {
  it('loses nothing by kills and power cuts, nor by one sector of each piece that rots while nobody writes it', async () => {
    const counts = { rotted: 0, cuts: 0, failures: 0 };
    for (let seed = 1; seed <= 60; seed += 1) {
      const { rotted, cuts, failures } = await play(seed, 200);
      counts.rotted += rotted;
      counts.cuts += cuts;
      counts.failures += failures;
    }
    expect(counts.rotted).toBeGreaterThan(500);
    expect(counts.cuts).toBeGreaterThan(500);
    expect(counts.failures).toBeGreaterThan(50);
  });
});
