import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, fitText } from '../../src/host/escape-text.ts';

describe('escaping what an array says', () => {
  it('shows control characters instead of obeying them', () => {
    expect(escapeText('a\u001b[2Jb\r\nc\u202ed')).toBe(String.raw`a\u{1b}[2Jb\u{d}\u{a}c\u{202e}d`);
    expect(escapeText('Zürich 東京')).toBe('Zürich 東京');
  });

  it('is bounded and one line, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        // oxlint-disable-next-line no-control-regex
        expect(escapeText(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
    expect(escapeText('x'.repeat(1000)).length).toBe(503);
  });
});

describe('fitting a name into a field', () => {
  it('cuts between characters and drops zeros', () => {
    expect(fitText('Zürich', 2)).toBe('Z');
    expect(fitText('Zürich', 3)).toBe('Zü');
    expect(fitText('a\0b', 64)).toBe('ab');
    expect(Buffer.byteLength(fitText('😀'.repeat(30), 64))).toBe(64);
  });
});
