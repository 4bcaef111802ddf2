const SECTOR = 512;

export const DECAYS = ['flipped', 'unreadable', 'misdirected'] as const;
export type Decay = (typeof DECAYS)[number];

/** A sector of a file that is not what was written there. */
export interface Wound {
  /** Its first byte. */
  readonly at: number;
  readonly decay: Decay;
  /** What was written. */
  readonly sound: Uint8Array;
  /** It is made good when the array ends; see the fault model. */
  readonly untilDeath: boolean;
}

/** What has rotted in the files of a disk, by whole sectors, until it is written anew. */
export interface Wounds<File> {
  add(file: File, wound: Wound): void;
  of(file: File): readonly Wound[];
  /** Those in sectors that the range covers wholly are written anew. */
  overwritten(file: File, offset: number, length: number): readonly Wound[];
  isUnreadable(file: File, offset: number, length: number): boolean;
  remove(file: File, wound: Wound): void;
  clear(): void;
}

const NONE: readonly Wound[] = [];

export function createWounds<File extends object>(): Wounds<File> {
  let known = new Map<File, Map<number, Wound>>();
  const of = (file: File): readonly Wound[] => {
    const found = known.get(file);
    return found ? [...found.values()] : NONE;
  };

  function remove(file: File, wound: Wound): void {
    const left = known.get(file);
    left?.delete(wound.at);
    if (left?.size === 0) known.delete(file);
  }

  return {
    of,
    remove,
    add(file, wound) {
      known.set(file, (known.get(file) ?? new Map<number, Wound>()).set(wound.at, wound));
    },
    overwritten(file, offset, length) {
      const healed = of(file).filter(({ at }) => at >= offset && at + SECTOR <= offset + length);
      for (const wound of healed) remove(file, wound);
      return healed;
    },
    isUnreadable: (file, offset, length) =>
      of(file).some(({ at, decay }) => decay === 'unreadable' && at < offset + length && at + SECTOR > offset),
    clear() {
      known = new Map();
    },
  };
}
