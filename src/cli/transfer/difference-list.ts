/** Bytes from the beginning of the range. */
export interface DifferentRange {
  readonly offset: number;
  readonly length: number;
}

/** Kept beyond those that are listed: the cells in flight may still join some of them. */
const SPARE_RANGES = 64;

/** The first ranges of all that are added, neighbours joined, in whatever order they come; of the others nothing is kept. */
export class DifferenceList {
  readonly #limit: number;
  #ranges: DifferentRange[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(range: DifferentRange): void {
    let at = this.#ranges.length;
    while (at > 0 && this.#ranges[at - 1]!.offset > range.offset) at -= 1;
    this.#ranges.splice(at, 0, range);
    this.#join(at);
    this.#join(at - 1);
    this.#ranges.length = Math.min(this.#ranges.length, this.#limit + SPARE_RANGES);
  }

  /** Bounded, however many were added. */
  get kept(): number {
    return this.#ranges.length;
  }

  first(): readonly DifferentRange[] {
    return this.#ranges.slice(0, this.#limit);
  }

  /** With its follower, where they touch. */
  #join(at: number): void {
    const [range, next] = [this.#ranges[at], this.#ranges[at + 1]];
    if (!range || !next || range.offset + range.length !== next.offset) return;
    this.#ranges.splice(at, 2, { offset: range.offset, length: range.length + next.length });
  }
}
