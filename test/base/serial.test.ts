import { describe, expect, it } from 'vitest';
import { serialAdd, serialBetween, serialDistance, serialLess, serialLessOrEqual } from '../../src/base/serial.ts';

describe('serial number arithmetic (RFC 1982)', () => {
  it('wraps around', () => {
    expect(serialAdd(0xffff_ffff, 1)).toBe(0);
    expect(serialAdd(0xffff_fffe, 5)).toBe(3);
    expect(serialDistance(0xffff_ffff, 1)).toBe(2);
    expect(serialDistance(1, 0xffff_ffff)).toBe(-2);
  });

  it('orders by the shorter way round', () => {
    expect(serialLess(0xffff_ffff, 0)).toBe(true);
    expect(serialLess(0, 0xffff_ffff)).toBe(false);
    expect(serialLess(0, 0x7fff_ffff)).toBe(true);
    expect(serialLess(7, 7)).toBe(false);
    expect(serialLessOrEqual(7, 7)).toBe(true);
  });

  it('gives no order to numbers 2^31 apart', () => {
    expect(serialLess(0, 0x8000_0000)).toBe(false);
    expect(serialLess(0x8000_0000, 0)).toBe(false);
  });

  it('knows ranges that cross zero, and empty ones', () => {
    const inside = [0xffff_fffe, 0xffff_ffff, 0, 1].map((serial) => serialBetween(serial, 0xffff_fffe, 1));
    expect(inside).toEqual([true, true, true, true]);
    expect(serialBetween(2, 0xffff_fffe, 1)).toBe(false);
    expect(serialBetween(5, 5, 4)).toBe(false);
  });
});
