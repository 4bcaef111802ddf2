import { describe, expect, it } from 'vitest';
import { encodeSector, SECTOR_BYTES } from './support/sectors.ts';
import { WriteHistory, type Contents, type Write } from './support/write-history.ts';

/** The checker finds what it is there to find: planted mistakes in volumes made by hand. */

const LUNS = [10, 11];
const SECTORS = 8;

function blank(): Map<number, Buffer> {
  return new Map(LUNS.map((lun) => [lun, Buffer.alloc(SECTORS * SECTOR_BYTES)]));
}

function put(contents: Contents, { volume, lba, sectors, counter }: Write, only = sectors): void {
  for (let at = lba; at < lba + only; at += 1) {
    encodeSector({ volume, lba: at, counter }).copy(contents.get(volume)!, at * SECTOR_BYTES);
  }
}

/** Three writes, one after the other, the second on the other volume; then one that is in flight. */
function example() {
  const history = new WriteHistory(LUNS, SECTORS);
  const [first, second, third] = [
    [10, 0, 4],
    [11, 2, 2],
    [10, 2, 3],
  ].map(([volume, lba, sectors]) => {
    const write = history.issue(volume!, lba!, sectors!)!;
    history.acknowledge(write);
    return write;
  }) as [Write, Write, Write];
  const flying = history.issue(11, 5, 2)!;
  return { history, first, second, third, flying };
}

describe('every beginning of the writes', () => {
  it.each([0, 1, 2, 3, 4])('of %i writes is a prefix, and only the whole is all', (count) => {
    const { history, first, second, third, flying } = example();
    const contents = blank();
    for (const write of [first, second, third, flying].slice(0, count)) put(contents, write);
    expect(history.verifyPrefix(contents)).toEqual({ findings: [], missing: Math.max(0, 3 - count) });
    expect(history.verifyAll(contents).findings.length === 0).toBe(count >= 3);
  });
});

describe('a mistake', () => {
  it('is a write on one volume that came without an earlier one on the other', () => {
    const { history, first, third } = example();
    const contents = blank();
    put(contents, first);
    put(contents, third);
    expect(history.verifyPrefix(contents).findings).toHaveLength(2);
    expect(history.verifyPrefix(contents).findings[0]).toMatch(/volume 11 sector 2 holds write 0, not .* write 2/);
  });

  it('is half an acknowledged write', () => {
    const { history, first } = example();
    const contents = blank();
    put(contents, first, 3);
    expect(history.verifyPrefix(contents).findings).toEqual([
      'volume 10 sector 3 holds write 0, not acknowledged write 1 of sectors 0 to 3',
    ]);
  });

  it('is not half of a write in flight', () => {
    const { history, first, second, third, flying } = example();
    const contents = blank();
    for (const write of [first, second, third]) put(contents, write);
    put(contents, flying, 1);
    expect(history.verifyAll(contents).findings).toEqual([]);
    expect(history.verifyPrefix(contents).findings).toEqual([]);
  });

  it('is a write that was refused, a sector elsewhere, a torn one, and one from before the history was settled', () => {
    const history = new WriteHistory(LUNS, SECTORS);
    const refused = history.issue(10, 0, 1)!;
    history.refuse(refused);
    const contents = blank();
    put(contents, refused);
    encodeSector({ volume: 10, lba: 5, counter: 1 }).copy(contents.get(10)!, 6 * SECTOR_BYTES);
    contents.get(11)!.write('torn', 0);
    expect(history.verifyAll(contents).findings).toEqual([
      'volume 10 sector 0 holds write 1, which was refused',
      'volume 10 sector 6 holds write 1 of volume 10 sector 5',
      expect.stringMatching(/^volume 11 sector 0 is torn or foreign: 746f726e/),
    ]);

    const { history: other, first, second, third } = example();
    const after = blank();
    for (const write of [first, second, third]) put(after, write);
    other.settle(after);
    const back = blank();
    put(back, first);
    expect(other.verifyAll(back).findings).toContainEqual(
      'volume 10 sector 2 holds write 1, but may only hold one of 3',
    );
  });

  it('cannot come from writes that overlap: they are not issued together', () => {
    const { history } = example();
    expect(history.issue(11, 6, 1)).toBeUndefined();
    expect(history.issue(11, 7, 1)).toBeDefined();
    expect(history.issue(10, 7, 2)).toBeUndefined();
  });
});
