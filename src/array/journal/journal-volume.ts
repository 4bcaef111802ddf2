import { crc32 } from 'node:zlib';
import { uninitialisedBytes } from '../../base/bytes.ts';
import type { StorageFile } from '../../base/storage.ts';
import type { Position } from '../store/array-state.ts';
import { dataRuns, hasRoom, JOURNAL_BLOCK_SIZE, lbaOf, metadataLba, type JournalGeometry } from './geometry.ts';
import { createJournalReader, type JournalReader } from './journal-reader.ts';
import { createReadAhead } from './read-ahead.ts';
import { encodeRecord, type JournalRecord } from './record.ts';

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

/** The file of a journal volume: records at their places, nothing about who owns them. */
export interface JournalVolume extends JournalReader {
  readonly geometry: JournalGeometry;
  hasRoom(kept: Position, tail: Position, blockCount: number): boolean;
  /** Stores a record behind `tail`, data before metadata; to the page cache. Throws where the storage fails. */
  append(
    write: JournalWrite,
    tail: Position,
    stamp: Pick<JournalRecord, 'generation' | 'incarnation' | 'wallMs' | 'durable'>,
  ): Position;
  /** For many records in their order: what is written from now on may not be seen. */
  readAhead(): JournalReader;
  readBlocks(lba: number, blockCount: number): Uint8Array;
  writeBlocks(lba: number, bytes: Uint8Array): void;
  flush(): Promise<void>;
  close(): void;
}

export function openJournalVolume(file: StorageFile, geometry: JournalGeometry): JournalVolume {
  function readBytes(offset: number, length: number): Uint8Array {
    const bytes = uninitialisedBytes(length);
    file.read(bytes, offset);
    return bytes;
  }

  const readBlocks = (lba: number, blockCount: number): Uint8Array =>
    readBytes(lba * JOURNAL_BLOCK_SIZE, blockCount * JOURNAL_BLOCK_SIZE);
  const writeBlocks = (lba: number, bytes: Uint8Array): void => file.write(bytes, lba * JOURNAL_BLOCK_SIZE);

  return {
    geometry,
    hasRoom: (kept, tail, blockCount) => hasRoom(geometry, kept, tail, blockCount),
    append(write, tail, stamp) {
      if (write.length < 1) throw new RangeError(`a journal record of ${write.length} blocks`);
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
    ...createJournalReader(geometry, { metadata: readBytes, data: readBytes }),
    readAhead: () =>
      createJournalReader(geometry, {
        metadata: createReadAhead(file, geometry.headLba * JOURNAL_BLOCK_SIZE),
        data: createReadAhead(file, geometry.endLba * JOURNAL_BLOCK_SIZE),
      }),
    readBlocks,
    writeBlocks,
    flush: () => file.flush(),
    close: () => file.close(),
  };
}
