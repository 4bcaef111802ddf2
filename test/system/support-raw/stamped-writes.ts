import type { Lun } from '../../../src/lun/lun.ts';
import { encodeSector, readSector, SECTOR_BYTES } from '../support/sectors.ts';

interface Write {
  readonly volume: number;
  readonly lba: number;
  readonly sectors: number;
}

/** Writes one after another, each sector of which names itself: what a volume holds tells which of them it has seen. */
export class StampedWrites {
  readonly #writes: Write[] = [];
  readonly #volumes: readonly number[];
  readonly #sectors: number;

  constructor(volumes: readonly number[], sectors: number) {
    this.#volumes = volumes;
    this.#sectors = sectors;
  }

  /** How many were begun; the last is number `count`. */
  get count(): number {
    return this.#writes.length;
  }

  async write(lun: Lun, write: Write): Promise<void> {
    this.#writes.push(write);
    const counter = this.#writes.length;
    const { volume, lba, sectors } = write;
    const stamped = Array.from({ length: sectors }, (_, index) => encodeSector({ volume, lba: lba + index, counter }));
    await lun.write(lba, Buffer.concat(stamped));
  }

  /** After how many of the writes the volumes were exactly so, or, in words, why they never were. */
  prefixOf(contents: ReadonlyMap<number, Buffer>): number | string {
    const found = new Map<number, number[]>();
    let newest = 0;
    for (const volume of this.#volumes) {
      const counters: number[] = [];
      for (let lba = 0; lba < this.#sectors; lba += 1) {
        const sector = readSector(contents.get(volume)!.subarray(lba * SECTOR_BYTES, (lba + 1) * SECTOR_BYTES));
        if (sector === undefined) return `LUN ${volume}, block ${lba} is torn or nobody's`;
        if (sector !== 'blank' && (sector.volume !== volume || sector.lba !== lba)) {
          return `LUN ${volume}, block ${lba} holds block ${sector.lba} of LUN ${sector.volume}`;
        }
        counters.push(sector === 'blank' ? 0 : sector.counter);
      }
      found.set(volume, counters);
      newest = Math.max(newest, ...counters);
    }
    return this.#difference(found, newest) ?? newest;
  }

  #difference(found: ReadonlyMap<number, readonly number[]>, newest: number): string | undefined {
    for (const [volume, expected] of this.#after(newest)) {
      const lba = expected.findIndex((counter, index) => counter !== found.get(volume)![index]);
      if (lba < 0) continue;
      return `after write ${newest} LUN ${volume}, block ${lba} is of write ${expected[lba]}, not ${found.get(volume)![lba]}`;
    }
    return undefined;
  }

  #after(count: number): Map<number, number[]> {
    const state = new Map(this.#volumes.map((volume) => [volume, Array.from({ length: this.#sectors }, () => 0)]));
    this.#writes.slice(0, count).forEach(({ volume, lba, sectors }, index) => {
      state.get(volume)!.fill(index + 1, lba, lba + sectors);
    });
    return state;
  }
}
