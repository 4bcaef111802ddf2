import { LunError } from '../../lun/lun.ts';
import { equalBytes } from '../../base/bytes.ts';
import { CliError } from '../cli-error.ts';
import { durably } from './durably.ts';
import type { Destination, Endpoint } from './endpoint.ts';
import { isUnfinished, markerHead } from './marker.ts';
import type { Range } from './range.ts';

/**
 * One disk may have two names that nothing tells to be one: a virtual volume and the volume behind it, a device and the LUN that
 * a target makes of it, a LUN and the image that it lies in. Such a copy would write over what it still has to read. So what
 * the marker takes the place of is kept, and the source is searched for the marker, which no other copy has.
 */
export class OneDiskGuard {
  readonly #from: Endpoint;
  readonly #to: Destination;
  readonly #range: Range;
  readonly #marker: Uint8Array;
  readonly #head: Uint8Array;
  /** What stood where the marker stands; unknown where that could not be read, and before the marker. */
  #original: Uint8Array | undefined;

  constructor(from: Endpoint, to: Destination, range: Range, marker: Uint8Array) {
    this.#from = from;
    this.#to = to;
    this.#range = range;
    this.#marker = marker;
    this.#head = markerHead(marker);
  }

  /** Where the source shows the very marker that an earlier copy left in the destination. Throws `unsafe`. */
  async refuseMarkedSource(): Promise<void> {
    const there = await this.#read(this.#to, this.#range.toOffset);
    if (!there || !isUnfinished(there)) return;
    for (const place of this.#places()) {
      const shown = await this.#read(this.#from, place);
      if (shown && equalBytes(shown, there)) throw markedSource(this.#from.name, this.#to.name, place);
    }
  }

  /** Sets the marker, durably. Where the source then shows it, everything is as before, and `unsafe` is thrown. */
  async mark(): Promise<void> {
    const { toOffset } = this.#range;
    const original = await this.#read(this.#to, toOffset);
    this.#original = original;
    let place: number | undefined;
    try {
      await durably(this.#to, () => this.#to.write(toOffset, this.#marker));
      place = await this.#search();
    } catch (error) {
      // Nobody knows whether they are one, and nothing else was written: it is to be as it was.
      await this.#restore().catch(() => undefined);
      throw error;
    }
    if (place !== undefined) throw await this.#refusal(place, 'nothing was changed');
  }

  /** To be told of all that is read while the marker stands. Throws `unsafe` where that has the marker. */
  async check(offset: number, bytes: Uint8Array): Promise<void> {
    if (!this.#original) return;
    const at = indexIn(bytes, this.#head);
    if (at >= 0)
      throw await this.#refusal(offset + at, 'the copy had begun: what it has copied by now is written over');
  }

  /** Puts back what the marker took the place of. */
  async #restore(): Promise<void> {
    if (!this.#original) return;
    const original = this.#original;
    await durably(this.#to, () => this.#to.write(this.#range.toOffset, original));
  }

  async #refusal(place: number, done: string): Promise<CliError> {
    const { name } = this.#to;
    const kept = await this.#restore().then(
      () => this.#original !== undefined,
      () => false,
    );
    const back = kept ? done : `the first ${this.#marker.length} bytes could not be put back`;
    return new CliError('unsafe', {
      what: 'source and destination lead to one disk',
      where: name,
      why: `what is written to ${name} turns up at byte ${place} of ${this.#from.name}, which is another name of it; ${back}`,
      next: 'name two disks',
    });
  }

  /** Where the same byte of one disk is, and where the copy begins. */
  #places(): readonly number[] {
    const { fromOffset, toOffset } = this.#range;
    const whole = toOffset % this.#from.unit === 0 && toOffset + this.#marker.length <= this.#from.byteLength;
    return [...new Set(whole ? [fromOffset, toOffset] : [fromOffset])];
  }

  /** First byte of the source that shows the marker. */
  async #search(): Promise<number | undefined> {
    const { fromOffset, toOffset, length } = this.#range;
    const { byteLength, unit } = this.#from;
    // What the copy reads anyway must be readable; of the rest a place that is not says nothing.
    const own = await this.#from.read(fromOffset, Math.min(WINDOW_BYTES, length));
    const at = indexIn(own, this.#head);
    if (at >= 0) return fromOffset + at;
    // The same place; the first partition of a disk, or a volume behind a header; the end of it where the header is large.
    const starts = new Set([toOffset, toOffset + WINDOW_BYTES, toOffset + byteLength - this.#to.byteLength]);
    for (const wanted of starts) {
      const start = wanted - (wanted % unit);
      const room = Math.min(WINDOW_BYTES, byteLength - start);
      if (start < 0 || room <= 0) continue;
      const bytes = await this.#from.read(start, room).catch(unreadable);
      const found = bytes ? indexIn(bytes, this.#head) : -1;
      if (found >= 0) return start + found;
    }
    return undefined;
  }

  /** As many bytes as the marker has; undefined where that place cannot be read. */
  #read(end: Endpoint, offset: number): Promise<Uint8Array | undefined> {
    return end.read(offset, this.#marker.length).catch(unreadable);
  }
}

/** Searched at each place. */
const WINDOW_BYTES = 1024 * 1024;

/** A bad sector, not a lost path. */
function unreadable(error: unknown): undefined {
  if (error instanceof LunError && (error.kind === 'check-condition' || error.kind === 'io-error')) return undefined;
  throw error;
}

function indexIn(bytes: Uint8Array, wanted: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(wanted);
}

function markedSource(from: string, to: string, place: number): CliError {
  return new CliError('unsafe', {
    what: 'source and destination show the marker of the same unfinished copy',
    where: to,
    why: `${from} has it at byte ${place}: both names lead to one disk, or the source is a copy of an unfinished destination; nothing was changed`,
    next: 'name two disks; where they are two, run it without --resume',
  });
}
