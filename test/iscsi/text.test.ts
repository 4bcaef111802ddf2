import { describe, expect, it } from 'vitest';
import { createTextCollector, decodeText, encodeText, splitText, type TextPair } from '../../src/iscsi/text.ts';
import { textData } from './slow-pdu.ts';

const PAIRS: TextPair[] = [
  ['InitiatorName', 'iqn.2026-11.test:größe'],
  ['X-com.example.key', 'a=b'],
  ['SendTargets', ''],
];
const BYTES = textData('InitiatorName=iqn.2026-11.test:größe', 'X-com.example.key=a=b', 'SendTargets=');

describe('text segments', () => {
  it('are key=value pairs ended by zero bytes', () => {
    expect(Buffer.from(encodeText(PAIRS))).toEqual(Buffer.from(BYTES));
    expect(decodeText(BYTES)).toEqual({ ok: true, value: PAIRS });
    expect(decodeText(new Uint8Array(0))).toEqual({ ok: true, value: [] });
  });

  it('may hold stray zero bytes between pairs', () => {
    expect(decodeText(textData('A=1', '', '', 'B=2', ''))).toMatchObject({
      value: [
        ['A', '1'],
        ['B', '2'],
      ],
    });
  });

  it.each([
    ['no zero byte at the end', Buffer.from('A=1')],
    ['no equals sign', textData('Alpha')],
    ['no key', textData('=1')],
    ['a key with a blank', textData('A B=1')],
    ['a key of 64 characters', textData(`${'A'.repeat(64)}=1`)],
    ['bytes that are not UTF-8', Uint8Array.of(65, 61, 0xff, 0)],
  ])('are refused with %s', (_name, bytes) => {
    expect(decodeText(bytes).ok).toBe(false);
  });

  it('are not written with a value that would not come back', () => {
    expect(() => encodeText([['A', 'x\0y']])).toThrow(RangeError);
    expect(() => encodeText([['A=', 'x']])).toThrow(RangeError);
  });
});

describe('texts over several PDUs', () => {
  it('come together whatever the size of the pieces', () => {
    for (let size = 1; size <= BYTES.length + 1; size += 1) {
      const collector = createTextCollector();
      const segments = splitText(BYTES, size);
      const results = segments.map((segment, at) => collector.append(segment, at < segments.length - 1));
      expect(results.slice(0, -1).every((result) => result.ok && result.value === undefined)).toBe(true);
      expect(results.at(-1)).toEqual({ ok: true, value: PAIRS });
    }
  });

  it('are bounded', () => {
    const collector = createTextCollector();
    const results = Array.from({ length: 9 }, () => collector.append(new Uint8Array(8192), true));
    expect(results.map((result) => result.ok)).toEqual([...Array.from({ length: 8 }, () => true), false]);
  });

  it('make one empty segment of an empty text', () => {
    expect(splitText(new Uint8Array(0), 512)).toEqual([new Uint8Array(0)]);
  });
});
