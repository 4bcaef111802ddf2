import { describe, expect, it } from 'vitest';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import { openJournalVolume, type JournalVolume } from '../../../src/array/journal/journal-volume.ts';
import { journalChain, journalEnd, scanJournal } from '../../../src/array/journal/recovery.ts';
import { decodeRecord } from '../../../src/array/journal/record.ts';
import { START, type Position } from '../../../src/array/store/array-state.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

const GENERATION = '1111111111111111';
const LINEAGE = { lineage: [{ generation: GENERATION, startSequence: 0 }] };

function journalWith(
  records: ReadonlyArray<{ incarnation: number; generation?: string; blocks?: number; durable?: number }>,
) {
  const journal = openJournalVolume(createMemoryStorage().open('journal'), journalGeometry(8 + 9 * 8));
  const ends: Position[] = [START];
  for (const { incarnation, generation = GENERATION, blocks = 1, durable = 0 } of records) {
    const write = {
      slot: 0,
      lun: 10,
      lba: ends.length,
      length: blocks,
      data: new Uint8Array(blocks * 512).fill(ends.length),
    };
    ends.push(journal.append(write, ends.at(-1)!, { generation, incarnation, wallMs: 5, durable }));
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

describe('what a later record says of a journal that seems to end', () => {
  const stored = (...durable: number[]) => journalWith(durable.map((upTo) => ({ incarnation: 3, durable: upTo })));

  function spoil(journal: JournalVolume, sequence: number): void {
    journal.writeBlocks(metadataLba(journal.geometry, sequence), new Uint8Array(512).fill(0xee));
  }

  it('is that it was damaged: the record is named, with what is wrong and the proof', () => {
    const { journal, ends } = stored(0, 0, 0, 2, 2);
    spoil(journal, 2);
    const { tail, lost } = journalEnd(journal, START, LINEAGE);
    expect(tail).toEqual(ends[1]);
    expect(lost).toMatchObject({ from: 2, to: 2, count: 1 });
    expect(lost?.why).toMatch(/^journal-record.crc: .*; record 4 was stored when the journal was durable up to 2$/);
  });

  it('counts every record that was durable and cannot be read, its data too', () => {
    const { journal } = stored(0, 0, 0, 0, 0, 5, 5);
    spoil(journal, 2);
    journal.writeBlocks(16 + 4 - 1, new Uint8Array(512));
    expect(journalEnd(journal, START, LINEAGE).lost).toMatchObject({ from: 2, to: 4, count: 2 });
  });

  it('is nothing where it was stored before the missing one was durable, as a power cut leaves it', () => {
    const { journal, ends } = stored(0, 0, 1, 1, 1);
    spoil(journal, 2);
    expect(journalEnd(journal, START, LINEAGE)).toEqual({ tail: ends[1] });
  });

  it('counts from a record of this life only: of its generation, and of no earlier start', () => {
    const older = journalWith([
      { incarnation: 1 },
      { incarnation: 1 },
      { incarnation: 1 },
      { incarnation: 1, durable: 2 },
    ]);
    spoil(older.journal, 2);
    expect(journalEnd(older.journal, START, LINEAGE).lost).toMatchObject({ from: 2 });
    const recovered = { sequence: 1, incarnation: 2 };
    expect(journalEnd(older.journal, START, { ...LINEAGE, recovered })).toEqual({ tail: older.ends[1] });
    const foreign = journalWith([
      { incarnation: 1 },
      { incarnation: 1 },
      { incarnation: 1 },
      { incarnation: 1, durable: 2, generation: '2222222222222222' },
    ]);
    spoil(foreign.journal, 2);
    expect(journalEnd(foreign.journal, START, LINEAGE)).toEqual({ tail: foreign.ends[1] });
  });

  it('is believed across the end of the metadata region', () => {
    const { journal } = journalWith([]);
    const kept = { sequence: 6, offset: 0 };
    let tail: Position = kept;
    for (const durable of [6, 6, 6, 8]) {
      const write = { slot: 0, lun: 10, lba: 1, length: 1, data: new Uint8Array(512) };
      tail = journal.append(write, tail, { generation: GENERATION, incarnation: 1, wallMs: 5, durable });
    }
    spoil(journal, 8);
    expect(journalEnd(journal, kept, LINEAGE).lost).toMatchObject({ from: 8, to: 8, count: 1 });
  });

  it('is not needed where the tables say how far the last start had come', () => {
    const { journal } = stored(0, 0, 0);
    spoil(journal, 2);
    const recovered = { sequence: 3, incarnation: 3 };
    const { lost } = journalEnd(journal, START, { ...LINEAGE, recovered });
    expect(lost).toMatchObject({ from: 2, to: 2, count: 1 });
    expect(lost?.why).toMatch(/the tables say that the journal reached record 3$/);
  });

  it('no longer matters once that was given up: the others follow in their order, up to the end', () => {
    const { journal, ends } = stored(0, 0, 0, 2, 4, 4);
    for (const sequence of [2, 3, 6]) spoil(journal, sequence);
    const givenUp = { ...LINEAGE, givenUpTo: 3 };
    expect([...journalChain(journal, START, givenUp)].map(({ end }) => end.sequence)).toEqual([1, 4, 5]);
    expect(journalEnd(journal, START, givenUp)).toEqual({ tail: ends[5] });
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
