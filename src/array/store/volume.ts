import { uninitialisedBytes } from '../../base/bytes.ts';
import type { VolumeDescription } from '../description.ts';
import type { AtomicWrites } from './atomic-writes.ts';
import type { ThinFile } from './thin-file.ts';
import type { Hole } from './unstored.ts';

/** The bytes of a volume. Offsets and lengths are bytes. */
export interface Volume {
  readonly description: VolumeDescription;
  readonly byteLength: number;
  /** Bytes that one bit of the volume's maps stands for. */
  readonly chunkBytes: number;
  /** What it holds at the moment of the call, also where the answer takes its time; rejects where the backing fails. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Must be awaited before `write` of the same range; undefined where nothing has to be waited for. */
  announce(offset: number, length: number): Promise<void> | undefined;
  /**
   * Seen by every later `read`. Undefined where the bytes survive the death of the process already (page cache), not a
   * power cut. Otherwise, with `awaited`, resolves when they do; where it rejects, the write has failed and its bytes
   * may or may not be there. Without `awaited` nobody is told: the caller has the bytes elsewhere, and a later `flush`
   * says whether they arrived.
   */
  write(offset: number, data: Uint8Array, awaited?: boolean): Promise<void> | undefined;
  /** The range reads as zeros from now on, and whole chunks of it take no room any more; otherwise like `write`. */
  deallocate(offset: number, length: number, awaited?: boolean): Promise<void> | undefined;
  /** Whether the block at `offset` is known to hold no data, and a place up to which that is so; rejects as `read` does. */
  holeAt(offset: number): Hole | Promise<Hole>;
  /** A bit for each chunk that may hold data; all others are zeros. */
  allocatedBits(): Uint8Array;
  allocatedBytes(): number;
  /** Absent where what was overwritten may still stand somewhere. */
  readonly erasure?: Erasure;
  /** Writes that happen wholly or not at all; absent, or with a limit of 0, where nobody sees to that. */
  readonly atomic?: AtomicWrites;
  /** Everything written before is durable when it resolves. */
  flush(): Promise<void>;
  close(): void | Promise<void>;
  /** Only where the bytes lie on a LUN, which may vanish and come back. */
  readonly backing?: VolumeBacking;
}

export interface BackingCondition {
  /**
   * `ready`: hosts are served; `reconnecting`: it was there a moment ago; `away`: it cannot be reached, or is not what it
   * was; `behind`: it is there, and lacks what was acknowledged while it was not.
   */
  readonly state: 'ready' | 'reconnecting' | 'away' | 'behind';
  /** In words; empty where nothing is wrong. */
  readonly why: string;
}

/** The LUN behind a volume. */
export interface VolumeBacking {
  condition(): BackingCondition;
  /**
   * The bytes that the LUN takes up and gives back together, where it promises that what is given back reads as zeros and
   * tells what is (GET LBA STATUS); undefined where it does not, or was not reached yet.
   */
  thin(): number | undefined;
  /** Why it could not be reached the last time, usually a `LunError`. */
  failure(): unknown;
  /** False from the moment it is given up until `beginCatchUp`: writes, flushes and reads of the volume then reject. */
  isUsable(): boolean;
  /** Tries once to reach it, where that has to be tried. */
  reach(): Promise<void>;
  /** The caller knows what was acknowledged and may not have arrived, and writes all of it. */
  beginCatchUp(): void;
  /** Hosts may be served again. */
  serve(): void;
}

/** Everything that the backing of a volume keeps, by whomever and whenever it was written; offsets are bytes of it. */
export interface Erasure {
  byteLength(): number;
  overwrite(offset: number, bytes: Uint8Array): void;
  /** What was overwritten is durably so when it resolves. */
  flush(): Promise<void>;
  /**
   * What was written before can never be read again, durably when it resolves, wherever a copy of it stands; nothing may be
   * read or written meanwhile, nor before `reset`. Absent where nothing is encrypted.
   */
  replaceKey?(): Promise<void>;
  /** Gives everything back: the volume reads as zeros, durably when it resolves. */
  reset(): Promise<void>;
}

export function openVolume(description: VolumeDescription, file: ThinFile): Volume {
  return {
    description,
    byteLength: description.blockSize * description.blockCount,
    chunkBytes: file.chunkBytes,
    read(offset, length) {
      const data = uninitialisedBytes(length);
      file.read(data, offset);
      return data;
    },
    announce: (offset, length) => file.allocate(offset, length),
    write(offset, data) {
      file.write(data, offset);
      return undefined;
    },
    deallocate: (offset, length) => file.deallocate(offset, length),
    erasure: file.erasure,
    holeAt: (offset) => file.holeAt(offset),
    allocatedBits: () => file.allocatedBits(),
    allocatedBytes: () => file.allocatedCount() * file.chunkBytes,
    flush: () => file.flush(),
    close: () => file.close(),
  };
}
