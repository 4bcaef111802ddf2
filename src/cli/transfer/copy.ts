import { crc32 } from 'node:zlib';
import { equalBytes, isAllZero } from '../../base/bytes.ts';
import { CliError } from '../cli-error.ts';
import { durably } from './durably.ts';
import type { Destination, Endpoint } from './endpoint.ts';
import { OneDiskGuard } from './one-disk.ts';
import { cellsOf, placeOf, type Range } from './range.ts';
import { pump, type Cells } from './pump.ts';
import { TransferError } from './transfer-error.ts';

export interface CopyParts {
  readonly from: Endpoint;
  readonly to: Destination;
  readonly range: Range;
  /** Compare what is there before, and write only what differs: nothing that an earlier run left is believed. */
  readonly resume: boolean;
  /** Read the destination again at the end. */
  readonly verify: boolean;
  /** Stands in the first cell until everything else is durable; absent where something else tells an unfinished copy. */
  readonly marker?: Uint8Array;
  /** What failures say of what was done; 'copied' where it is absent. */
  readonly verb?: 'copied' | 'read' | 'written';
  /** False: nothing is written twice, since somebody else may have written there in between; true where it is absent. */
  readonly repeatable?: boolean;
  readonly stopped: () => boolean;
  readonly progress: (phase: 'copied' | 'verified', doneBytes: number) => void;
}

export interface CopyFigures {
  /** False: it was stopped, and the destination is not whole. */
  readonly whole: boolean;
  /** Bytes of the range that the destination is known to have. */
  readonly doneBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Of these, made zero without being sent. */
  readonly zeroBytes: number;
  /** Found to be there already. */
  readonly sameBytes: number;
  readonly verifiedBytes: number;
}

/** Cells in flight, each a READ and then a WRITE. */
const DEPTH = 8;

/**
 * Copies the range, cell by cell, the first cell last. Rejects with `TransferError`; the destination then still has the marker
 * where it was given one, and what was written before; where it turns out to be the source under another name, it has its first
 * blocks again.
 */
export async function copyRange(parts: CopyParts): Promise<CopyFigures> {
  const copy = new Copy(parts);
  try {
    return await copy.carryOut();
  } catch (error) {
    throw new TransferError(
      error,
      parts.verb ?? 'copied',
      copy.figures.doneBytes,
      parts.range.length,
      parts.marker !== undefined,
    );
  }
}

class Copy {
  readonly figures = { doneBytes: 0, readBytes: 0, writtenBytes: 0, zeroBytes: 0, sameBytes: 0, verifiedBytes: 0 };
  readonly #parts: CopyParts;
  /** CRC-32 of what each cell is to be. */
  readonly #checksums: Uint32Array;
  readonly #guard: OneDiskGuard | undefined;
  #marking: Promise<void> | undefined;

  constructor(parts: CopyParts) {
    this.#parts = parts;
    this.#guard = parts.marker && new OneDiskGuard(parts.from, parts.to, parts.range, parts.marker);
    this.#checksums = new Uint32Array(parts.verify ? parts.range.cellCount : 0);
  }

  async carryOut(): Promise<CopyFigures> {
    const { from, to, range, resume, stopped, marker } = this.#parts;
    if (resume) await this.#guard?.refuseMarkedSource();
    // Before anything is read, so that the marker is seen wherever it turns up.
    else if (!stopped()) await this.#mark();
    const ends = from.runAt ? [{ end: from, offset: range.fromOffset }] : [];
    // Without a marker the first cell is a cell like the others.
    const first = marker ? 1 : 0;
    const work = (again: boolean): Promise<boolean> => {
      this.figures.doneBytes = 0;
      const next = cellsOf(range, first, ends);
      return pump({ next, work: (cells) => this.#copy(cells, again), depth: DEPTH, stopped });
    };
    const whole = await durably(to, work, this.#parts);
    if (!whole || stopped()) return { ...this.figures, whole: false };
    if (!(await this.#verify(first, range.cellCount))) return { ...this.figures, whole: false };
    if (marker && range.cellCount > 0) {
      await this.#copyFirst(marker);
      await this.#verify(0, 1);
    }
    return { ...this.figures, whole: true };
  }

  /** Everything behind the marker before what stands in its place: one small WRITE makes the copy a whole one. */
  async #copyFirst(marker: Uint8Array): Promise<void> {
    const { to, range, resume, progress } = this.#parts;
    const cell: Cells = { index: 0, count: 1, zeros: false };
    const { length } = placeOf(range, cell);
    const bytes = await this.#readSource(range.fromOffset, length);
    this.#note(cell, bytes, length);
    if (resume && (await this.#isThere(0, length, bytes))) this.figures.sameBytes += length;
    else {
      await this.#mark();
      const rest = bytes.subarray(marker.length);
      if (rest.length > 0) await durably(to, () => to.write(range.toOffset + marker.length, rest));
      await durably(to, () => to.write(range.toOffset, bytes.subarray(0, marker.length)));
      this.figures.writtenBytes += length;
    }
    this.figures.doneBytes += length;
    progress('copied', this.figures.doneBytes);
  }

  /** `again`: the cells were copied already, and only what has been lost is written. */
  async #copy(cells: Cells, again: boolean): Promise<void> {
    const { to, range, resume, progress } = this.#parts;
    const { at, length } = placeOf(range, cells);
    const bytes = cells.zeros ? undefined : await this.#readSource(range.fromOffset + at, length);
    this.#note(cells, bytes, length);
    if ((resume || again) && (await this.#isThere(at, length, bytes))) this.figures.sameBytes += again ? 0 : length;
    else {
      await this.#mark();
      await this.#write(to, range.toOffset + at, length, bytes);
    }
    this.figures.doneBytes += length;
    progress('copied', this.figures.doneBytes);
  }

  async #readSource(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#read(this.#parts.from, offset, length);
    await this.#guard?.check(offset, bytes);
    return bytes;
  }

  async #read(end: Endpoint, offset: number, length: number): Promise<Uint8Array> {
    const bytes = await end.read(offset, length);
    this.figures.readBytes += length;
    return bytes;
  }

  async #write(to: Destination, offset: number, length: number, bytes: Uint8Array | undefined): Promise<void> {
    if (to.writeZeros && (bytes === undefined || isAllZero(bytes))) {
      await to.writeZeros(offset, length);
      this.figures.zeroBytes += length;
    } else if (bytes) await to.write(offset, bytes);
    else await this.#writeOut(to, offset, length);
    this.figures.writtenBytes += length;
  }

  /** A run of zeros onto something that cannot be told to have zeros. */
  async #writeOut(to: Destination, offset: number, length: number): Promise<void> {
    const { cellBytes } = this.#parts.range;
    const zeros = new Uint8Array(Math.min(length, cellBytes));
    for (let at = 0; at < length; at += cellBytes) {
      await to.write(offset + at, zeros.subarray(0, Math.min(cellBytes, length - at)));
    }
  }

  /** Piece by piece: a run of zeros may be long. */
  async #isThere(at: number, length: number, bytes: Uint8Array | undefined): Promise<boolean> {
    const { to, range } = this.#parts;
    for (let done = 0; done < length; done += range.cellBytes) {
      const piece = await this.#read(to, range.toOffset + at + done, Math.min(range.cellBytes, length - done));
      if (bytes ? !equalBytes(piece, bytes) : !isAllZero(piece)) return false;
    }
    return true;
  }

  /** Before the first write: durable, so that from then on nothing takes the LUN for what it was, or for whole. */
  #mark(): Promise<void> {
    if (!this.#guard) return Promise.resolve();
    this.#marking ??= this.#guard.mark();
    return this.#marking;
  }

  #note({ index, count }: Cells, bytes: Uint8Array | undefined, length: number): void {
    if (!this.#parts.verify) return;
    if (bytes) {
      this.#checksums[index] = crc32(bytes);
      return;
    }
    const { cellBytes } = this.#parts.range;
    const zeros = new Uint8Array(Math.min(cellBytes, length));
    this.#checksums.fill(crc32(zeros), index, index + count);
    const rest = length % cellBytes;
    if (rest > 0) this.#checksums[index + count - 1] = crc32(zeros.subarray(0, rest));
  }

  /** What the destination has now, against what was read: a source that changes meanwhile makes no difference. */
  async #verify(first: number, end: number): Promise<boolean> {
    const { to, range, verify, stopped, progress } = this.#parts;
    if (!verify) return true;
    let index = first;
    const next = async (): Promise<Cells | undefined> => {
      if (index >= end) return undefined;
      index += 1;
      return { index: index - 1, count: 1, zeros: false };
    };
    const work = async (cells: Cells): Promise<void> => {
      const { at, length } = placeOf(range, cells);
      const bytes = await this.#read(to, range.toOffset + at, length);
      if (crc32(bytes) !== this.#checksums[cells.index]) throw notTheSame(to.name, range.toOffset + at, length);
      this.figures.verifiedBytes += length;
      progress('verified', this.figures.verifiedBytes);
    };
    return pump({ next, work, depth: DEPTH, stopped });
  }
}

function notTheSame(name: string, offset: number, length: number): CliError {
  return new CliError('refused', {
    what: 'the destination does not give back what was written',
    where: name,
    why: `bytes ${offset} to ${offset + length - 1} differ from what was read; somebody else writes there, or it is broken`,
    next: 'see who uses it, then run it again with --resume --verify',
  });
}
