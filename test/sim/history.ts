import { SimFailure, type Invariant } from './verdict.ts';

export const SECTOR = 512;
export const NEVER = Infinity;

/** One write of one application. Moments are the scheduler's ticks, taken where the array takes in and answers. */
export interface Write {
  readonly id: number;
  readonly volume: number;
  /** In sectors of 512 bytes. */
  readonly first: number;
  readonly count: number;
  start: number;
  /** When the array said GOOD, or died with the write under way; `NEVER` while it may still take effect. */
  end: number;
  /** The array said GOOD. */
  good: boolean;
  /** A flush or FUA that covers it was answered with GOOD. */
  flushed: boolean;
  /**
   * Of a write whose bytes were read elsewhere: what a sector may show of it, the first of them at index 0. Undefined: whatever there
   * was. The depth ends copies of copies that lead in a ring.
   */
  readonly copied?: (index: number, depth: number) => ReadonlySet<number> | undefined;
  /** Of such a write: what it has read does not change any more. */
  readonly settle?: () => void;
  /** It came through another array: nobody can say that it is over before it is answered. */
  passedOn?: boolean;
  /** How often it has come. */
  arrivals?: number;
}

/** Copies of copies are followed so far; beyond, anything may have been copied. */
const DEPTH = 4;

/** Whether the sector, if the write made it, shows this. */
export function makes(write: Write, sector: number, stamp: number): boolean {
  if (!write.copied) return write.id === stamp;
  return write.copied(sector - write.first, 0)?.has(stamp) ?? true;
}

/**
 * What a command that began at `start` may have read in this sector: what no answered write had taken the place of by then.
 * Undefined: anything.
 */
export function possibleStamps(
  history: History,
  place: { readonly volume: number; readonly sector: number },
  start: number,
  { depth, except }: { readonly depth: number; readonly except?: Write | undefined },
): ReadonlySet<number> | undefined {
  if (depth > DEPTH) return undefined;
  const known = history.sectors[place.volume]![place.sector]!.filter((write) => write !== except);
  const isHidden = (end: number): boolean =>
    known.some((later) => later.good && later.start > end && later.end < start);
  const found = new Set<number>();
  if (!isHidden(BASE.end)) found.add(history.base[place.volume]![place.sector]!);
  for (const write of known) {
    if (isHidden(write.end)) continue;
    if (!write.copied) found.add(write.id);
    else {
      const copied = write.copied(place.sector - write.first, depth + 1);
      if (!copied) return undefined;
      for (const stamp of copied) found.add(stamp);
    }
  }
  return found;
}

/** Per volume the stamp of each sector: the id of the write that made it, 0 for zeros. */
export type Image = readonly Uint32Array[];

/**
 * Writes that one primary after another took over from, in one line: the model of what volumes may hold. A takeover or swap
 * begins a new one on the image that the new primary found.
 */
export interface History {
  readonly name: string;
  readonly parent: History | undefined;
  readonly base: Image;
  /** Per volume and sector the writes since `base`, in order of their arrival. */
  readonly sectors: ReadonlyArray<ReadonlyArray<Write[]>>;
  /** The array that leads it answered GOOD to writes since `base`. */
  readonly writes: Set<Write>;
  /** There are copies among them: more than one may have left a sector as it is. */
  copies: boolean;
}

export function createHistory(name: string, base: Image, parent?: History): History {
  return {
    name,
    parent,
    base: base.map((volume) => volume.slice()),
    sectors: base.map((volume) => Array.from(volume, () => [])),
    writes: new Set(),
    copies: false,
  };
}

/** The same writes so far; what is added to one is not in the other. */
export function forkHistory(history: History, name: string): History {
  return {
    name,
    parent: history.parent,
    base: history.base.map((volume) => volume.slice()),
    sectors: history.sectors.map((volume) => volume.map((writes) => [...writes])),
    writes: new Set(history.writes),
    copies: history.copies,
  };
}

export function addWrite(history: History, write: Write): void {
  if (history.writes.has(write)) return;
  history.writes.add(write);
  if (write.copied) history.copies = true;
  for (let sector = write.first; sector < write.first + write.count; sector += 1) {
    history.sectors[write.volume]![sector]!.push(write);
  }
}

/** It has turned out to have no effect. */
export function takeOut(history: History, write: Write): void {
  if (!history.writes.delete(write)) return;
  for (let sector = write.first; sector < write.first + write.count; sector += 1) {
    const known = history.sectors[write.volume]![sector]!;
    known.splice(known.indexOf(write), 1);
  }
}

interface Present {
  readonly start: number;
  readonly end: number;
}

const BASE: Present = { start: -1, end: -1 };

/** What is asked of an image, and what its failure is called. */
export interface Question {
  readonly invariant: Invariant;
  readonly what: string;
  /** Writes answered before this moment must be there, whatever the image shows. */
  readonly before?: number;
  /** Those that belong to the group; all where absent. */
  readonly volumes?: readonly number[];
}

/**
 * Whether an image can be what the volumes of the history hold after some prefix of its order of writes. The order is
 * known as far as answers prove it: a write that was answered before another arrived comes before it. So an image is
 * wrong where it shows a write, but not another that was answered earlier and that nothing later on the same sector hides.
 */
export function checkPrefix(history: History, image: Image, question: Question): void {
  const missing = findMissing(history, image, question);
  const { invariant, what } = question;
  const [first] = missing;
  if (first) throw new SimFailure(invariant, `${what}: ${describeMissing(first)} (${missing.length} such sectors)`);
}

export interface Missing {
  readonly volume: number;
  readonly sector: number;
  readonly shown: number;
  readonly write: Write;
}

export function describeMissing({ volume, sector, shown, write }: Missing): string {
  const kind = write.flushed ? 'flushed' : 'answered';
  return (
    `sector ${sector} of volume ${volume} shows write ${shown}, but write ${write.id} there, ` +
    `${kind} at ${write.end}, must be in it`
  );
}

/** Every write that must be in the image and is not; throws where the image shows what was never written there. */
export function findMissing(history: History, image: Image, question: Question): Missing[] {
  const { invariant, what } = question;
  let before = question.before ?? -1;
  const suspects: Suspect[] = [];
  for (const volume of question.volumes ?? image.keys()) {
    const stamps = image[volume]!;
    const sectors = history.sectors[volume]!;
    const base = history.base[volume]!;
    for (let sector = 0; sector < stamps.length; sector += 1) {
      const writes = sectors[sector]!;
      // Nearly every sector shows the newest write, or nobody has written it.
      const newest = writes[writes.length - 1];
      if (
        newest
          ? newest.id === stamps[sector] && saysWhose(newest.id) && !history.copies
          : base[sector] === stamps[sector]
      ) {
        if (newest && newest.start > before) before = newest.start;
        continue;
      }
      const candidates = candidatesAt(history, volume, sector, stamps[sector]!);
      const shown = candidates.at(-1);
      if (!shown) {
        const last = writes.map((write) => write.id).join(', ');
        throw new SimFailure(
          invariant,
          `${what}: sector ${sector} of volume ${volume} shows ${stampText(stamps[sector]!)}, which history ` +
            `${history.name} never wrote there (base ${history.base[volume]![sector]}, then ${last || 'nothing'})`,
        );
      }
      if (candidates.length === 1 && shown.start > before) before = shown.start;
      const settled = candidates.length === 1 && (writes.length === 0 || writes[writes.length - 1] === shown);
      if (!settled) suspects.push({ volume, sector, writes, candidates });
    }
  }
  before = settle(suspects, before);
  return suspects.flatMap(({ volume, sector, writes, candidates }) =>
    hiddenBy(choose(candidates, writes, before), writes, before).map((write) => ({
      volume,
      sector,
      shown: image[volume]![sector]!,
      write,
    })),
  );
}

interface Suspect {
  readonly volume: number;
  readonly sector: number;
  readonly writes: readonly Write[];
  /** What may have left the sector as it is: several where they leave the same bytes. */
  readonly candidates: readonly Present[];
}

/** The earliest prefix that explains the image: where bytes do not tell writes apart, the oldest that fits is taken. */
function settle(suspects: readonly Suspect[], from: number): number {
  let before = from;
  for (let known = NaN; known !== before;) {
    known = before;
    for (const { candidates, writes } of suspects) before = Math.max(before, choose(candidates, writes, before).start);
  }
  return before;
}

function choose(candidates: readonly Present[], writes: readonly Write[], before: number): Present {
  const fitting = candidates.find((candidate) => hiddenBy(candidate, writes, before).length === 0);
  // Not the last to arrive: of two under way at once the first may have been done last.
  return fitting ?? candidates.reduce((latest, candidate) => (candidate.end > latest.end ? candidate : latest));
}

function hiddenBy(shown: Present, writes: readonly Write[], before: number): Write[] {
  return writes.filter((write) => write.good && write.start > shown.end && write.end < before);
}

/** In order of their arrival. Zeros, ones, copies and broken sectors do not say whose they are. */
function candidatesAt(history: History, volume: number, sector: number, stamp: number): Present[] {
  const known = history.sectors[volume]![sector]!;
  const isBase = history.base[volume]![sector] === stamp;
  if (history.copies || !saysWhose(stamp)) {
    const writes = known.filter((candidate) => makes(candidate, sector, stamp));
    return isBase ? [BASE, ...writes] : writes;
  }
  const write = known.findLast((candidate) => candidate.id === stamp);
  if (write) return [write];
  return isBase ? [BASE] : [];
}

/** The stamp of a sector that was never written or that was deallocated: each deallocation has this id. */
export const ZEROS = 0;

/** The stamp of a sector to which an ORWRITE has added every bit: each of them has this id. */
export const ONES = 0xffff_ffff;

/** The id of a write that leaves what it finds, and may break it where the power goes meanwhile: no sector shows it. */
export const UNCHANGED = 0xffff_fffd;

/** A sector whose parts do not fit together. */
export const BROKEN = 0xffff_fffe;

function saysWhose(stamp: number): boolean {
  return stamp !== ZEROS && stamp !== ONES && stamp !== BROKEN;
}

function stampText(stamp: number): string {
  return stamp === BROKEN ? 'bytes of no single write' : `write ${stamp}`;
}

/** The bytes of a write: its id all over. */
export function contentOf(id: number, count: number): Uint8Array {
  return new Uint8Array(new Uint32Array((count * SECTOR) / 4).fill(id).buffer);
}

/** Stamps of `bytes`; what lies behind its end is zeros. */
export function stampsOf(bytes: Uint8Array, sectorCount: number): Uint32Array {
  const stamps = new Uint32Array(sectorCount);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = Math.min(sectorCount, Math.floor(bytes.length / SECTOR));
  for (let sector = 0; sector < whole; sector += 1) {
    const at = sector * SECTOR;
    const stamp = view.getUint32(at, true);
    const uniform =
      view.getUint32(at + 4, true) === stamp &&
      view.getUint32(at + 252, true) === stamp &&
      view.getUint32(at + 508, true) === stamp;
    stamps[sector] = uniform ? stamp : BROKEN;
  }
  return stamps;
}
