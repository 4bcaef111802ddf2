import { placeOf, type Place, type Region } from './stamp.ts';

/** One place and the last write to it that was acknowledged. */
export interface Expected extends Place {
  readonly sequence: number;
  readonly site: string;
}

/** What the hosts were told is written. It is all that anybody can demand of the arrays later. */
export class Ledger {
  readonly #regions: readonly Region[];
  readonly #last = new Map<string, Expected>();
  readonly #counts = new Map<string, number>();
  #highest = 0;

  constructor(regions: readonly Region[]) {
    this.#regions = regions;
  }

  acknowledged(site: string, sequence: number): void {
    const place = placeOf(sequence, this.#regions);
    const key = `${place.region}/${place.slot}`;
    // Answers of one batch may overtake each other, but two writes of one batch never meet in one place.
    if (sequence > (this.#last.get(key)?.sequence ?? 0)) this.#last.set(key, { ...place, sequence, site });
    this.#counts.set(site, this.count(site) + 1);
    this.#highest = Math.max(this.#highest, sequence);
  }

  /** Acknowledged writes of the host at one site. */
  count(site: string): number {
    return this.#counts.get(site) ?? 0;
  }

  get highest(): number {
    return this.#highest;
  }

  /** By region, by slot. */
  expected(): readonly ReadonlyMap<number, Expected>[] {
    const regions = this.#regions.map(() => new Map<number, Expected>());
    for (const each of this.#last.values()) regions[each.region]!.set(each.slot, each);
    return regions;
  }
}
