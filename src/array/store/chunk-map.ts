import type { StorageFile } from '../../base/storage.ts';

/**
 * A bit for each chunk of a volume, on disk: which chunks the peer does not have. A bit is
 * durable before the write that it announces, so that after a power cut the map names at least every changed chunk.
 */
export const SMALLEST_CHUNK_BYTES = 64 * 1024;
export const CHUNK_LIMIT = 2 ** 20;

/** The smallest power of two, at least 64 KiB, that covers the volume with at most 2^20 chunks. */
export function chunkBytesFor(volumeBytes: number): number {
  let chunkBytes = SMALLEST_CHUNK_BYTES;
  while (Math.ceil(volumeBytes / chunkBytes) > CHUNK_LIMIT) chunkBytes *= 2;
  return chunkBytes;
}

export interface ChunkMap {
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** Marks every chunk that the range touches; undefined where all of them are durable already. */
  mark(byteOffset: number, byteLength: number): Promise<void> | undefined;
  /** Marks them for everybody who asks, but no more durably than the next `flush` makes it. */
  note(byteOffset: number, byteLength: number): void;
  isMarked(chunk: number): boolean;
  /** First marked chunk at or after `from`. */
  next(from: number): number | undefined;
  markedCount(): number;
  /** Bits of `other` (same chunk size) are added; durable when it resolves. */
  union(other: Uint8Array): Promise<void>;
  /** Forgets chunks; durable when it resolves. */
  clear(chunks: readonly number[]): Promise<void>;
  clearAll(): Promise<void>;
  /** A copy of the bits: chunk n is bit n modulo 8 of byte n / 8. */
  bytes(): Uint8Array;
  flush(): Promise<void>;
  close(): void;
}

export function openChunkMap(file: StorageFile, options: { volumeBytes: number; chunkBytes: number }): ChunkMap {
  const chunkCount = Math.ceil(options.volumeBytes / options.chunkBytes);
  const bits = new Uint8Array(Math.ceil(chunkCount / 8));
  file.read(bits, 0);
  let marked = countBits(bits);
  /** Chunks whose mark this process has seen become durable; what a killed one left may still be in the page cache. */
  const durable = new Set<number>();
  const flushing = new Map<number, Promise<void>>();
  let clears = 0;

  const isMarked = (chunk: number): boolean => (bits[chunk >>> 3]! & (1 << (chunk & 7))) !== 0;

  function chunksOf(byteOffset: number, byteLength: number): readonly [first: number, last: number] {
    return [
      Math.floor(byteOffset / options.chunkBytes),
      Math.floor((byteOffset + byteLength - 1) / options.chunkBytes),
    ];
  }

  /** With `again` also where all are marked: an earlier write of the marks may have failed. */
  function setRange(first: number, last: number, again: boolean): void {
    let fresh = again;
    for (let chunk = first; chunk <= last; chunk += 1) {
      if (isMarked(chunk)) continue;
      bits[chunk >>> 3]! |= 1 << (chunk & 7);
      marked += 1;
      fresh = true;
    }
    if (fresh) file.write(bits.subarray(first >>> 3, (last >>> 3) + 1), first >>> 3);
  }

  /** A mark that could not be flushed is asked for again by the next writer: it must never count as durable. */
  async function flushMarks(chunks: readonly number[]): Promise<void> {
    const begun = clears;
    try {
      await file.flush();
      if (begun === clears) for (const chunk of chunks) durable.add(chunk);
    } finally {
      for (const chunk of chunks) flushing.delete(chunk);
    }
  }

  function forget(): void {
    clears += 1;
    durable.clear();
    flushing.clear();
    marked = countBits(bits);
  }

  async function persistAll(): Promise<void> {
    file.write(bits, 0);
    await file.flush();
  }

  return {
    chunkBytes: options.chunkBytes,
    chunkCount,
    isMarked,
    mark(byteOffset, byteLength) {
      const [first, last] = chunksOf(byteOffset, byteLength);
      const waits = new Set<Promise<void>>();
      const fresh: number[] = [];
      for (let chunk = first; chunk <= last; chunk += 1) {
        const under = flushing.get(chunk);
        if (under) waits.add(under);
        else if (!durable.has(chunk)) fresh.push(chunk);
      }
      if (fresh.length > 0) {
        setRange(first, last, true);
        const flushed = flushMarks(fresh);
        for (const chunk of fresh) flushing.set(chunk, flushed);
        waits.add(flushed);
      }
      return waits.size > 0 ? Promise.all(waits).then(() => undefined) : undefined;
    },
    note(byteOffset, byteLength) {
      setRange(...chunksOf(byteOffset, byteLength), false);
    },
    next(from) {
      for (let chunk = from; chunk < chunkCount; chunk += 1) {
        if ((chunk & 7) === 0 && bits[chunk >>> 3] === 0) chunk += 7;
        else if (isMarked(chunk)) return chunk;
      }
      return undefined;
    },
    markedCount: () => marked,
    async union(other) {
      for (let index = 0; index < bits.length; index += 1) bits[index]! |= other[index] ?? 0;
      clearBeyond(bits, chunkCount);
      marked = countBits(bits);
      await persistAll();
    },
    async clear(chunks) {
      for (const chunk of chunks) bits[chunk >>> 3]! &= ~(1 << (chunk & 7));
      forget();
      await persistAll();
    },
    async clearAll() {
      bits.fill(0);
      forget();
      await persistAll();
    },
    bytes: () => bits.slice(),
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

function clearBeyond(bits: Uint8Array, chunkCount: number): void {
  const spare = bits.length * 8 - chunkCount;
  if (spare > 0) bits[bits.length - 1]! &= 0xff >>> spare;
}

function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  }
  return count;
}
