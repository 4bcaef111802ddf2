import type { Lun } from '../../lun/lun.ts';

/**
 * Writes that the far array has acknowledged and no flush has covered yet, by the connection over which they went. A connection that
 * has lasted since proves that the far array has not lost its cache in between; after any other, nobody knows.
 */
export class UnflushedWrites {
  /** For each connection the number of its latest write. */
  readonly #latest = new Map<Lun, number>();
  #count = 0;

  wrote(over: Lun): void {
    this.#latest.set(over, ++this.#count);
  }

  has(over: Lun): boolean {
    return this.#latest.has(over);
  }

  /** They are durable. */
  forget(over: Lun): void {
    this.#latest.delete(over);
  }

  /**
   * To be called before a flush: what it is to cover. The function that it returns is called once the flush has been answered; it
   * resolves with false where writes of before may be lost, which is said once. `whole`: the flush covered all of the unit.
   */
  begin(): (over: Lun, whole: boolean, lasts: (other: Lun) => Promise<boolean>) => Promise<boolean> {
    const before = [...this.#latest];
    return async (over, whole, lasts) => {
      const doubts = await Promise.all(
        before.map(async ([other, latest]) => {
          const sure = other === over || (await lasts(other));
          if ((whole || !sure) && this.#latest.get(other) === latest) this.#latest.delete(other);
          return !sure;
        }),
      );
      return !doubts.includes(true);
    };
  }
}
