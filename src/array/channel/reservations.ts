/** SPC-2 reservations of whole units: RESERVE(6) and RELEASE(6). They end with the nexus or a reset. */
export class Reservations {
  readonly #holders = new Map<number, string>();

  /** False where another nexus holds the unit. */
  reserve(lun: number, nexus: string): boolean {
    if (this.conflicts(lun, nexus)) return false;
    this.#holders.set(lun, nexus);
    return true;
  }

  /** By another nexus than the holder: no effect, and no error (SPC-2 7.19). */
  release(lun: number, nexus: string): void {
    if (this.#holders.get(lun) === nexus) this.#holders.delete(lun);
  }

  isReserved(lun: number): boolean {
    return this.#holders.has(lun);
  }

  conflicts(lun: number, nexus: string): boolean {
    const holder = this.#holders.get(lun);
    return holder !== undefined && holder !== nexus;
  }

  dropNexus(nexus: string): void {
    for (const [lun, holder] of this.#holders) if (holder === nexus) this.#holders.delete(lun);
  }

  dropUnit(lun: number): void {
    this.#holders.delete(lun);
  }

  dropAll(): void {
    this.#holders.clear();
  }
}
