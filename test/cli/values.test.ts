import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  formatSize,
  parseDuration,
  parseInteger,
  parseLun,
  parseSize,
  targetUrl,
} from '../../src/cli/values.ts';
import { parseLunPath } from '../../src/lun/lun-path.ts';

describe('values as people write them', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['30', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['0', 0],
    ['', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
    ['1e3', undefined],
  ])('duration %j', (text, expected) => expect(parseDuration(text)).toBe(expected));

  it.each([
    ['4096', 4096],
    ['64MiB', 67_108_864],
    ['64M', 67_108_864],
    ['1GiB', 2 ** 30],
    ['1TiB', 2 ** 40],
    ['1.5K', 1536],
    ['0', 0],
    ['64MB', undefined],
    ['MiB', undefined],
    ['', undefined],
    ['-1', undefined],
    ['9999999TiB', undefined],
    ['1constructor', undefined],
  ])('size %j', (text, expected) => expect(parseSize(text)).toBe(expected));

  it.each([
    ['0', 0],
    ['16383', 16383],
    ['16384', undefined],
    ['0x10', 16],
    ['1.0', undefined],
    [' 1', undefined],
  ])('LUN %j', (text, expected) => expect(parseLun(text)).toBe(expected));

  it('integers are exact or nothing', () => {
    expect(parseInteger('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseInteger('9007199254740993')).toBeUndefined();
  });

  it('sizes come back as they were', () => {
    for (const bytes of [1, 512, 1024, 1536, 4096, 2 ** 20, 3 * 2 ** 30, 2 ** 40, 16 * 2 ** 40, 2 ** 40 + 512]) {
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    }
    expect(formatSize(64 * 2 ** 20)).toBe('64MiB');
  });

  it('are shown in units', () => {
    expect([0, 1023, 1024, 1536, 2 ** 40, 2 ** 50].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1 KiB',
      '1.5 KiB',
      '1 TiB',
      '1024 TiB',
    ]);
    expect([0, 999, 1000, 119_999, 120_000, 7_200_000].map(formatDuration)).toEqual([
      '0 ms',
      '999 ms',
      '1.0 s',
      '120.0 s',
      '2 min',
      '2.0 h',
    ]);
  });
});

it.each([
  ['127.0.0.1', 'iscsi://127.0.0.1:3260/iqn.2026-11.io.cdctl:tokyo'],
  ['::1', 'iscsi://[::1]:3260/iqn.2026-11.io.cdctl:tokyo'],
])('the path of a target at %s can be read back', (host, expected) => {
  const url = targetUrl(host, 3260, 'iqn.2026-11.io.cdctl:tokyo');
  expect(url).toBe(expected);
  expect(parseLunPath(`${url}/10`)).toMatchObject({ kind: 'iscsi', portal: { host, port: 3260 } });
});
