import { defineLayout, type ValueOf } from '../base/layout.ts';
import { CONTROL_SIZE } from './geometry.ts';

/** State of the slot that holds the block. */
export const BLOCK_STATES = { free: 0, submitted: 1, executing: 2, complete: 3 } as const;

export type BlockState = keyof typeof BLOCK_STATES;

export const BLOCK_MAGIC = 'CDCTLBLK';

/** Bytes that `controlCrc` covers: all before it. */
export const CONTROL_CRC_OFFSET = CONTROL_SIZE - 4;

/** The control parameter of Fig. 6: process number, presence of edited data, and what makes retries and sharing safe. */
export const CONTROL_PARAMETER = defineLayout('control', CONTROL_SIZE, [
  { name: 'magic', offset: 0, size: 8, kind: 'constant', constant: BLOCK_MAGIC, doc: 'marks an interface block' },
  { name: 'version', offset: 8, size: 2, kind: 'u16', doc: 'format version: 1' },
  { name: 'process', offset: 10, size: 2, kind: 'u16', doc: 'process number (Fig. 6): the command to execute' },
  {
    name: 'editedDataWanted',
    offset: 12,
    size: 1,
    kind: 'flag',
    doc: 'presence of edited data (Fig. 6): 1 keeps the answer for a READ, 0 deletes the block on success',
  },
  {
    name: 'state',
    offset: 13,
    size: 1,
    kind: 'enum',
    values: BLOCK_STATES,
    doc: 'a host writes 1, the array the others',
  },
  { name: 'status', offset: 14, size: 2, kind: 'u16', doc: 'status code, once complete; 0 in a request' },
  {
    name: 'requestId',
    offset: 16,
    size: 16,
    kind: 'hex',
    doc: 'random, new for each command, kept by its retries and pages',
  },
  { name: 'arraySerial', offset: 32, size: 16, kind: 'text', doc: 'serial of the array that shall execute it' },
  {
    name: 'admissionNumber',
    offset: 48,
    size: 8,
    kind: 'u64',
    doc: '`commandNumber` of the label, read before the first write of this request',
  },
  {
    name: 'page',
    offset: 56,
    size: 4,
    kind: 'u32',
    doc: 'page of the edited data that is asked for or delivered, from 0',
  },
  {
    name: 'pageCount',
    offset: 60,
    size: 4,
    kind: 'u32',
    doc: 'pages of the edited data, once complete; 0 in a request',
  },
  { name: 'inputLength', offset: 64, size: 4, kind: 'u32', doc: 'bytes of the input parameter' },
  { name: 'editedLength', offset: 68, size: 4, kind: 'u32', doc: 'bytes of the whole edited data; 0 in a request' },
  { name: 'pageLength', offset: 72, size: 4, kind: 'u32', doc: 'bytes of this page; 0 in a request' },
  { name: 'inputCrc', offset: 76, size: 4, kind: 'u32', doc: 'CRC-32 of the input parameter; 0 for none' },
  { name: 'editedCrc', offset: 80, size: 4, kind: 'u32', doc: 'CRC-32 of this page; 0 for none' },
  { name: 'flags', offset: 84, size: 4, kind: 'reserved', doc: 'reserved, zeros' },
  { name: 'host', offset: 88, size: 64, kind: 'text', doc: 'who asks, for people and the audit' },
  {
    name: 'wholeCrc',
    offset: 152,
    size: 4,
    kind: 'u32',
    doc: 'CRC-32 of the whole edited data, all pages in order; 0 in a request',
  },
  {
    name: 'keyName',
    offset: 156,
    size: 32,
    kind: 'text',
    doc: 'name of the key that signs a request; zeros: unsigned',
  },
  {
    name: 'mac',
    offset: 188,
    size: 32,
    kind: 'hex',
    doc: 'HMAC-SHA-256 of the 4096 bytes written, this field and `controlCrc` taken as zeros; zeros: unsigned',
  },
  {
    name: 'challenge',
    offset: 220,
    size: 16,
    kind: 'hex',
    doc: 'challenge of the array that a signed request answers; zeros: unsigned, or the array has none',
  },
  {
    name: 'nonce',
    offset: 236,
    size: 8,
    kind: 'hex',
    doc: 'random, another in each request part that is signed, also for the same request id; zeros: unsigned',
  },
  { name: 'reserved', offset: 244, size: 8, kind: 'reserved', doc: 'reserved, zeros' },
  { name: 'controlCrc', offset: 252, size: 4, kind: 'u32', doc: 'CRC-32 of the 252 bytes before' },
]);

export type ControlParameter = ValueOf<typeof CONTROL_PARAMETER>;
