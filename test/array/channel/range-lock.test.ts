import { describe, expect, it } from 'vitest';
import { RangeLock, type Release } from '../../../src/array/channel/range-lock.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Notes who holds what, in the order in which it was given. */
function harness() {
  const lock = new RangeLock();
  const held = new Map<string, Release>();
  const order: string[] = [];
  const take = (name: string, lba: number, count: number, exclusive: boolean) => {
    void Promise.resolve(lock.acquire(lba, count, exclusive)).then((release) => {
      held.set(name, release);
      order.push(name);
    });
  };
  const free = async (name: string) => {
    held.get(name)!();
    held.delete(name);
    await settled();
  };
  return { lock, held, order, take, free };
}

describe('range lock', () => {
  it('gives shared ranges at once, however they overlap', () => {
    const { lock } = harness();
    for (const [lba, count] of [
      [0, 10],
      [5, 10],
      [0, 10],
    ] as const)
      expect(typeof lock.acquire(lba, count, false)).toBe('function');
  });

  it('keeps an exclusive range apart from all that meet it, and from nothing else', async () => {
    const { take, free, order } = harness();
    take('exclusive', 10, 10, true);
    await settled();
    take('before', 0, 10, false);
    take('first', 10, 1, false);
    take('last', 19, 1, true);
    take('after', 20, 10, true);
    take('across', 0, 100, false);
    await settled();
    expect(order).toEqual(['exclusive', 'before', 'after']);
    await free('exclusive');
    expect(order).toEqual(['exclusive', 'before', 'after', 'first', 'last']);
    await free('last');
    expect(order.includes('across')).toBe(false);
    await free('after');
    expect(order.at(-1)).toBe('across');
  });

  it('lets an exclusive range wait for the shared ones that came before, and nobody overtake it', async () => {
    const { take, free, order } = harness();
    take('read', 0, 4, false);
    await settled();
    take('exclusive', 2, 4, true);
    take('later', 4, 1, false);
    take('elsewhere', 9, 1, false);
    await settled();
    expect(order).toEqual(['read', 'elsewhere']);
    await free('read');
    expect(order).toEqual(['read', 'elsewhere', 'exclusive']);
    await free('exclusive');
    expect(order.at(-1)).toBe('later');
  });

  it('forgives a release that comes twice', async () => {
    const lock = new RangeLock();
    const release = await lock.acquire(0, 1, true);
    release();
    release();
    expect(typeof lock.acquire(0, 1, true)).toBe('function');
    expect(lock.acquire(0, 1, false)).toBeInstanceOf(Promise);
  });
});
