import type { Erasure, Volume } from '../store/volume.ts';
import type { SanitizeRecord } from './sanitize-record.ts';

const PIECE_BYTES = 1024 * 1024;
/** Dirty pages that wait for the disk at most. */
const FLUSH_BYTES = 64 * PIECE_BYTES;

/**
 * Overwrites everything that the volume's files hold, slots without owner too, as often as asked; then gives all of it back,
 * and writes the pattern to every block, where it is not zeros. CRYPTO ERASE replaces the key instead, and gives back what
 * nobody can read any more. From the beginning again after a restart, at whatever point.
 *
 * `advance` is told the part done (0 to 1) after each piece; where it resolves to false the work ends, and so does this.
 */
export async function eraseVolume(
  volume: Volume,
  request: Pick<SanitizeRecord, 'method' | 'passes' | 'invert' | 'pattern'>,
  advance: (done: number) => Promise<boolean>,
): Promise<boolean> {
  const { erasure } = volume;
  if (!erasure) throw new Error(`${volume.description.name} has a backing that cannot be erased`);
  await volume.atomic?.wipe();
  if (request.method === 'crypto-erase') return cryptoErase(volume.description.name, erasure);
  const { blockSize } = volume.description;
  const passes = Array.from({ length: request.method === 'overwrite' ? request.passes : 1 }, (_, pass) =>
    pieceOf(request, pass, blockSize),
  );
  const last = passes.at(-1)!;
  const isFilled = last.some((byte) => byte !== 0);
  const stored = erasure.byteLength();
  const total = passes.length * stored + (isFilled ? volume.byteLength : 0);
  let done = 0;

  async function over(byteLength: number, put: (offset: number, size: number) => unknown): Promise<boolean> {
    for (let offset = 0; offset < byteLength; offset += PIECE_BYTES) {
      await put(offset, Math.min(PIECE_BYTES, byteLength - offset));
      done += Math.min(PIECE_BYTES, byteLength - offset);
      if (!(await advance(done / total))) return false;
      if ((offset + PIECE_BYTES) % FLUSH_BYTES === 0) await erasure!.flush();
    }
    return true;
  }

  for (const piece of passes) {
    if (!(await over(stored, (offset, size) => erasure.overwrite(offset, piece.subarray(0, size))))) return false;
    await erasure.flush();
  }
  await erasure.reset();
  if (!isFilled) return true;
  const fill = async (offset: number, size: number): Promise<void> => {
    for (let wait = volume.announce(offset, size); wait; wait = volume.announce(offset, size)) await wait;
    await volume.write(offset, last.subarray(0, size), true);
  };
  if (!(await over(volume.byteLength, fill))) return false;
  await volume.flush();
  return true;
}

/** A restart in between begins again, with a key of its own: nothing is read before the volume is empty. */
async function cryptoErase(name: string, erasure: Erasure): Promise<true> {
  if (!erasure.replaceKey) throw new Error(`${name} is not encrypted`);
  await erasure.replaceKey();
  await erasure.reset();
  return true;
}

/** Whole blocks, each filled with the pattern from its beginning. */
function pieceOf(
  { method, invert, pattern }: Pick<SanitizeRecord, 'method' | 'invert' | 'pattern'>,
  pass: number,
  blockSize: number,
): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  if (method !== 'overwrite') return piece;
  const mask = invert && pass % 2 === 1 ? 0xff : 0;
  for (let at = 0; at < PIECE_BYTES; at += 1) piece[at] = pattern[(at % blockSize) % pattern.length]! ^ mask;
  return piece;
}
