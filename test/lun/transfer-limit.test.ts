import { describe, expect, it } from 'vitest';
import { createTransferLimit } from '../../src/lun/transfer-limit.ts';

describe('a limit of two transfers', () => {
  it('begins the third when one of the first has ended, well or badly', async () => {
    const limit = createTransferLimit(2);
    const begun: number[] = [];
    const ends: { readonly well: () => void; readonly badly: () => void }[] = [];
    const transfers = [0, 1, 2, 3].map((number) =>
      limit(async () => {
        begun.push(number);
        await new Promise<void>((resolve, reject) => {
          ends[number] = { well: resolve, badly: () => reject(new Error(`transfer ${number}`)) };
        });
        return number;
      }),
    );
    expect(begun).toEqual([0, 1]);
    ends[1]!.badly();
    await expect(transfers[1]).rejects.toThrow('transfer 1');
    expect(begun).toEqual([0, 1, 2]);
    ends[0]!.well();
    expect(await transfers[0]).toBe(0);
    expect(begun).toEqual([0, 1, 2, 3]);
    for (const number of [2, 3]) ends[number]!.well();
    expect(await Promise.all([transfers[2], transfers[3]])).toEqual([2, 3]);
    expect(await limit(() => Promise.resolve('later'))).toBe('later');
  });
});
