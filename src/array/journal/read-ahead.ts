import { uninitialisedBytes } from '../../base/bytes.ts';
import type { StorageFile } from '../../base/storage.ts';

const SMALLEST_PIECE = 64 * 1024;
const LARGEST_PIECE = 1024 * 1024;

/**
 * Reads a part of a file from front to back, in pieces: the first as long as is asked for, further ones ever larger. What
 * lies in the piece at hand is given as it was when the piece was read. What was given never changes.
 *
 * @param end of that part; no piece reaches further
 */
export function createReadAhead(
  file: Pick<StorageFile, 'read'>,
  end: number,
): (offset: number, length: number) => Uint8Array {
  let piece: Uint8Array = new Uint8Array(0);
  let pieceAt = 0;
  let ahead = 0;

  function load(offset: number, length: number): Uint8Array {
    const bytes = uninitialisedBytes(length);
    file.read(bytes, offset);
    return bytes;
  }

  /** A place that cannot be read takes none with it that nobody asked for. */
  function loadAhead(offset: number, length: number): Uint8Array {
    const most = Math.min(ahead, end - offset);
    ahead = Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, 2 * ahead));
    if (most <= length) return load(offset, length);
    try {
      return load(offset, most);
    } catch {
      return load(offset, length);
    }
  }

  return (offset, length) => {
    if (offset < pieceAt || offset + length > pieceAt + piece.length) {
      piece = loadAhead(offset, length);
      pieceAt = offset;
    }
    return piece.subarray(offset - pieceAt, offset - pieceAt + length);
  };
}
