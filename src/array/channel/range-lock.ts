/** Frees what `acquire` gave. */
export type Release = () => void;

interface Range {
  readonly first: number;
  readonly end: number;
  readonly exclusive: boolean;
}

interface Waiter {
  readonly range: Range;
  readonly grant: (release: Release) => void;
}

/**
 * Keeps an atomic command (COMPARE AND WRITE) apart from every other command on its blocks, and nothing else: ordinary
 * reads and writes never wait for each other. First come, first served where ranges meet.
 */
export class RangeLock {
  readonly #held = new Set<Range>();
  #waiting: Waiter[] = [];
  /** Exclusive ranges held or waited for; while 0, nothing needs comparing. */
  #exclusive = 0;

  /** At once where nothing is in the way. */
  acquire(lba: number, blockCount: number, exclusive: boolean): Release | Promise<Release> {
    const range = { first: lba, end: lba + blockCount, exclusive };
    if (exclusive) this.#exclusive++;
    if (this.#exclusive === 0 || !this.#blocked(range, this.#waiting)) return this.#hold(range);
    return new Promise((grant) => this.#waiting.push({ range, grant }));
  }

  #hold(range: Range): Release {
    this.#held.add(range);
    return () => this.#free(range);
  }

  #free(range: Range): void {
    if (!this.#held.delete(range)) return;
    if (range.exclusive) this.#exclusive--;
    if (this.#waiting.length > 0) this.#grantWaiting();
  }

  #grantWaiting(): void {
    const still: Waiter[] = [];
    for (const waiter of this.#waiting) {
      if (this.#blocked(waiter.range, still)) still.push(waiter);
      else waiter.grant(this.#hold(waiter.range));
    }
    this.#waiting = still;
  }

  #blocked(range: Range, before: readonly Waiter[]): boolean {
    for (const held of this.#held) if (meet(held, range)) return true;
    return before.some((waiter) => meet(waiter.range, range));
  }
}

function meet(left: Range, right: Range): boolean {
  return (left.exclusive || right.exclusive) && left.first < right.end && right.first < left.end;
}
