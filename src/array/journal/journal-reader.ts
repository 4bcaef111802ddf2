import { crc32 } from 'node:zlib';
import { violated, type Decoded } from '../../base/violation.ts';
import type { Position } from '../store/array-state.ts';
import { dataRuns, JOURNAL_BLOCK_SIZE, lbaOf, metadataLba, type JournalGeometry } from './geometry.ts';
import { decodeRecord, proofOf, RECORD_SIZE, type JournalRecord } from './record.ts';

export interface StoredRecord {
  readonly record: JournalRecord;
  readonly proof: number;
  /** Place behind the record. */
  readonly end: Position;
}

/** Reads what a journal holds, and believes nothing that its checksums do not prove. */
export interface JournalReader {
  readRecord(sequence: number): Decoded<StoredRecord>;
  readData(record: JournalRecord): Decoded<Uint8Array>;
}

/** Bytes of the journal's file: nobody changes the array that it gives. */
type Read = (offset: number, length: number) => Uint8Array;

export function createJournalReader(
  geometry: JournalGeometry,
  read: { readonly metadata: Read; readonly data: Read },
): JournalReader {
  function dataOf(record: JournalRecord): Uint8Array {
    const runs = dataRuns(geometry, record.offset, record.blockCount).map(({ lba, blockCount }) =>
      read.data(lba * JOURNAL_BLOCK_SIZE, blockCount * JOURNAL_BLOCK_SIZE),
    );
    return runs.length === 1 ? runs[0]! : new Uint8Array(Buffer.concat(runs));
  }

  return {
    readRecord(sequence) {
      const bytes = read.metadata(metadataLba(geometry, sequence) * JOURNAL_BLOCK_SIZE, RECORD_SIZE);
      return checkRecord(bytes, sequence, geometry);
    },
    readData(record) {
      const data = dataOf(record);
      const crc = crc32(data);
      return crc === record.dataCrc
        ? { ok: true, value: data }
        : violated('journal data CRC-32', crc, `${record.dataCrc}`);
    },
  };
}

/** For those who can do without it; undefined also where the disk does not give it. */
export function recordIfReadable(reader: JournalReader, sequence: number): StoredRecord | undefined {
  try {
    const stored = reader.readRecord(sequence);
    return stored.ok ? stored.value : undefined;
  } catch {
    return undefined;
  }
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
