import { describe, expect, it } from 'vitest';
import type { JournalStatus } from '../../../src/host/operations.ts';
import { auxiliaryRegions, primaryRegions, renderRing, ringCells } from '../../../src/cli/render/ring.ts';
import { createView } from '../../../src/cli/render/view.ts';

/** Records of one block each in a ring of 100 blocks that begins at LBA 1000: write n lies at 1000 + (n - 1) % 100. */
const HEAD = 1000;
const BLOCKS = 100;
const lbaOf = (sequence: number): number => HEAD + ((sequence - 1) % BLOCKS);

function primary(out: number, next: number): JournalStatus {
  return {
    headLba: HEAD,
    endLba: HEAD + BLOCKS,
    journalOutSequence: out,
    journalOutLba: lbaOf(out),
    journalInSequence: next,
    journalInLba: lbaOf(next),
  } as JournalStatus;
}

function auxiliary(restored: number, toBeRestored: number, read: number, toBeRead: number): JournalStatus {
  return {
    headLba: HEAD,
    endLba: HEAD + BLOCKS,
    restoredSequence: restored,
    restoredLba: lbaOf(restored + 1),
    toBeRestoredSequence: toBeRestored,
    toBeRestoredLba: lbaOf(toBeRestored + 1),
    readSequence: read,
    readLba: lbaOf(read + 1),
    toBeReadSequence: toBeRead,
    toBeReadLba: lbaOf(toBeRead + 1),
  } as JournalStatus;
}

const ascii = createView({ isTTY: false, columns: 0 }, {}, 'never');

function bar(journal: JournalStatus, regions: ReturnType<typeof primaryRegions>): string {
  return ringCells(journal, regions, 50)
    .map((cell) => cell?.glyph[1] ?? '.')
    .join('');
}

describe('the journal ring (Fig. 15)', () => {
  it('of an empty journal is free', () => {
    expect(bar(primary(1, 1), primaryRegions(primary(1, 1), undefined))).toBe('.'.repeat(50));
  });

  it('of a primary shows what is stored, acquired and being acquired', () => {
    const journal = primary(11, 71);
    const regions = primaryRegions(journal, auxiliary(10, 20, 30, 50));
    expect(regions.map(({ name, records }) => [name, records])).toEqual([
      ['acquired', 20],
      ['being acquired', 20],
      ['stored', 20],
    ]);
    expect(bar(journal, regions)).toBe(
      `${'.'.repeat(5)}${'+'.repeat(10)}${'o'.repeat(10)}${'#'.repeat(10)}${'.'.repeat(15)}`,
    );
  });

  it('of a primary without its peer is all stored', () => {
    expect(primaryRegions(primary(11, 71), undefined).map(({ name, records }) => [name, records])).toEqual([
      ['stored', 60],
    ]);
  });

  it('of an auxiliary shows what is being restored, acquired and being acquired', () => {
    const journal = auxiliary(10, 20, 30, 50);
    expect(bar(journal, auxiliaryRegions(journal))).toBe(
      `${'.'.repeat(5)}${'+'.repeat(5)}${'#'.repeat(5)}${'o'.repeat(10)}${'.'.repeat(25)}`,
    );
  });

  it('runs over the end to the head', () => {
    const journal = primary(91, 111);
    expect(bar(journal, primaryRegions(journal, undefined))).toBe(`${'#'.repeat(5)}${'.'.repeat(40)}${'#'.repeat(5)}`);
  });

  it('shows a full ring, and a single record in at least one cell', () => {
    const full = primary(1, 101);
    expect(bar(full, primaryRegions(full, undefined))).toBe('#'.repeat(50));
    const one = primary(42, 43);
    expect(bar(one, primaryRegions(one, undefined)).replaceAll('.', '')).toBe('#');
  });

  it('never breaks, wherever the pointers stand', () => {
    for (let out = 1; out < 250; out += 7) {
      for (let length = 0; length <= 100; length += 3) {
        const journal = primary(out, out + length);
        const cells = ringCells(journal, primaryRegions(journal, undefined), 37);
        expect(cells).toHaveLength(37);
        expect(cells.some((cell) => cell !== undefined)).toBe(length > 0);
      }
    }
  });

  it('is drawn in ASCII where the locale has nothing else', () => {
    const journal = primary(11, 71);
    const text = renderRing(journal, primaryRegions(journal, undefined), ascii).join('\n');
    expect(text).toMatch(/^head \|\.+#+\.+\| end\n {5}# stored 60 records {2}\. free$/);
    // eslint-disable-next-line no-control-regex
    expect(/^[\u0000-\u007f]*$/.test(text)).toBe(true);
  });
});
