import { PAIRS_PER_GROUP_LIMIT } from '../../interface-block/process-table.ts';
import type { Position } from '../store/array-state.ts';

/**
 * Where things lie in a journal volume (Fig. 12, 15), in blocks of 512 bytes:
 *
 *     0 .. 7                    header, generated when it is read
 *     8 .. head-1               metadata region: one block for each record, record n in place n modulo `recordLimit`
 *     head .. end-1             data region, used cyclically
 *     end of the volume ..      difference maps of the group's pairs, generated when they are read
 *
 * One record in a block of its own, so that a torn write can hurt only the record being written. The metadata region
 * has one block for every 8 blocks (4 KiB) of data.
 */
export const JOURNAL_BLOCK_SIZE = 512;
export const HEADER_BLOCKS = 8;
const DATA_BLOCKS_PER_RECORD = 8;
/** Blocks that the difference map of one pair has on the LUN: a bit each for up to 2^20 chunks. */
export const MAP_BLOCKS = 256;
export const SMALLEST_JOURNAL_BLOCKS = HEADER_BLOCKS + 2 * (1 + DATA_BLOCKS_PER_RECORD);

export interface JournalGeometry {
  /** Blocks of the volume itself. */
  readonly blockCount: number;
  readonly recordLimit: number;
  readonly headLba: number;
  /** First block behind the data region. */
  readonly endLba: number;
  readonly ringBlocks: number;
  /** First block of the difference maps; lies behind the volume. */
  readonly mapLba: number;
  /** Blocks that the LUN shows. */
  readonly lunBlockCount: number;
}

export function journalGeometry(blockCount: number): JournalGeometry {
  const recordLimit = Math.floor((blockCount - HEADER_BLOCKS) / (1 + DATA_BLOCKS_PER_RECORD));
  const headLba = HEADER_BLOCKS + recordLimit;
  const ringBlocks = recordLimit * DATA_BLOCKS_PER_RECORD;
  return {
    blockCount,
    recordLimit,
    headLba,
    endLba: headLba + ringBlocks,
    ringBlocks,
    mapLba: blockCount,
    lunBlockCount: blockCount + PAIRS_PER_GROUP_LIMIT * MAP_BLOCKS,
  };
}

/** The LBA of a place in the data region. */
export function lbaOf(geometry: JournalGeometry, offset: number): number {
  return geometry.headLba + (offset % geometry.ringBlocks);
}

export function metadataLba(geometry: JournalGeometry, sequence: number): number {
  return HEADER_BLOCKS + (sequence % geometry.recordLimit);
}

export interface Run {
  readonly lba: number;
  readonly blockCount: number;
}

/** The runs of blocks that hold `blockCount` blocks of data from `offset` on: none, one, or two where the ring wraps. */
export function dataRuns(geometry: JournalGeometry, offset: number, blockCount: number): Run[] {
  if (blockCount === 0) return [];
  const lba = lbaOf(geometry, offset);
  const first = Math.min(blockCount, geometry.endLba - lba);
  const runs: Run[] = [{ lba, blockCount: first }];
  if (first < blockCount) runs.push({ lba: geometry.headLba, blockCount: blockCount - first });
  return runs;
}

/** The same for the metadata of `count` records from `sequence` on. */
export function metadataRuns(geometry: JournalGeometry, sequence: number, count: number): Run[] {
  const lba = metadataLba(geometry, sequence);
  const first = Math.min(count, geometry.headLba - lba);
  const runs: Run[] = [{ lba, blockCount: first }];
  if (first < count) runs.push({ lba: HEADER_BLOCKS, blockCount: count - first });
  return runs;
}

/** Whether a record of `blockCount` blocks can be stored at `tail` while everything after `kept` must stay. */
export function hasRoom(geometry: JournalGeometry, kept: Position, tail: Position, blockCount: number): boolean {
  return (
    tail.sequence + 1 - kept.sequence <= geometry.recordLimit &&
    tail.offset + blockCount - kept.offset <= geometry.ringBlocks
  );
}
