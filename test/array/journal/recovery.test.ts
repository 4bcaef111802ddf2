import { describe, expect, it } from 'vitest';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import { openJournalVolume } from '../../../src/array/journal/journal-volume.ts';
import { journalChain, scanJournal } from '../../../src/array/journal/recovery.ts';
import { decodeRecord } from '../../../src/array/journal/record.ts';
import { START, type Position } from '../../../src/array/store/array-state.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const GENERATION = '1111111111111111';
const LINEAGE = { lineage: [{ generation: GENERATION, startSequence: 0 }] };

function journalWith(records: ReadonlyArray<{ incarnation: number; generation?: string; blocks?: number }>) {
  const journal = openJournalVolume(createMemoryStorage().open('journal'), journalGeometry(8 + 9 * 8));
  const ends: Position[] = [START];
  for (const { incarnation, generation = GENERATION, blocks = 1 } of records) {
    const write = {
      slot: 0,
      lun: 10,
      lba: ends.length,
      length: blocks,
      data: new Uint8Array(blocks * 512).fill(ends.length),
    };
    ends.push(journal.append(write, ends.at(-1)!, { generation, incarnation, wallMs: 5, durable: 0 }));
  }
  return { journal, ends };
}

describe('journal recovery', () => {
  it('finds every record stored, in order, with its data', () => {
    const { journal, ends } = journalWith([{ incarnation: 1 }, { incarnation: 1, blocks: 3 }, { incarnation: 2 }]);
    const seen: number[] = [];
    for (const { record, data } of journalChain(journal, START, LINEAGE)) {
      seen.push(record.lba, data.length, data[0]!);
    }
    expect(scanJournal(journal, START, LINEAGE)).toEqual(ends.at(-1));
    expect(seen).toEqual([1, 512, 1, 2, 1536, 2, 3, 512, 3]);
  });

  it('stops at a record whose metadata or data is damaged, wherever the damage is', () => {
    for (const lba of [metadataLba(journalGeometry(80), 2), 16 + 1]) {
      for (let byte = 0; byte < 512; byte += 37) {
        const { journal, ends } = journalWith([{ incarnation: 1 }, { incarnation: 1 }, { incarnation: 1 }]);
        const block = journal.readBlocks(lba, 1);
        block[byte]! ^= 1;
        journal.writeBlocks(lba, block);
        expect(scanJournal(journal, START, LINEAGE)).toEqual(ends[1]);
      }
    }
  });

  it('never brings an orphan behind a refilled hole back to life', () => {
    const { journal, ends } = journalWith([{ incarnation: 1 }, { incarnation: 1 }, { incarnation: 1 }]);
    journal.writeBlocks(metadataLba(journal.geometry, 2), new Uint8Array(512));
    const afterCrash = scanJournal(journal, START, LINEAGE);
    expect(afterCrash).toEqual(ends[1]);
    const write = { slot: 0, lun: 10, lba: 99, length: 1, data: new Uint8Array(512).fill(9) };
    const refilled = journal.append(write, afterCrash, {
      generation: GENERATION,
      incarnation: 2,
      wallMs: 6,
      durable: 0,
    });
    expect(refilled).toEqual(ends[2]);
    expect(scanJournal(journal, START, LINEAGE)).toEqual(refilled);
  });

  it('brings none back when the record that filled the hole has been freed since', () => {
    const { journal, ends } = journalWith([{ incarnation: 1 }, { incarnation: 1 }, { incarnation: 1 }]);
    journal.writeBlocks(metadataLba(journal.geometry, 2), new Uint8Array(512));
    const write = { slot: 0, lun: 10, lba: 99, length: 1, data: new Uint8Array(512).fill(9) };
    const refilled = journal.append(write, ends[1]!, { generation: GENERATION, incarnation: 2, wallMs: 6, durable: 0 });
    const recovered = { sequence: 1, incarnation: 2 };
    expect(scanJournal(journal, refilled, { ...LINEAGE, recovered })).toEqual(refilled);
  });

  it('leaves out records of a generation that the lineage does not give to their number', () => {
    const { journal, ends } = journalWith([{ incarnation: 1 }, { incarnation: 1, generation: '2222222222222222' }]);
    expect(scanJournal(journal, START, LINEAGE)).toEqual(ends[1]);
  });

  it('reads a record written around the end of the ring', () => {
    const journal = openJournalVolume(createMemoryStorage().open('journal'), journalGeometry(8 + 9 * 8));
    const kept = { sequence: 7, offset: 62 };
    const data = Uint8Array.from({ length: 4 * 512 }, (_, index) => (index * 7) & 0xff);
    const tail = journal.append({ slot: 1, lun: 3, lba: 0, length: 4, data }, kept, {
      generation: GENERATION,
      incarnation: 1,
      wallMs: 0,
      durable: 0,
    });
    const stored = journal.readRecord(8);
    expect(stored.ok && journal.readData(stored.value.record)).toEqual({ ok: true, value: data });
    expect(tail).toEqual({ sequence: 8, offset: 66 });
  });
});

describe('journal record', () => {
  it('is refused with any single byte flipped or cut off', () => {
    const { journal } = journalWith([{ incarnation: 3 }]);
    const bytes = journal.readBlocks(metadataLba(journal.geometry, 1), 1);
    expect(decodeRecord(bytes).ok).toBe(true);
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      expect(decodeRecord(damaged).ok).toBe(false);
      expect(decodeRecord(bytes.subarray(0, at)).ok).toBe(false);
    }
  });
});
