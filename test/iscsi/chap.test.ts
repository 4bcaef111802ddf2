import { describe, expect, it } from 'vitest';
import {
  chapResponse,
  chapResponseMatches,
  chooseChapAlgorithm,
  decodeBinaryValue,
  encodeBinaryValue,
} from '../../src/iscsi/chap.ts';

/** Made with Python's hashlib: H(0x7f, "a secret of bob", bytes 0 to 31). */
const RESPONSES: readonly [number, string][] = [
  [5, '018b9147f8f2420843b5efc3b8afb7d4'],
  [6, '43fb791236424fcff0d6c16b5f0a7b39f5941419'],
  [7, '0cc8ceb2541e94b29e17f2a88199a8ba2b685aa27d49c4f2428b9a53d9106f39'],
  [8, 'c29a933e3475289447af5bf8e15aa54b668225559b078b92650b400bebed307a'],
];

describe('CHAP responses', () => {
  it.each(RESPONSES)('of algorithm %i', (algorithm, expected) => {
    const challenge = Uint8Array.from({ length: 32 }, (_, at) => at);
    const response = chapResponse(algorithm, 0x7f, 'a secret of bob', challenge);
    expect(Buffer.from(response).toString('hex')).toBe(expected);
    expect(chapResponseMatches(response, Buffer.from(expected, 'hex'))).toBe(true);
    expect(chapResponseMatches(response, Buffer.from(expected.slice(2), 'hex'))).toBe(false);
    expect(chapResponseMatches(response, Buffer.alloc(response.length))).toBe(false);
  });

  it('are not made with an algorithm that nobody knows', () => {
    expect(() => chapResponse(56, 1, 'x', new Uint8Array(16))).toThrow(RangeError);
  });

  it.each([
    ['5', 5],
    ['8,7,6,5', 8],
    ['5,6,7', 7],
    ['6,5', 6],
    ['56,6', 6],
    ['56', undefined],
    ['', undefined],
    ['MD5', undefined],
  ])('choose from %s: %s', (offered, chosen) => {
    expect(chooseChapAlgorithm(offered)).toBe(chosen);
  });

  it('choose the strongest of those that are allowed', () => {
    expect(chooseChapAlgorithm('8,6,5,7', [5, 6, 7])).toBe(7);
    expect(chooseChapAlgorithm('5', [6, 7, 8])).toBe(undefined);
  });
});

describe('binary values', () => {
  it.each([
    ['0x00ff10', '00ff10'],
    ['0X00FF10', '00ff10'],
    ['0xf10', '0f10'],
    ['0bAP8Q', '00ff10'],
    ['0bAP8=', '00ff'],
  ])('%s', (text, hex) => {
    const value = decodeBinaryValue('CHAP_R', text);
    expect(value.ok && Buffer.from(value.value).toString('hex')).toBe(hex);
  });

  it.each(['', '00ff', '0x', '0xzz', '0b', '0bA', '0b????', `0x${'00'.repeat(1025)}`, `0b${'AAAA'.repeat(342)}`])(
    'refuses %.20s',
    (text) => {
      expect(decodeBinaryValue('CHAP_R', text).ok).toBe(false);
    },
  );

  it('is written in hexadecimal', () => {
    expect(encodeBinaryValue(Uint8Array.of(0, 255))).toBe('0x00ff');
  });
});
