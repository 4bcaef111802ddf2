import { beforeEach, describe, expect, it } from 'vitest';
import { UnflushedWrites } from '../../../src/array/far/unflushed-writes.ts';
import { createMemoryLun } from '../../../src/lun/memory-lun.ts';

const way = () => createMemoryLun({ path: 'far', capacity: { blockSize: 512, blockCount: 8 } });
const [mine, other] = [way(), way()];
const lasts = async (): Promise<boolean> => true;
const broken = async (): Promise<boolean> => false;

let writes: UnflushedWrites;

beforeEach(() => {
  writes = new UnflushedWrites();
});

describe('a flush', () => {
  it('covers the writes of its own connection without asking', async () => {
    writes.wrote(mine);
    expect(await writes.begin()(mine, true, broken)).toBe(true);
    expect(writes.has(mine)).toBe(false);
  });

  it('covers those of other connections that last', async () => {
    writes.wrote(other);
    expect(await writes.begin()(mine, true, lasts)).toBe(true);
    expect(await writes.begin()(mine, true, broken)).toBe(true);
  });

  it('vouches for nothing behind a connection that is lost, and says so once', async () => {
    writes.wrote(other);
    expect(await writes.begin()(mine, true, broken)).toBe(false);
    expect(await writes.begin()(mine, true, broken)).toBe(true);
  });

  it('of a part of the unit covers nothing, but says what it knows', async () => {
    writes.wrote(other);
    expect(await writes.begin()(mine, false, lasts)).toBe(true);
    expect(await writes.begin()(mine, false, broken)).toBe(false);
  });

  it('does not cover what was written while it was under way', async () => {
    writes.wrote(mine);
    const covered = writes.begin();
    writes.wrote(mine);
    expect(await covered(mine, true, lasts)).toBe(true);
    expect(writes.has(mine)).toBe(true);
  });
});
