import { defineLayout, type ValueOf } from '../base/layout.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { checkSeal, sealAt } from './checksum.ts';
import {
  FIRST_SLOT_OFFSET,
  FORMAT_VERSION,
  LABEL_CHECKED_SIZE,
  LABEL_SIZE,
  SLOT_COUNT,
  SLOT_SIZE,
  WRITE_UNIT,
} from './geometry.ts';

export const LABEL_MAGIC = 'CDCTLCMD';
const CRC_OFFSET = LABEL_CHECKED_SIZE - 4;

/** The first 512 bytes of a command device. The array makes it anew for every READ. */
export const LABEL = defineLayout('label', LABEL_CHECKED_SIZE, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: LABEL_MAGIC, doc: 'marks a command device' },
  { name: 'version', offset: 8, size: 2, kind: 'u16', doc: 'format version: 1' },
  { name: 'slotCount', offset: 10, size: 2, kind: 'u16', doc: 'slots: 64' },
  { name: 'blockSize', offset: 12, size: 4, kind: 'u32', doc: 'bytes in a block of this LUN: 512 or 4096' },
  {
    name: 'arraySerial',
    offset: 16,
    size: 16,
    kind: 'text',
    doc: 'serial of the array that executes what is written here',
  },
  { name: 'arrayName', offset: 32, size: 32, kind: 'text', doc: 'its name, for people' },
  { name: 'slotSize', offset: 64, size: 4, kind: 'u32', doc: 'bytes of a slot: 16384' },
  { name: 'firstSlotOffset', offset: 68, size: 4, kind: 'u32', doc: 'byte offset of slot 0: 16384' },
  { name: 'writeUnit', offset: 72, size: 4, kind: 'u32', doc: 'bytes of a write: 4096' },
  { name: 'memory', offset: 76, size: 4, kind: 'u32', doc: 'executed commands whose outcome the array remembers' },
  {
    name: 'commandNumber',
    offset: 80,
    size: 8,
    kind: 'u64',
    doc: 'commands executed so far; a request quotes it as `admissionNumber`',
  },
  { name: 'reserved', offset: 88, size: 420, kind: 'reserved', doc: 'reserved, zeros' },
  { name: 'crc', offset: 508, size: 4, kind: 'u32', doc: 'CRC-32 of the 508 bytes before' },
]);

export type Label = Omit<ValueOf<typeof LABEL>, 'crc'>;

/** What differs from label to label; the geometry of format version 1 is fixed. */
export interface LabelFacts {
  readonly arraySerial: string;
  readonly arrayName: string;
  readonly blockSize: number;
  readonly commandNumber: number;
  readonly memory: number;
}

/** The label block: 4096 bytes, zeros behind the checked part. */
export function encodeLabel(facts: LabelFacts): Uint8Array {
  const bytes = new Uint8Array(LABEL_SIZE);
  LABEL.encodeInto(bytes, 0, {
    ...facts,
    version: FORMAT_VERSION,
    slotCount: SLOT_COUNT,
    slotSize: SLOT_SIZE,
    firstSlotOffset: FIRST_SLOT_OFFSET,
    writeUnit: WRITE_UNIT,
    crc: 0,
  });
  sealAt(bytes, CRC_OFFSET);
  return bytes;
}

/** Total. Only a label that checks in every respect proves that a LUN is a command device (promise 1). */
export function decodeLabel(bytes: Uint8Array): Decoded<Label> {
  const fields = LABEL.decode(bytes);
  if (!fields.ok) return fields;
  const seal = checkSeal('label.crc', bytes, CRC_OFFSET);
  if (!seal.ok) return seal;
  const { crc: _crc, ...label } = fields.value;
  return checkGeometry(label);
}

function checkGeometry(label: Label): Decoded<Label> {
  const expected = {
    version: FORMAT_VERSION,
    slotCount: SLOT_COUNT,
    slotSize: SLOT_SIZE,
    firstSlotOffset: FIRST_SLOT_OFFSET,
    writeUnit: WRITE_UNIT,
  };
  for (const [name, value] of Object.entries(expected)) {
    const got = label[name as keyof typeof expected];
    if (got !== value) return violated(`label.${name}`, got, `${value} in format version ${FORMAT_VERSION}`);
  }
  if (label.blockSize !== 512 && label.blockSize !== 4096) {
    return violated('label.blockSize', label.blockSize, '512 or 4096');
  }
  return decoded(label);
}
