import { expect, it } from 'vitest';
import {
  createLoginPatience,
  FORGOTTEN_AFTER_MS,
  FREE_FAILURES,
  KEPT,
  LAST_WAIT_MS,
} from '../../../src/iscsi/target/login-patience.ts';

const DB = 'iqn.2026-11.com.example:db';
const HERE = '192.0.2.7:4711';

function failing(times: number) {
  const patience = createLoginPatience();
  for (let time = 0; time < times; time += 1) patience.failed(HERE, DB, 0);
  return patience;
}

it('lets a few wrong secrets pass, and makes each further one wait twice as long, up to a limit', () => {
  const waits = Array.from({ length: 14 }, (_, count) => failing(count).waitMs('192.0.2.7:9', DB, 0));
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, LAST_WAIT_MS, LAST_WAIT_MS]);
  expect(waits[FREE_FAILURES]).toBe(1000);
});

it('keeps no other name waiting, and nobody at another address', () => {
  const patience = failing(20);
  expect(patience.waitMs(HERE, `${DB}2`, 0)).toBe(0);
  expect(patience.waitMs('192.0.2.8:4711', DB, 0)).toBe(0);
});

it('is over when its time is, with the right secret, and when it was quiet for long', () => {
  const patience = failing(20);
  expect(patience.waitMs(HERE, DB, LAST_WAIT_MS - 1)).toBe(1);
  expect(patience.waitMs(HERE, DB, LAST_WAIT_MS)).toBe(0);
  patience.proved(HERE, DB);
  patience.failed(HERE, DB, LAST_WAIT_MS);
  expect(patience.waitMs(HERE, DB, LAST_WAIT_MS)).toBe(0);
  const quiet = failing(20);
  quiet.failed(HERE, DB, FORGOTTEN_AFTER_MS);
  expect(quiet.waitMs(HERE, DB, FORGOTTEN_AFTER_MS)).toBe(0);
});

it('takes the addresses of one IPv6 network for one', () => {
  const patience = createLoginPatience();
  for (let host = 1; host <= 8; host += 1) patience.failed(`[2001:db8:1:2::${host}]:4711`, DB, 0);
  expect(patience.waitMs('[2001:0db8:1:2:ffff:0:0:1]:9', DB, 0)).toBe(1000);
  expect(patience.waitMs('[2001:db8:1:3::1]:9', DB, 0)).toBe(0);
  expect(patience.waitMs('[::1]:9', DB, 0)).toBe(0);
});

it('remembers so many and no more, the latest', () => {
  const patience = failing(8);
  for (let host = 0; host < KEPT - 1; host += 1) patience.failed(`10.0.${host >> 8}.${host & 255}:1`, DB, 0);
  expect(patience.waitMs(HERE, DB, 0)).toBe(1000);
  patience.failed('10.9.9.9:1', DB, 0);
  expect(patience.waitMs(HERE, DB, 0)).toBe(0);
});
