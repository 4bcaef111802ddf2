import type { Clock } from '../../src/base/clock.ts';
import { checkExtent, checkWholeBlocks } from '../../src/lun/extent.ts';
import { LunError, type Lun, type LunCapacity, type LunErrorKind, type SenseFacts } from '../../src/lun/lun.ts';

/** A disk behind a path: a volatile cache, connections that break, and faults on demand. */
export interface VolatileLun {
  open(path: string): Promise<Lun>;
  /** Every connection breaks and none can be made; with `powerCut` the cache is lost too. */
  vanish(options?: { powerCut: boolean }): void;
  comeBack(): void;
  /** Breaks the connections once; with `powerCut` the cache is lost too. */
  breakConnections(options?: { powerCut: boolean }): void;
  /** Commands that write to this block are refused with the sense, until told otherwise. */
  refuse(lba: number | undefined, sense?: SenseFacts): void;
  refuseFlush(refused: boolean): void;
  /** Another disk answers at the path. */
  replace(serial: string, worldWideName?: string): void;
  resize(blockCount: number): void;
  /** What a host of the disk itself would read, cache included. */
  content(lba: number, blockCount: number): Uint8Array;
  put(lba: number, data: Uint8Array): void;
  readonly counts: { writes: number; flushes: number; opens: number };
}

const MEDIUM_ERROR: SenseFacts = { key: 0x03, asc: 0x0c, ascq: 0x00 };

export function createVolatileLun(
  clock: Clock,
  blocks: number,
  { latencyMs = 1, blockSize: BLOCK = 512 }: { latencyMs?: number; blockSize?: number } = {},
): VolatileLun {
  let durable = new Uint8Array(blocks * BLOCK);
  let cached = durable.slice();
  let connection = 0;
  let there = true;
  let serial = 'DISK-1';
  let worldWideName = '';
  let blockCount = blocks;
  let refused: { lba: number; sense: SenseFacts } | undefined;
  let flushRefused = false;
  const counts = { writes: 0, flushes: 0, opens: 0 };

  const fault = (kind: LunErrorKind, path: string, outcome: 'not-done' | 'unknown', sense?: SenseFacts): LunError =>
    new LunError(kind, path, `${path}: ${kind}`, { outcome, ...(sense && { sense }) });
  const wait = (): Promise<void> => new Promise((resolve) => clock.setTimer(latencyMs, resolve));

  const capacity = (): LunCapacity => ({ blockSize: BLOCK, blockCount });

  function breakConnections(options = { powerCut: false }): void {
    connection += 1;
    if (options.powerCut) cached = durable.slice();
  }

  async function open(path: string): Promise<Lun> {
    await wait();
    if (!there) throw fault('no-path', path, 'not-done');
    const own = connection;
    counts.opens += 1;
    async function carryOut<T>(run: () => T): Promise<T> {
      if (own !== connection) throw fault('no-path', path, 'not-done');
      await wait();
      if (own !== connection) throw fault('no-path', path, 'unknown');
      const result = run();
      // The answer can be lost too.
      await wait();
      if (own !== connection) throw fault('no-path', path, 'unknown');
      return result;
    }
    return {
      path,
      identify: () => carryOut(() => ({ vendor: 'TEST', product: 'DISK', revision: '1', serial, worldWideName })),
      capacity: () => carryOut(capacity),
      read: (lba, count) =>
        carryOut(() => {
          checkExtent(path, capacity(), lba, count);
          return cached.slice(lba * BLOCK, (lba + count) * BLOCK);
        }),
      write: (lba, data) =>
        carryOut(() => {
          counts.writes += 1;
          checkExtent(path, capacity(), lba, checkWholeBlocks(path, capacity(), data));
          const covers = refused && refused.lba >= lba && refused.lba < lba + data.length / BLOCK;
          if (covers) throw fault('check-condition', path, 'unknown', refused!.sense);
          cached.set(data, lba * BLOCK);
        }),
      flush: () =>
        carryOut(() => {
          counts.flushes += 1;
          if (flushRefused) throw fault('check-condition', path, 'unknown', MEDIUM_ERROR);
          durable = cached.slice();
        }),
      close: async () => undefined,
    };
  }

  return {
    open,
    counts,
    breakConnections,
    vanish(options) {
      there = false;
      breakConnections(options);
    },
    comeBack() {
      there = true;
    },
    refuse(lba, sense = MEDIUM_ERROR) {
      refused = lba === undefined ? undefined : { lba, sense };
    },
    refuseFlush(on) {
      flushRefused = on;
    },
    replace(other, name = worldWideName) {
      serial = other;
      worldWideName = name;
      breakConnections();
    },
    resize(count) {
      blockCount = count;
    },
    content: (lba, count) => cached.slice(lba * BLOCK, (lba + count) * BLOCK),
    put: (lba, data) => {
      cached.set(data, lba * BLOCK);
      durable.set(data, lba * BLOCK);
    },
  };
}
