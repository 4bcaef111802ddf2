import { crc32 } from 'node:zlib';
import { readU32, writeU32 } from '../../base/bytes.ts';
import { defineLayout, type LayoutValue, type ValueOf } from '../../base/layout.ts';
import { decoded, violated, type Decoded } from '../../base/violation.ts';
import { LIVES_LIMIT, type Standing } from '../../interface-block/lives.ts';
import { ROLES, SUSPEND_REASONS, type LineageEntry } from '../../interface-block/process-table.ts';

/**
 * What a journal LUN shows in its first 4096 bytes: enough for the far array, which only reads, to know whether and
 * from where it may follow. Generated at each read, after everything acknowledged has become durable.
 */
export const HEADER_SIZE = 4096;
export const LINEAGE_LIMIT = 16;
const LINEAGE_AT = 256;
const PAIRS_AT = 512;
const LIVES_AT = 2560;

const fixedLayout = defineLayout('journal-header', 256, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: 'CDCTLJNL', doc: 'magic' },
  { name: 'version', offset: 8, size: 2, kind: 'u16', doc: 'format version, 1' },
  { name: 'role', offset: 10, size: 1, kind: 'enum', values: ROLES, doc: 'role of this array in the group' },
  {
    name: 'suspendReason',
    offset: 11,
    size: 1,
    kind: 'enum',
    values: SUSPEND_REASONS,
    doc: 'none while journal flows',
  },
  { name: 'lineageCount', offset: 12, size: 1, kind: 'u8', doc: 'lineage entries from byte 256' },
  { name: 'pairCount', offset: 13, size: 1, kind: 'u8', doc: 'pair rows from byte 512' },
  { name: 'lifeCount', offset: 14, size: 1, kind: 'u8', doc: 'lives from byte 2560' },
  { name: 'serial', offset: 16, size: 16, kind: 'text', doc: 'serial of this array' },
  { name: 'peerSerial', offset: 32, size: 16, kind: 'text', doc: 'serial of the other array of the group' },
  { name: 'group', offset: 48, size: 32, kind: 'text', doc: 'group name; empty: the journal is not in use' },
  { name: 'recordLimit', offset: 80, size: 8, kind: 'u64', doc: 'records in the metadata region' },
  { name: 'headLba', offset: 88, size: 8, kind: 'u64', doc: 'head LBA of the data region' },
  { name: 'endLba', offset: 96, size: 8, kind: 'u64', doc: 'end LBA of the data region' },
  { name: 'mapLba', offset: 104, size: 8, kind: 'u64', doc: 'first block of the difference maps' },
  { name: 'purgedSequence', offset: 112, size: 8, kind: 'u64', doc: 'last record freed' },
  { name: 'purgedOffset', offset: 120, size: 8, kind: 'u64', doc: 'its end in the data region' },
  { name: 'storedSequence', offset: 128, size: 8, kind: 'u64', doc: 'last durable record' },
  { name: 'storedOffset', offset: 136, size: 8, kind: 'u64', doc: 'its end in the data region' },
  { name: 'followGeneration', offset: 144, size: 8, kind: 'hex', doc: 'the journal has no gap since here' },
  { name: 'followSequence', offset: 152, size: 8, kind: 'u64', doc: 'the same' },
  { name: 'incarnation', offset: 160, size: 8, kind: 'u64', doc: 'start of the array' },
  { name: 'wallMs', offset: 168, size: 8, kind: 'u64', doc: 'time at which the header was generated' },
  { name: 'changes', offset: 176, size: 8, kind: 'u64', doc: 'changes of the tables of the group' },
  { name: 'seenLife', offset: 184, size: 8, kind: 'hex', doc: 'life in which the peer was last seen; zeros: never' },
  { name: 'seenChanges', offset: 192, size: 8, kind: 'u64', doc: 'its changes then' },
  { name: 'seenSequence', offset: 200, size: 8, kind: 'u64', doc: 'its last write then' },
]);

const lineageLayout = defineLayout('journal-header-lineage', 16, [
  { name: 'generation', offset: 0, size: 8, kind: 'hex', doc: 'generation identifier' },
  { name: 'startSequence', offset: 8, size: 8, kind: 'u64', doc: 'last sequence number before it' },
]);

const pairLayout = defineLayout('journal-header-pair', 32, [
  { name: 'slot', offset: 0, size: 1, kind: 'u8', doc: 'place in the group' },
  { name: 'fresh', offset: 1, size: 1, kind: 'flag', doc: 'the map names all that an auxiliary formed now would lack' },
  { name: 'primaryLun', offset: 2, size: 2, kind: 'u16', doc: 'primary LUN' },
  { name: 'auxiliaryLun', offset: 4, size: 2, kind: 'u16', doc: 'auxiliary LUN' },
  { name: 'noCopy', offset: 6, size: 1, kind: 'flag', doc: 'the volumes were declared equal: the map begins empty' },
  { name: 'blockSize', offset: 8, size: 4, kind: 'u32', doc: 'bytes in a block of the volume here' },
  { name: 'chunkBytes', offset: 12, size: 4, kind: 'u32', doc: 'bytes that one bit of the maps stands for' },
  { name: 'blockCount', offset: 16, size: 8, kind: 'u64', doc: 'blocks of the volume here' },
]);

const lifeLayout = defineLayout('journal-header-life', 24, [
  { name: 'life', offset: 0, size: 8, kind: 'hex', doc: 'name of the life' },
  { name: 'changes', offset: 8, size: 8, kind: 'u64', doc: 'changes of the tables of the group before it' },
  { name: 'sequence', offset: 16, size: 8, kind: 'u64', doc: 'last write before it' },
]);

/** For the documentation. */
export const HEADER_LAYOUTS = {
  fixed: fixedLayout,
  lineage: lineageLayout,
  pair: pairLayout,
  life: lifeLayout,
} as const;

export type HeaderPair = ValueOf<typeof pairLayout>;
export type JournalHeader = Omit<LayoutValue<typeof fixedLayout.fields>, 'lineageCount' | 'pairCount' | 'lifeCount'> & {
  readonly lineage: readonly LineageEntry[];
  readonly pairs: readonly HeaderPair[];
  /** Of this side, oldest first. */
  readonly lives: readonly Standing[];
};

export function encodeHeader(header: JournalHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const lineage = header.lineage.slice(-LINEAGE_LIMIT);
  const lives = header.lives.slice(-LIVES_LIMIT);
  const counts = { lineageCount: lineage.length, pairCount: header.pairs.length, lifeCount: lives.length };
  fixedLayout.encodeInto(bytes, 0, { ...header, ...counts });
  lineage.forEach((entry, index) => lineageLayout.encodeInto(bytes, LINEAGE_AT + index * lineageLayout.size, entry));
  header.pairs.forEach((pair, index) => pairLayout.encodeInto(bytes, PAIRS_AT + index * pairLayout.size, pair));
  lives.forEach((entry, index) => lifeLayout.encodeInto(bytes, LIVES_AT + index * lifeLayout.size, entry));
  writeU32(bytes, HEADER_SIZE - 4, crc32(bytes.subarray(0, HEADER_SIZE - 4)));
  return bytes;
}

export function decodeHeader(bytes: Uint8Array): Decoded<JournalHeader> {
  if (bytes.length < HEADER_SIZE) return violated('journal-header', `${bytes.length} bytes`, `${HEADER_SIZE} bytes`);
  const fixed = fixedLayout.decode(bytes);
  if (!fixed.ok) return fixed;
  const expected = crc32(bytes.subarray(0, HEADER_SIZE - 4));
  if (readU32(bytes, HEADER_SIZE - 4) !== expected) return violated('journal-header.crc', 'another', `${expected}`);
  const { lineageCount, pairCount, lifeCount, ...rest } = fixed.value;
  if (lineageCount > LINEAGE_LIMIT) return violated('journal-header.lineageCount', lineageCount, `${LINEAGE_LIMIT}`);
  const lineage = rows(bytes, LINEAGE_AT, lineageLayout, lineageCount);
  if (!lineage.ok) return lineage;
  const pairs = rows(bytes, PAIRS_AT, pairLayout, pairCount);
  if (!pairs.ok) return pairs;
  if (lifeCount > LIVES_LIMIT) return violated('journal-header.lifeCount', lifeCount, `${LIVES_LIMIT}`);
  const lives = rows(bytes, LIVES_AT, lifeLayout, lifeCount);
  if (!lives.ok) return lives;
  return decoded({ ...rest, lineage: lineage.value, pairs: pairs.value, lives: lives.value });
}

function rows<T>(
  bytes: Uint8Array,
  from: number,
  layout: { size: number; decode(bytes: Uint8Array, offset: number): Decoded<T> },
  count: number,
): Decoded<T[]> {
  if (from + count * layout.size > HEADER_SIZE - 4) return violated('journal-header.pairCount', count, 'room for them');
  const values: T[] = [];
  for (let index = 0; index < count; index += 1) {
    const row = layout.decode(bytes, from + index * layout.size);
    if (!row.ok) return row;
    values.push(row.value);
  }
  return decoded(values);
}
