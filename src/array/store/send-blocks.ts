import type { IoOptions, Lun } from '../../lun/lun.ts';
import type { ZeroBlocks } from '../../lun/zero-blocks.ts';
import type { ByteRange } from './unstored.ts';

export interface BlocksOfLun {
  readonly blockSize: number;
  /** Present where the LUN promises that what is given back reads as zeros. */
  readonly giveBack: ZeroBlocks['write'];
}

const ZERO_BYTES = 1024 * 1024;

/**
 * Writes `range`, in bytes, to the LUN; without data it becomes zeros. Records of a journal count in blocks of 512 bytes, whatever
 * those of the volume and of the LUN are, where the other volume of the pair has smaller ones: a block of which a part changes is
 * read and written whole, so that nothing else may write to it meanwhile.
 */
export async function sendBlocks(
  lun: Lun,
  { blockSize, giveBack }: BlocksOfLun,
  range: ByteRange,
  data: Uint8Array | undefined,
  options: IoOptions,
): Promise<void> {
  for (const { offset, length } of atBlocks(range, blockSize)) {
    const piece = data?.subarray(offset - range.offset, offset - range.offset + length);
    if (length % blockSize !== 0) await changePart(lun, blockSize, offset, piece ?? new Uint8Array(length), options);
    else if (piece) await lun.write(offset / blockSize, piece, options);
    else if (giveBack) await giveBack(offset / blockSize, length / blockSize, options);
    else await writeZeros(lun, blockSize, { offset, length }, options);
  }
}

/** The range, cut where its whole blocks begin and end. */
function atBlocks({ offset, length }: ByteRange, blockSize: number): ByteRange[] {
  const end = offset + length;
  const from = Math.min(end, Math.ceil(offset / blockSize) * blockSize);
  const to = Math.max(from, Math.floor(end / blockSize) * blockSize);
  const cuts = [offset, from, to, end];
  return cuts.slice(1).flatMap((cut, index) => {
    const before = cuts[index]!;
    return cut > before ? [{ offset: before, length: cut - before }] : [];
  });
}

async function changePart(
  lun: Lun,
  blockSize: number,
  offset: number,
  data: Uint8Array,
  options: IoOptions,
): Promise<void> {
  const lba = Math.floor(offset / blockSize);
  const block = (await lun.read(lba, 1, options)).slice();
  block.set(data, offset - lba * blockSize);
  await lun.write(lba, block, options);
}

async function writeZeros(
  lun: Lun,
  blockSize: number,
  { offset, length }: ByteRange,
  options: IoOptions,
): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, ZERO_BYTES));
  for (let at = 0; at < length; at += zeros.length) {
    const piece = zeros.subarray(0, Math.min(zeros.length, length - at));
    await lun.write((offset + at) / blockSize, piece, options);
  }
}
