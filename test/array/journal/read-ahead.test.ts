import { describe, expect, it } from 'vitest';
import { createReadAhead } from '../../../src/array/journal/read-ahead.ts';

const KIB = 1024;
const byteAt = (offset: number): number => (offset * 31 + (offset >>> 9)) & 0xff;

/** A file whose every byte names its place; `isBad` places cannot be read. */
function fileOf(isBad: (from: number, to: number) => boolean = () => false) {
  const reads: Array<readonly [offset: number, length: number]> = [];
  return {
    reads,
    read(target: Uint8Array, offset: number) {
      reads.push([offset, target.length]);
      if (isBad(offset, offset + target.length)) throw new Error('EIO');
      for (let index = 0; index < target.length; index += 1) target[index] = byteAt(offset + index);
    },
  };
}

function expectBytes(bytes: Uint8Array, offset: number, length: number): void {
  expect(bytes.length).toBe(length);
  expect([bytes[0], bytes[length >>> 1], bytes[length - 1]]).toEqual([
    byteAt(offset),
    byteAt(offset + (length >>> 1)),
    byteAt(offset + length - 1),
  ]);
}

describe('reading ahead', () => {
  it('gives the bytes of each place, in few reads, the first no longer than asked', () => {
    const file = fileOf();
    const read = createReadAhead(file, 4096 * KIB);
    for (let at = 0; at < 4096 * KIB; at += 4 * KIB) expectBytes(read(at, 4 * KIB), at, 4 * KIB);
    expect(file.reads[0]).toEqual([0, 4 * KIB]);
    expect(file.reads.length).toBeLessThan(10);
  });

  it('reads nothing behind the end of its part', () => {
    const file = fileOf();
    const read = createReadAhead(file, 100 * KIB);
    for (let at = 0; at < 100 * KIB; at += 512) expectBytes(read(at, 512), at, 512);
    expect(Math.max(...file.reads.map(([offset, length]) => offset + length))).toBe(100 * KIB);
  });

  it('gives what is longer than a piece, lies across two, or further back', () => {
    const read = createReadAhead(fileOf(), 8192 * KIB);
    for (const [offset, length] of [
      [0, 512],
      [512, 65_536],
      [66_000, 3 * 1024 * KIB],
      [60_000, 70_000],
      [4096 * KIB, 512],
      [10, 20],
    ] as const) {
      expectBytes(read(offset, length), offset, length);
    }
  });

  it('never changes what it gave', () => {
    const read = createReadAhead(fileOf(), 4096 * KIB);
    const given = Array.from({ length: 1024 }, (_, index) => read(index * 4 * KIB, 4 * KIB));
    given.forEach((bytes, index) => expectBytes(bytes, index * 4 * KIB, 4 * KIB));
  });

  it('gives what lies before a place that cannot be read, and throws for that place alone', () => {
    const bad = 20 * KIB;
    const read = createReadAhead(
      fileOf((from, to) => from <= bad && to > bad),
      100 * KIB,
    );
    for (let at = 0; at < 100 * KIB; at += 4 * KIB) {
      if (at === bad) expect(() => read(at, 4 * KIB)).toThrow('EIO');
      else expectBytes(read(at, 4 * KIB), at, 4 * KIB);
    }
  });
});
