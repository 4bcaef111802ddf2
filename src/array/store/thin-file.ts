import { readU32, writeU32 } from '../../base/bytes.ts';
import { createExclusive } from '../../base/exclusive.ts';
import type { StorageFile } from '../../base/storage.ts';
import type { GuardedFile } from './guarded-file.ts';
import type { Erasure } from './volume.ts';

/**
 * The bytes of a thin volume: chunks live in slots of a data file, in the order in which they were first written, and a
 * map says which slot a chunk has. A chunk without a slot reads as zeros; one that is wholly deallocated gives its slot
 * back, for another chunk to use. Offsets and lengths are bytes.
 *
 * Map file: a u32 for each chunk, big-endian: slot + 1, or 0 for none.
 *
 * After a power cut the map is what decides, so it is durable first where that matters: a slot is zeroed, durably, before
 * the map gives it to another chunk, and the map has forgotten the old owner, durably, before that.
 */
export interface ThinFile {
  readonly chunkBytes: number;
  /** Fills `target`; what has no slot reads as zeros. */
  read(target: Uint8Array, offset: number): void;
  /** Must be awaited before `write` of the same range; undefined where nothing has to be waited for. */
  allocate(offset: number, length: number): Promise<void> | undefined;
  /** The range must be allocated. To the page cache. */
  write(source: Uint8Array, offset: number): void;
  /**
   * Zeros from now on; whole chunks give their slots back with the next flush. Where it answers with a promise a killed process
   * keeps that safely no earlier than when this resolves.
   */
  deallocate(offset: number, length: number): Promise<void> | undefined;
  /** Whether the block at `offset` is known to hold no data, and a place up to which all are like it. */
  holeAt(offset: number): { readonly hole: boolean; readonly end: number };
  /** For SANITIZE: nothing else may touch the file meanwhile. */
  readonly erasure: Erasure;
  allocatedCount(): number;
  /** Chunks that may hold data: chunk n is bit n modulo 8 of byte n / 8. */
  allocatedBits(): Uint8Array;
  flush(): Promise<void>;
  close(): void;
}

/** A sequential writer is given slots for further chunks at once, as many as lie behind it, so that it seldom waits. */
const ALLOCATE_AHEAD = 32;
const MOST_AHEAD = 1024;

export class ThinFileError extends Error {
  override readonly name = 'ThinFileError';
}

export function openThinFile(
  parts: { readonly data: StorageFile; readonly map: StorageFile & Partial<Pick<GuardedFile, 'doubled'>> },
  geometry: { readonly volumeBytes: number; readonly chunkBytes: number; readonly blockSize: number },
): ThinFile {
  const { data, map } = parts;
  const { chunkBytes, blockSize } = geometry;
  const chunkCount = Math.ceil(geometry.volumeBytes / chunkBytes);
  const slots = readSlots(contentOf(map, chunkCount * 4), chunkCount);
  const slotsInFile = Math.ceil(data.size() / chunkBytes);
  const fault = slotFaults(slots, slotsInFile)[0];
  if (fault) throw new ThinFileError(`${map.name}: ${fault.what}`);
  const limit = slotLimit(chunkCount);
  const blocksPerChunk = chunkBytes / blockSize;
  const { free, next } = slotsInUse(slots, slotsInFile);
  let nextSlot = next;
  /** Slots that are free with the next flush; times that all were forgotten. */
  let [freed, lives]: [number[], number] = [[], 0];
  let allocated = slots.reduce((count, slot) => count + (slot > 0 ? 1 : 0), 0);
  /** Chunks whose entry in the map is not durable yet. */
  const inFlight = new Set<number>();
  /** Blocks without data in chunks that have a slot; forgotten at a restart, when they count as data. */
  const holes = new Map<number, Holes>();
  const queue = createExclusive();

  const firstOf = (offset: number): number => Math.floor(offset / chunkBytes);
  const lastOf = (offset: number, length: number): number => Math.floor((offset + length - 1) / chunkBytes);

  function needs(first: number, last: number): boolean {
    for (let chunk = first; chunk <= last; chunk += 1) {
      if (slots[chunk] === 0 || inFlight.has(chunk)) return true;
    }
    return false;
  }

  /** Ascending; neighbours in one write. */
  function writeEntries(chunks: readonly number[]): void {
    for (let at = 0; at < chunks.length;) {
      let end = at + 1;
      while (end < chunks.length && chunks[end] === chunks[end - 1]! + 1) end += 1;
      const entries = new Uint8Array((end - at) * 4);
      for (let index = at; index < end; index += 1) writeU32(entries, (index - at) * 4, slots[chunks[index]!]!);
      map.write(entries, chunks[at]! * 4);
      at = end;
    }
  }

  const hasData = (chunk: number): boolean => slots[chunk] !== 0 && holes.get(chunk)?.isFull() !== true;

  /** Behind a chunk with data the next ones get slots too, if these are new: a new slot takes no room before it is written. */
  function chunksToAllocate(first: number, last: number): number[] {
    const chunks: number[] = [];
    for (let chunk = first; chunk <= last; chunk += 1) if (slots[chunk] === 0) chunks.push(chunk);
    if (chunks.length === 0 || free.length > 0 || first === 0 || slots[first - 1] === 0) return chunks;
    const end = Math.min(chunkCount - 1, last + Math.max(ALLOCATE_AHEAD, givenBefore(first)));
    for (let chunk = last + 1; chunk <= end && slots[chunk] === 0; chunk += 1) chunks.push(chunk);
    return chunks;
  }

  /** How many chunks before this one have slots without a gap, as far as that matters. */
  function givenBefore(first: number): number {
    let count = 0;
    while (count < MOST_AHEAD && count < first && slots[first - count - 1] !== 0) count += 1;
    return count;
  }

  /** Entries that could not be made durable when they were given are tried again, and fail again, for whoever needs them. */
  async function settleEntries(first: number, last: number): Promise<void> {
    if (!needs(first, last)) return;
    const waiting = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    writeEntries(waiting.filter((chunk) => inFlight.has(chunk)));
    await map.flush();
    for (const chunk of waiting) inFlight.delete(chunk);
  }

  async function give(first: number, last: number): Promise<void> {
    const chunks = chunksToAllocate(first, last);
    if (chunks.length === 0) return settleEntries(first, last);
    // Slots given back become free with a flush only: without one the file would grow for as long as nobody flushes.
    if (nextSlot + chunks.length > limit && freed.length > 0) await settleFreed();
    const reused = new Map<number, number>();
    for (const chunk of chunks.slice(0, free.length)) reused.set(chunk, free.pop()!);
    try {
      await makeReady(reused, chunks.length - reused.size);
    } catch (error) {
      free.push(...reused.values());
      throw error;
    }
    for (const chunk of chunks) {
      const slot = reused.get(chunk) ?? nextSlot++;
      slots[chunk] = slot + 1;
      holes.set(chunk, createHoles(blocksPerChunk));
      inFlight.add(chunk);
    }
    allocated += chunks.length;
    writeEntries(chunks);
    await map.flush();
    for (const chunk of chunks) inFlight.delete(chunk);
  }

  /** Slots that had an owner are zeros, durably, before they have another; the file reaches as far as any slot given. */
  async function makeReady(reused: ReadonlyMap<number, number>, fresh: number): Promise<void> {
    for (const slot of reused.values()) data.write(new Uint8Array(chunkBytes), slot * chunkBytes);
    if (reused.size > 0) await data.flush();
    const end = (nextSlot + fresh) * chunkBytes;
    if (end > data.size()) data.truncate(end);
  }

  async function settleFreed(): Promise<void> {
    const released = freed;
    const life = lives;
    freed = [];
    let durable = false;
    try {
      await data.flush();
      await map.flush();
      durable = true;
    } finally {
      // Where the disk has refused it they wait for the next flush; once everything is forgotten they are as good as never given.
      if (life === lives) addAll(durable ? free : freed, released);
    }
  }

  /** The map first: a slot that it names must lie inside the file. */
  async function forgetAll(): Promise<void> {
    map.write(new Uint8Array(chunkCount * 4), 0);
    await map.flush();
    data.truncate(0);
    await data.flush();
    slots.fill(0);
    lives += 1;
    free.length = 0;
    freed = [];
    nextSlot = 0;
    allocated = 0;
    inFlight.clear();
    holes.clear();
  }

  /** Calls back for each piece of the range that lies in one chunk. */
  function eachPiece(
    offset: number,
    length: number,
    visit: (chunk: number, within: number, at: number, size: number) => void,
  ): void {
    for (let at = 0; at < length;) {
      const chunk = firstOf(offset + at);
      const within = offset + at - chunk * chunkBytes;
      const size = Math.min(length - at, chunkBytes - within);
      visit(chunk, within, at, size);
      at += size;
    }
  }

  function release(chunk: number): void {
    // First on the disk: a slot whose old entry stays there must not be given to another chunk.
    map.write(new Uint8Array(4), chunk * 4);
    freed.push(slots[chunk]! - 1);
    slots[chunk] = 0;
    allocated -= 1;
    holes.delete(chunk);
  }

  function deallocatePiece(chunk: number, within: number, size: number): void {
    const slot = slots[chunk]!;
    if (slot === 0) return;
    const known = holes.get(chunk) ?? createHoles(blocksPerChunk, false);
    holes.set(chunk, known);
    known.add(Math.ceil(within / blockSize), Math.floor((within + size) / blockSize));
    try {
      if (known.isFull() && !inFlight.has(chunk)) release(chunk);
      else data.write(new Uint8Array(size), (slot - 1) * chunkBytes + within);
    } catch (error) {
      // What was there is there, or a part of it.
      holes.delete(chunk);
      throw error;
    }
  }

  return {
    chunkBytes,
    read(target, offset) {
      eachPiece(offset, target.length, (chunk, within, at, size) => {
        const piece = target.subarray(at, at + size);
        const slot = slots[chunk]!;
        if (slot === 0) piece.fill(0);
        else data.read(piece, (slot - 1) * chunkBytes + within);
      });
    },
    allocate(offset, length) {
      const first = firstOf(offset);
      const last = lastOf(offset, length);
      return needs(first, last) ? queue.run(() => give(first, last)) : undefined;
    },
    write(source, offset) {
      eachPiece(offset, source.length, (chunk, within, at, size) => {
        const slot = slots[chunk]!;
        if (slot === 0) throw new ThinFileError(`chunk ${chunk} has no slot`);
        // First: a write that fails may have left a part of it.
        holes.get(chunk)?.remove(Math.floor(within / blockSize), Math.ceil((within + size) / blockSize));
        data.write(source.subarray(at, at + size), (slot - 1) * chunkBytes + within);
      });
    },
    deallocate(offset, length) {
      eachPiece(offset, length, (chunk, within, _at, size) => deallocatePiece(chunk, within, size));
      return map.doubled?.();
    },
    holeAt(offset) {
      const chunk = firstOf(offset);
      const known = holes.get(chunk);
      if (slots[chunk] === 0 || !known) {
        const hole = slots[chunk] === 0;
        let next = chunk + 1;
        while (next < chunkCount && (slots[next] === 0) === hole && (hole || !holes.has(next))) next += 1;
        return { hole, end: Math.min(geometry.volumeBytes, next * chunkBytes) };
      }
      const end = Math.min(geometry.volumeBytes, (chunk + 1) * chunkBytes);
      let block = Math.floor((offset - chunk * chunkBytes) / blockSize);
      const hole = known.has(block);
      while (block < blocksPerChunk && known.has(block) === hole) block += 1;
      return { hole, end: Math.min(end, chunk * chunkBytes + block * blockSize) };
    },
    erasure: {
      byteLength: () => data.size(),
      overwrite: (offset, bytes) => data.write(bytes, offset),
      flush: () => data.flush(),
      reset: () => queue.run(forgetAll),
    },
    flush: settleFreed,
    allocatedCount: () => allocated,
    allocatedBits() {
      const bits = new Uint8Array(Math.ceil(chunkCount / 8));
      for (let chunk = 0; chunk < chunkCount; chunk += 1) if (hasData(chunk)) bits[chunk >>> 3]! |= 1 << (chunk & 7);
      return bits;
    },
    close() {
      data.close();
      map.close();
    },
  };
}

/** Slots that the file of a volume of so many chunks may come to have: one each, and as many again given back and not yet free. */
function slotLimit(chunkCount: number): number {
  return 2 * chunkCount + ALLOCATE_AHEAD;
}

function contentOf(file: StorageFile, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.read(bytes, 0);
  return bytes;
}

/** Slot + 1 of each chunk, from the bytes of a map. */
export function readSlots(map: Uint8Array, chunkCount: number): Uint32Array {
  return Uint32Array.from({ length: chunkCount }, (_, chunk) => readU32(map, chunk * 4));
}

export interface SlotFault {
  readonly chunk: number;
  readonly what: string;
}

/** What no map that this code wrote can say: two chunks in one slot, a slot that no file of this size can have. */
export function slotFaults(slots: Uint32Array, slotsInFile: number): SlotFault[] {
  const faults: SlotFault[] = [];
  const owners = new Map<number, number>();
  const limit = Math.max(slotsInFile, slotLimit(slots.length));
  for (const [chunk, entry] of slots.entries()) {
    if (entry === 0) continue;
    const slot = entry - 1;
    const owner = owners.get(slot);
    if (slot >= limit)
      faults.push({ chunk, what: `chunk ${chunk} is in slot ${slot}, and there are at most ${limit}` });
    else if (owner !== undefined) faults.push({ chunk, what: `chunks ${owner} and ${chunk} share slot ${slot}` });
    owners.set(slot, chunk);
  }
  return faults;
}

/**
 * Slots inside the data file that no chunk has are free, and hold what their last owner left; the first one that was never
 * written lies behind the file and behind every slot given.
 */
function slotsInUse(slots: Uint32Array, slotsInFile: number): { free: number[]; next: number } {
  const used = new Set<number>();
  for (const slot of slots) if (slot > 0) used.add(slot - 1);
  const next = [...used].reduce((most, slot) => Math.max(most, slot + 1), slotsInFile);
  const free: number[] = [];
  for (let slot = next - 1; slot >= 0; slot -= 1) if (!used.has(slot)) free.push(slot);
  return { free, next };
}

/** A bit for each block of a chunk; the first block of a range counts in, the last does not. */
interface Holes {
  add(first: number, end: number): void;
  remove(first: number, end: number): void;
  has(block: number): boolean;
  isFull(): boolean;
}

function createHoles(blocks: number, all = true): Holes {
  const bits = new Uint8Array(blocks).fill(all ? 1 : 0);
  let count = all ? blocks : 0;
  const set = (first: number, end: number, value: 0 | 1): void => {
    for (let block = first; block < end; block += 1) {
      count += value - bits[block]!;
      bits[block] = value;
    }
  };
  return {
    add: (first, end) => set(first, end, 1),
    remove: (first, end) => set(first, end, 0),
    has: (block) => bits[block] === 1,
    isFull: () => count === blocks,
  };
}

/** One by one: a discard of 8 GiB gives back more slots than a call can have arguments. */
function addAll(slots: number[], released: readonly number[]): void {
  for (const slot of released) slots.push(slot);
}
