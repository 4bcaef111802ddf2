import { describe, expect, it } from 'vitest';
import { SMALLEST_CHUNK_BYTES } from '../../../src/array/store/chunk-map.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createArrayPair, LUNS, pairRequest } from '../../support/array-pair.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const MAP_BLOCKS = 256;
/** 12,000 chunks: the map of one pair takes three blocks of 512 bytes. */
const CHUNKS = 12_000;
const BLOCKS_PER_CHUNK = SMALLEST_CHUNK_BYTES / 512;

describe('the difference maps behind a journal volume', () => {
  it('read the same in one READ, in pieces of any size, and across the maps of two pairs', async () => {
    const clock = createFakeClock();
    const volumeBlocks = CHUNKS * BLOCKS_PER_CHUNK;
    const storage = () => createMemoryStorage();
    const pair = await createArrayPair({ clock, random: createSeededRandom(1), storage, volumeBlocks });
    const { tokyo } = pair;
    const marked = [0, 4095, 4096, 8191, 11_999];
    const work = async (): Promise<void> => {
      for (const chunk of marked) await tokyo.lun('data').write(chunk * BLOCKS_PER_CHUNK, new Uint8Array(512).fill(1));
      await tokyo.lun('log').write((7 * BLOCKS_PER_CHUNK) / 8, new Uint8Array(4096).fill(1));
      await tokyo.operations.createPair(pairRequest('primary', 'data'));
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
    };
    await clock.run(work());
    const unit = tokyo.array().units.unit(LUNS.tokyo.journal)!;
    const mapLba = unit.blockCount - 64 * MAP_BLOCKS;
    const whole = await unit.read(mapLba - 1, 2 * MAP_BLOCKS + 2);
    const bits = (slot: number): number[] => {
      const map = whole.subarray((1 + slot * MAP_BLOCKS) * 512, (1 + (slot + 1) * MAP_BLOCKS) * 512);
      return Array.from({ length: CHUNKS }, (_, chunk) => chunk).filter((c) => map[c >>> 3]! & (1 << (c & 7)));
    };
    expect(bits(0)).toEqual(marked);
    expect(bits(1)).toEqual([7]);
    for (const size of [1, 2, 3, 100]) {
      for (let at = 0; at + size <= 2 * MAP_BLOCKS + 2; at += size) {
        const piece = await unit.read(mapLba - 1 + at, size);
        expect(Buffer.compare(piece, whole.subarray(at * 512, (at + size) * 512))).toBe(0);
      }
    }
  });
});
