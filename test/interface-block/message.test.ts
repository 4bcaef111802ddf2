import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldShape, Layout } from '../../src/base/layout.ts';
import { INPUT_LIMIT } from '../../src/interface-block/geometry.ts';
import {
  decodeMessage,
  decodeRefusal,
  decodeReply,
  decodeRequest,
  encodeMessage,
  encodeRefusal,
  encodeReply,
  encodeRequest,
} from '../../src/interface-block/message.ts';
import {
  PAIRS_PER_GROUP_LIMIT,
  PROCESSES,
  processByNumber,
  type ProcessDefinition,
} from '../../src/interface-block/process-table.ts';
import { STATUS, STATUS_MEANING, statusName } from '../../src/interface-block/status.ts';

function valueOf(field: FieldShape): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
      return fc.integer({ min: 0, max: 2 ** (field.size * 8) - 1 });
    case 'u64':
      return fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    case 'flag':
      return fc.boolean();
    case 'enum':
      return fc.constantFrom(...Object.keys(field.values!));
    case 'hex':
      return fc
        .uint8Array({ minLength: field.size, maxLength: field.size })
        .map((bytes) => Buffer.from(bytes).toString('hex'));
    default:
      return fc
        .string({ maxLength: field.size, unit: 'grapheme' })
        .filter(
          (text) =>
            !text.includes('\0') && Buffer.byteLength(text) <= field.size && Buffer.from(text).toString() === text,
        );
  }
}

function recordOf(layout: Layout): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(layout.fields.map((field) => [field.name, valueOf(field)])));
}

const processes: ProcessDefinition[] = Object.values(PROCESSES);

describe.each(processes)('process $name', (process) => {
  it.each(['request', 'reply'] as const)('carries every %s there and back', (direction) => {
    const { header, row } = process[direction];
    const rows = row ? fc.array(recordOf(row), { maxLength: 5 }) : fc.constant([]);
    fc.assert(
      fc.property(fc.record({ header: recordOf(header), rows }), (message) => {
        const bytes = encodeMessage(process[direction], message);
        expect(bytes.length).toBe(header.size + message.rows.length * (row?.size ?? 0));
        expect(decodeMessage(process[direction], bytes)).toEqual({ ok: true, value: message });
      }),
      { numRuns: 30 },
    );
  });

  it.each(['request', 'reply'] as const)('refuses a %s of any length that is not whole', (direction) => {
    const { header, row } = process[direction];
    for (let length = 0; length < header.size + 2 * (row?.size ?? 1); length++) {
      const whole =
        length === header.size ||
        (row !== undefined && length > header.size && (length - header.size) % row.size === 0);
      const decoded = decodeMessage(process[direction], new Uint8Array(length));
      if (!whole) expect(decoded).toMatchObject({ ok: false, violation: { got: `${length} bytes` } });
    }
  });

  it('is found by its number', () => {
    expect(processByNumber(process.number)).toBe(process);
  });
});

describe('messages', () => {
  it('have unique process numbers and names', () => {
    expect(new Set(processes.map((process) => process.number)).size).toBe(processes.length);
    expect(Object.entries(PROCESSES).filter(([name, process]) => name !== process.name)).toEqual([]);
    expect(processByNumber(0)).toBeUndefined();
  });

  it('refuse a byte between the fields, so that an unknown field of a newer sender is not ignored', () => {
    const input = encodeRequest('journal.acquire', { header: { group: 'oradb', toSequence: 5 }, rows: [] });
    for (let at = 40; at < 64; at++) {
      expect(decodeRequest('journal.acquire', input.with(at, 1))).toMatchObject({
        ok: false,
        violation: { field: 'journal-acquire', got: `0x1 at unused offset ${at}` },
      });
    }
  });

  it('say in which row something is wrong', () => {
    const lineage = [
      { generation: '0102030405060708', startSequence: 1 },
      { generation: '0102030405060708', startSequence: 2 },
    ];
    const input = encodeRequest('pair.resync', {
      header: { group: 'g', role: 'auxiliary', discard: false, generation: '0102030405060708' },
      rows: lineage,
    });
    expect(decodeRequest('pair.resync', input.with(64 + 16 + 8, 0x20))).toMatchObject({
      violation: { field: 'row 1: lineage.startSequence' },
    });
  });

  it('throw where rows are given that the process does not have, or that a slot has no room for', () => {
    expect(() =>
      encodeMessage(PROCESSES['journal.acquire'].request, { header: { group: '', toSequence: 0 }, rows: [{}] }),
    ).toThrow(/without rows/);
    const rows = Array.from({ length: INPUT_LIMIT / 16 }, () => ({ generation: '0102030405060708', startSequence: 0 }));
    const header = { group: 'g', role: 'auxiliary', discard: false, generation: '0102030405060708' } as const;
    expect(() => encodeRequest('pair.resync', { header, rows })).toThrow(/needs 3904 bytes, limit 3840/);
    expect(encodeRequest('pair.resync', { header, rows: rows.slice(4) }).length).toBe(INPUT_LIMIT);
  });

  it('throw where a reply is beyond all paging', () => {
    const row = { deviceSerial: '', deviceName: '', lun: 0, virtual: false };
    const rows = Array.from({ length: (16 * 1024 * 1024) / 64 + 1 }, () => row);
    expect(() => encodeReply('command-device.list', { header: {}, rows })).toThrow(/limit 16777216/);
  });

  it('leave room for a mask bit for every pair of a group', () => {
    const mask = PROCESSES['journal.purge'].request.header.fields.find((field) => field.name === 'copiedPairs')!;
    expect(mask.size * 8).toBe(PAIRS_PER_GROUP_LIMIT);
  });

  it('have an answer for every process', () => {
    expect(decodeReply('pair.show', new Uint8Array(0))).toEqual({ ok: true, value: { header: {}, rows: [] } });
  });
});

describe('the words of a refusal', () => {
  it('are cut between characters', () => {
    expect(decodeRefusal(encodeRefusal('Zürich', 2))).toBe('Z');
    expect(decodeRefusal(encodeRefusal('Zürich', 3))).toBe('Zü');
    expect(decodeRefusal(encodeRefusal('a😀', 4))).toBe('a');
    expect(encodeRefusal('x'.repeat(2000)).length).toBe(1024);
  });

  it('may be any bytes when they come from outside', () => {
    expect(decodeRefusal(Uint8Array.of(0xff, 0x41))).toBe('\ufffdA');
  });
});

describe('status codes', () => {
  it('have a name and a meaning each', () => {
    expect(Object.values(STATUS).map(statusName)).toEqual(Object.keys(STATUS));
    expect(Object.keys(STATUS_MEANING)).toEqual(Object.keys(STATUS));
    expect(statusName(999)).toBeUndefined();
  });
});
