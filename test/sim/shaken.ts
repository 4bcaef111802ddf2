const SECTOR = 512;

/** Sectors, by file, that a power cut or a flush that failed came upon while they were being written. */
export interface Shaken {
  add(name: string, offset: number, length: number): void;
  of(name: string): ReadonlySet<number>;
  clear(): void;
}

export function createShaken(): Shaken {
  const known = new Map<string, Set<number>>();
  return {
    add(name, offset, length) {
      const sectors = known.get(name) ?? new Set();
      known.set(name, sectors);
      for (let at = offset - (offset % SECTOR); at < offset + length; at += SECTOR) sectors.add(at / SECTOR);
    },
    of: (name) => known.get(name) ?? new Set(),
    clear: () => known.clear(),
  };
}
