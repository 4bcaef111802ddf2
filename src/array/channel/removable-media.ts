/**
 * The media of removable units: taken out or not, and which nexuses prevent that (SBC-3 5.12, SPC-4 6.11). In memory:
 * when the array starts, every medium is in.
 */
export class RemovableMedia {
  readonly #ejected = new Set<number>();
  readonly #preventing = new Map<number, Set<string>>();

  isEjected(lun: number): boolean {
    return this.#ejected.has(lun);
  }

  /** Whether this changed anything. */
  eject(lun: number): boolean {
    if (this.#ejected.has(lun)) return false;
    this.#ejected.add(lun);
    return true;
  }

  /** Whether this changed anything. */
  load(lun: number): boolean {
    return this.#ejected.delete(lun);
  }

  isPrevented(lun: number): boolean {
    return (this.#preventing.get(lun)?.size ?? 0) > 0;
  }

  prevent(lun: number, nexus: string): void {
    const nexuses = this.#preventing.get(lun) ?? new Set();
    this.#preventing.set(lun, nexuses.add(nexus));
  }

  allow(lun: number, nexus: string): void {
    this.#preventing.get(lun)?.delete(nexus);
  }

  dropNexus(nexus: string): void {
    for (const nexuses of this.#preventing.values()) nexuses.delete(nexus);
  }

  /** A reset of the unit ends every prevention; the medium stays where it is. */
  resetUnit(lun: number): void {
    this.#preventing.delete(lun);
  }

  resetAll(): void {
    this.#preventing.clear();
  }

  /** The unit is gone. */
  dropUnit(lun: number): void {
    this.#preventing.delete(lun);
    this.#ejected.delete(lun);
  }
}
