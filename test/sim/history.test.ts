import { describe, expect, it } from 'vitest';
import {
  addWrite,
  BROKEN,
  checkPrefix,
  createHistory,
  findMissing,
  ZEROS,
  type History,
  type Write,
} from './history.ts';

const IMAGE_OF = (...stamps: number[]): Uint32Array[] => [Uint32Array.from(stamps)];

/** A write of one sector that was answered, from `start` to `start + 1`. */
function write(history: History, id: number, sector: number, start: number): Write {
  const made = { id, volume: 0, first: sector, count: 1, start, end: start + 1, good: true, flushed: true };
  addWrite(history, made);
  return made;
}

function judge(history: History, ...stamps: number[]): () => void {
  return () => checkPrefix(history, IMAGE_OF(...stamps), { invariant: 'I1-prefix', what: 'the image' });
}

describe('an image as a prefix of a history', () => {
  it('takes zeros for the base where nothing later shows', () => {
    const history = createHistory('test', IMAGE_OF(0, 0));
    write(history, 7, 0, 10);
    write(history, ZEROS, 0, 20);
    write(history, 8, 1, 30);
    expect(judge(history, 0, 0)).not.toThrow();
    expect(judge(history, 7, 0)).not.toThrow();
    expect(judge(history, 0, 8)).not.toThrow();
  });

  it('misses a deallocation that was answered before a write that shows', () => {
    const history = createHistory('test', IMAGE_OF(0, 0));
    write(history, 7, 0, 10);
    write(history, ZEROS, 0, 20);
    write(history, 8, 1, 30);
    expect(judge(history, 7, 8)).toThrow(/must be in it/);
  });

  it('misses a write between two deallocations of different sectors', () => {
    const history = createHistory('test', IMAGE_OF(5, 0, 0));
    write(history, 7, 1, 10);
    write(history, ZEROS, 0, 20);
    expect(judge(history, 0, 0, 0)).toThrow(/write 7/);
    expect(judge(history, 5, 0, 0)).not.toThrow();
    expect(judge(history, 0, 7, 0)).not.toThrow();
  });

  it('takes a broken sector for the older of two breaks', () => {
    const history = createHistory('test', IMAGE_OF(BROKEN, 0));
    write(history, 7, 1, 10);
    write(history, BROKEN, 0, 20);
    expect(judge(history, BROKEN, 0)).not.toThrow();
  });

  it('takes of two deallocations under way at once the one that was done last for what a power cut left', () => {
    const history = createHistory('test', IMAGE_OF(5));
    write(history, ZEROS, 0, 10).end = 40;
    write(history, ZEROS, 0, 20);
    write(history, 7, 0, 30);
    const lost = write(history, 8, 0, 50);
    const question = { invariant: 'I2-durable', what: 'the image', before: Infinity } as const;
    expect(findMissing(history, IMAGE_OF(0), question).map((missing) => missing.write)).toEqual([lost]);
  });
});
