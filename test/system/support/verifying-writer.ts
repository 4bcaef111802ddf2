import { delay, type Clock } from '../../../src/base/clock.ts';
import type { Random } from '../../../src/base/random.ts';
import { LunError, type Lun, type LunOpener } from '../../../src/lun/lun.ts';
import { encodeSector, SECTOR_BYTES } from './sectors.ts';
import type { Write, WriteHistory } from './write-history.ts';

export interface WriterParts {
  readonly opener: LunOpener;
  readonly clock: Clock;
  readonly random: Random;
  readonly history: WriteHistory;
  /** `iscsi://...` of each volume, by LUN. */
  readonly paths: ReadonlyMap<number, string>;
  readonly sectorsPerVolume: number;
  /** At most so long between two writes of one of the four. */
  readonly pauseMs: number;
}

const DEPTH = 4;
const MOST_SECTORS = 16;
const TIMEOUT_MS = 1000;
const FAILED_PAUSE_MS = 30;
/** One operation in so many is a flush. */
const FLUSH_EVERY = 16;

/** A host with four writes in flight, which goes on through every failure until it is told to stop. */
export class VerifyingWriter {
  readonly #parts: WriterParts;
  readonly #stopped = new AbortController();
  readonly #workers: readonly Promise<void>[];
  /** How the calls ended, by kind of failure. */
  readonly outcomes = new Map<string, number>();

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#workers = Array.from({ length: DEPTH }, () => this.#work());
  }

  /** Resolves once every call has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const luns = new Map<number, Lun>();
    try {
      while (!this.#stopped.signal.aborted) await this.#step(luns);
    } finally {
      await Promise.all(Array.from(luns.values(), (lun) => lun.close()));
    }
  }

  async #step(luns: Map<number, Lun>): Promise<void> {
    const { paths, random, pauseMs } = this.#parts;
    const volume = [...paths.keys()][random.below(paths.size)]!;
    try {
      const lun = luns.get(volume) ?? (await this.#open(volume));
      luns.set(volume, lun);
      if (random.below(FLUSH_EVERY) === 0) await lun.flush({ timeoutMs: TIMEOUT_MS });
      else await this.#write(lun, volume);
      await this.#pause(random.below(pauseMs + 1));
    } catch (error) {
      if (!(error instanceof LunError)) throw error;
      this.#count(`${error.kind} ${error.outcome}`);
      await this.#pause(FAILED_PAUSE_MS);
    }
  }

  #open(volume: number): Promise<Lun> {
    return this.#parts.opener.open(this.#parts.paths.get(volume)!, { timeoutMs: TIMEOUT_MS });
  }

  async #write(lun: Lun, volume: number): Promise<void> {
    const { random, history, sectorsPerVolume } = this.#parts;
    const sectors = 1 + random.below(MOST_SECTORS);
    const write = history.issue(volume, random.below(sectorsPerVolume - sectors + 1), sectors);
    if (!write) return;
    const repeatable = random.below(2) === 0;
    try {
      await lun.write(write.lba, bytesOf(write), { timeoutMs: TIMEOUT_MS, repeatable });
    } catch (error) {
      if (error instanceof LunError && error.outcome === 'not-done') history.refuse(write);
      throw error;
    }
    history.acknowledge(write);
    this.#count('acknowledged');
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  #pause(delayMs: number): Promise<void> {
    return delay(this.#parts.clock, delayMs);
  }
}

function bytesOf({ volume, lba, sectors, counter }: Write): Buffer {
  return Buffer.concat(
    Array.from({ length: sectors }, (_, index) => encodeSector({ volume, lba: lba + index, counter })),
  );
}

/** The whole of each volume, by LUN. */
export async function readVolumes(
  opener: LunOpener,
  paths: ReadonlyMap<number, string>,
  sectorsPerVolume: number,
): Promise<Map<number, Buffer>> {
  const contents = new Map<number, Buffer>();
  for (const [volume, path] of paths) {
    const lun = await opener.open(path);
    try {
      const bytes = await lun.read(0, sectorsPerVolume);
      if (bytes.length !== sectorsPerVolume * SECTOR_BYTES) throw new Error(`${path}: ${bytes.length} bytes were read`);
      contents.set(volume, Buffer.from(bytes));
    } finally {
      await lun.close();
    }
  }
  return contents;
}
