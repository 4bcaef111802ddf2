import { crc32 } from 'node:zlib';
import type { StorageFile } from '../../base/storage.ts';
import { violated, type Decoded } from '../../base/violation.ts';
import type { Position } from '../store/array-state.ts';
import { dataRuns, hasRoom, JOURNAL_BLOCK_SIZE, lbaOf, metadataLba, type JournalGeometry } from './geometry.ts';
import { decodeRecord, encodeRecord, proofOf, RECORD_SIZE, type JournalRecord } from './record.ts';

/** A change of a volume on its way into the journal; addresses and lengths in blocks of 512 bytes. */
export interface JournalWrite {
  readonly slot: number;
  readonly lun: number;
  readonly lba: number;
  /** Blocks of the volume. */
  readonly length: number;
  /** Absent: a deallocation. */
  readonly data?: Uint8Array;
}

export interface StoredRecord {
  readonly record: JournalRecord;
  readonly proof: number;
  /** Place behind the record. */
  readonly end: Position;
}

/** The file of a journal volume: records at their places, nothing about who owns them. */
export interface JournalVolume {
  readonly geometry: JournalGeometry;
  hasRoom(kept: Position, tail: Position, blockCount: number): boolean;
  /** Stores a record behind `tail`, data before metadata; to the page cache. Throws where the storage fails. */
  append(
    write: JournalWrite,
    tail: Position,
    stamp: { generation: string; incarnation: number; wallMs: number },
  ): Position;
  readRecord(sequence: number): Decoded<StoredRecord>;
  readData(record: JournalRecord): Decoded<Uint8Array>;
  readBlocks(lba: number, blockCount: number): Uint8Array;
  writeBlocks(lba: number, bytes: Uint8Array): void;
  flush(): Promise<void>;
  close(): void;
}

export function openJournalVolume(file: StorageFile, geometry: JournalGeometry): JournalVolume {
  function readBlocks(lba: number, blockCount: number): Uint8Array {
    const bytes = new Uint8Array(blockCount * JOURNAL_BLOCK_SIZE);
    file.read(bytes, lba * JOURNAL_BLOCK_SIZE);
    return bytes;
  }

  const writeBlocks = (lba: number, bytes: Uint8Array): void => file.write(bytes, lba * JOURNAL_BLOCK_SIZE);

  return {
    geometry,
    hasRoom: (kept, tail, blockCount) => hasRoom(geometry, kept, tail, blockCount),
    append(write, tail, stamp) {
      const data = write.data ?? new Uint8Array(0);
      const blockCount = data.length / JOURNAL_BLOCK_SIZE;
      const sequence = tail.sequence + 1;
      let at = 0;
      for (const run of dataRuns(geometry, tail.offset, blockCount)) {
        const length = run.blockCount * JOURNAL_BLOCK_SIZE;
        writeBlocks(run.lba, data.subarray(at, at + length));
        at += length;
      }
      const record = encodeRecord({
        sequence,
        ...stamp,
        slot: write.slot,
        kind: write.data ? 'write' : 'deallocate',
        lun: write.lun,
        length: write.length,
        blockCount,
        lba: write.lba,
        offset: tail.offset,
        dataLba: lbaOf(geometry, tail.offset),
        dataCrc: crc32(data),
      });
      writeBlocks(metadataLba(geometry, sequence), record);
      return { sequence, offset: tail.offset + blockCount };
    },
    readRecord(sequence) {
      const bytes = new Uint8Array(RECORD_SIZE);
      file.read(bytes, metadataLba(geometry, sequence) * JOURNAL_BLOCK_SIZE);
      return checkRecord(bytes, sequence, geometry);
    },
    readData(record) {
      const data = new Uint8Array(record.blockCount * JOURNAL_BLOCK_SIZE);
      let at = 0;
      for (const run of dataRuns(geometry, record.offset, record.blockCount)) {
        const length = run.blockCount * JOURNAL_BLOCK_SIZE;
        file.read(data.subarray(at, at + length), run.lba * JOURNAL_BLOCK_SIZE);
        at += length;
      }
      const crc = crc32(data);
      return crc === record.dataCrc
        ? { ok: true, value: data }
        : violated('journal data CRC-32', crc, `${record.dataCrc}`);
    },
    readBlocks,
    writeBlocks,
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

/** A record is what its place promises: whole, of this number, with data inside the ring. */
export function checkRecord(bytes: Uint8Array, sequence: number, geometry: JournalGeometry): Decoded<StoredRecord> {
  const result = decodeRecord(bytes);
  if (!result.ok) return result;
  const record = result.value;
  if (record.sequence !== sequence) return violated('journal-record.sequence', record.sequence, `${sequence}`);
  const expected = record.kind === 'write' ? record.length : 0;
  if (record.length === 0 || record.blockCount !== expected || record.blockCount > geometry.ringBlocks) {
    const limit = `${expected}, and at most ${geometry.ringBlocks}`;
    return violated('journal-record.blockCount', record.blockCount, limit);
  }
  const dataLba = lbaOf(geometry, record.offset);
  if (record.dataLba !== dataLba) return violated('journal-record.dataLba', record.dataLba, `${dataLba}`);
  const end = { sequence, offset: record.offset + record.blockCount };
  return { ok: true, value: { record, proof: proofOf(bytes), end } };
}
