import { describe, expect, it } from 'vitest';
import {
  dataRuns,
  hasRoom,
  journalGeometry,
  lbaOf,
  metadataRuns,
  SMALLEST_JOURNAL_BLOCKS,
} from '../../../src/array/journal/geometry.ts';

describe('journal geometry (Fig. 12, 15)', () => {
  it('gives every block of the volume one purpose', () => {
    for (let blocks = SMALLEST_JOURNAL_BLOCKS; blocks < SMALLEST_JOURNAL_BLOCKS + 100; blocks += 1) {
      const geometry = journalGeometry(blocks);
      expect(geometry.headLba).toBe(8 + geometry.recordLimit);
      expect(geometry.endLba).toBe(geometry.headLba + geometry.ringBlocks);
      expect(geometry.endLba).toBeLessThanOrEqual(blocks);
      expect(geometry.recordLimit).toBeGreaterThanOrEqual(2);
    }
  });

  it('wraps data at the end LBA and metadata at the head LBA', () => {
    const geometry = journalGeometry(8 + 9 * 4);
    expect(dataRuns(geometry, 30, 4)).toEqual([
      { lba: 42, blockCount: 2 },
      { lba: 12, blockCount: 2 },
    ]);
    expect(dataRuns(geometry, 32, 4)).toEqual([{ lba: 12, blockCount: 4 }]);
    expect(metadataRuns(geometry, 3, 2)).toEqual([
      { lba: 11, blockCount: 1 },
      { lba: 8, blockCount: 1 },
    ]);
    expect(lbaOf(geometry, 32 * 1_000_000 + 5)).toBe(17);
  });

  it('is full exactly when another block or record does not fit', () => {
    const geometry = journalGeometry(8 + 9 * 4);
    const kept = { sequence: 100, offset: 1000 };
    expect(hasRoom(geometry, kept, { sequence: 101, offset: 1031 }, 1)).toBe(true);
    expect(hasRoom(geometry, kept, { sequence: 101, offset: 1031 }, 2)).toBe(false);
    expect(hasRoom(geometry, kept, { sequence: 103, offset: 1003 }, 1)).toBe(true);
    expect(hasRoom(geometry, kept, { sequence: 104, offset: 1004 }, 1)).toBe(false);
  });
});
