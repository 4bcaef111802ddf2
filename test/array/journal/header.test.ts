import { describe, expect, it } from 'vitest';
import { decodeHeader, encodeHeader, HEADER_SIZE, type JournalHeader } from '../../../src/array/journal/header.ts';

const HEADER: JournalHeader = {
  version: 1,
  role: 'primary',
  suspendReason: 'none',
  serial: 'TK000001',
  peerSerial: 'OS000001',
  group: 'oradb',
  recordLimit: 64,
  headLba: 72,
  endLba: 584,
  mapLba: 600,
  purgedSequence: 5,
  purgedOffset: 40,
  storedSequence: 0x1_0000_0001,
  storedOffset: 72,
  followGeneration: '0102030405060708',
  followSequence: 4,
  incarnation: 3,
  wallMs: 1_790_000_000_000,
  lineage: [{ generation: '0102030405060708', startSequence: 0 }],
  pairs: Array.from({ length: 64 }, (_, slot) => ({
    slot,
    fresh: slot % 2 === 0,
    primaryLun: 100 + slot,
    auxiliaryLun: 200 + slot,
    noCopy: slot % 3 === 0,
    blockSize: 512,
    chunkBytes: 65_536,
    blockCount: 4096,
  })),
  changes: 40,
  seenLife: '0b0b0b0b0b0b0b0b',
  seenChanges: 17,
  seenSequence: 0x1_0000_0000,
  lives: Array.from({ length: 32 }, (_, index) => ({
    life: `${index + 10}`.repeat(8),
    changes: index,
    sequence: index === 31 ? Number.MAX_SAFE_INTEGER : index * 100,
  })),
};

describe('journal header', () => {
  it('holds a full group of 64 pairs, and as many lives as are kept', () => {
    expect(decodeHeader(encodeHeader(HEADER))).toEqual({ ok: true, value: HEADER });
  });

  it('puts its fields where the layout says', () => {
    const bytes = Buffer.from(encodeHeader(HEADER));
    expect(bytes.toString('latin1', 0, 8)).toBe('CDCTLJNL');
    expect(bytes.toString('latin1', 48, 53)).toBe('oradb');
    expect(bytes.readBigUInt64BE(128)).toBe(0x1_0000_0001n);
    expect(bytes.toString('hex', 256, 264)).toBe('0102030405060708');
    expect(bytes.readUInt16BE(512 + 32 + 2)).toBe(101);
    expect(bytes.readUInt16BE(512 + 63 * 32 + 2)).toBe(163);
    expect([bytes[14], bytes.readBigUInt64BE(176), bytes.toString('hex', 184, 192)]).toEqual([32, 40n, '0b'.repeat(8)]);
    expect(bytes.readBigUInt64BE(2560 + 24 + 8)).toBe(1n);
  });

  it('is refused with any single byte flipped or cut off', () => {
    const bytes = encodeHeader(HEADER);
    for (let at = 0; at < HEADER_SIZE; at += 1) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x20;
      expect(decodeHeader(damaged).ok).toBe(false);
    }
    for (let length = 0; length < HEADER_SIZE; length += 100)
      expect(decodeHeader(bytes.subarray(0, length)).ok).toBe(false);
  });
});
