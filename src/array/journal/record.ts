import { crc32 } from 'node:zlib';
import { hexNumber, readU32, writeU32 } from '../../base/bytes.ts';
import { defineLayout, type ValueOf } from '../../base/layout.ts';
import { violated, type Decoded } from '../../base/violation.ts';

/** A deallocation has no data: the blocks are zeros from then on. */
export const RECORD_KINDS = { write: 0, deallocate: 1 } as const;

/**
 * The metadata of one journal record (Fig. 12: time 1203, LBA 1204 of the write, LBA 1206 in the data region, length),
 * in one block. Addresses and lengths are in blocks of 512 bytes, whatever the block size of the volume.
 */
export const recordLayout = defineLayout('journal-record', 512, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLREC', doc: 'magic' },
  { name: 'sequence', offset: 8, size: 8, kind: 'u64', doc: 'number of the write in its group' },
  { name: 'generation', offset: 16, size: 8, kind: 'hex', doc: 'generation that the write belongs to' },
  { name: 'incarnation', offset: 24, size: 8, kind: 'u64', doc: 'start of the array that stored it' },
  { name: 'wallMs', offset: 32, size: 8, kind: 'u64', doc: 'time of the write, milliseconds since 1970 UTC' },
  { name: 'slot', offset: 40, size: 1, kind: 'u8', doc: 'place of the pair in its group' },
  { name: 'kind', offset: 41, size: 1, kind: 'enum', values: RECORD_KINDS, doc: 'what was done' },
  { name: 'lun', offset: 42, size: 2, kind: 'u16', doc: 'LUN of the primary volume' },
  { name: 'blockCount', offset: 44, size: 4, kind: 'u32', doc: 'blocks of data in the data region' },
  { name: 'lba', offset: 48, size: 8, kind: 'u64', doc: 'where the write went in the volume' },
  { name: 'offset', offset: 56, size: 8, kind: 'u64', doc: 'blocks of data stored before it' },
  { name: 'dataLba', offset: 64, size: 8, kind: 'u64', doc: 'LBA of its data in the data region' },
  { name: 'dataCrc', offset: 72, size: 4, kind: 'u32', doc: 'CRC-32 of its data' },
  { name: 'length', offset: 80, size: 8, kind: 'u64', doc: 'blocks of the volume that it changed' },
  {
    name: 'durable',
    offset: 88,
    size: 8,
    kind: 'u64',
    doc: 'record up to which the journal was durable when this one was stored; 0: unknown',
  },
  { name: 'crc', offset: 508, size: 4, kind: 'u32', doc: 'CRC-32 of the 508 bytes before' },
]);

export type JournalRecord = Omit<ValueOf<typeof recordLayout>, 'crc'>;

export const RECORD_SIZE = recordLayout.size;

export function encodeRecord(record: JournalRecord): Uint8Array {
  const bytes = recordLayout.encode({ ...record, crc: 0 });
  writeU32(bytes, 508, crc32(bytes.subarray(0, 508)));
  return bytes;
}

export function decodeRecord(bytes: Uint8Array): Decoded<JournalRecord> {
  if (bytes.length < RECORD_SIZE) return violated('journal-record', `${bytes.length} bytes`, `${RECORD_SIZE} bytes`);
  const expected = crc32(bytes.subarray(0, 508));
  const got = readU32(bytes, 508);
  if (got !== expected) return violated('journal-record.crc', hexNumber(got), hexNumber(expected));
  const result = recordLayout.decode(bytes);
  if (!result.ok) return result;
  const { crc: _crc, ...record } = result.value;
  return { ok: true, value: record };
}

/** What an auxiliary shows to prove that it has this record: the CRC of its metadata. */
export function proofOf(bytes: Uint8Array): number {
  return readU32(bytes, 508);
}
