import { describe, expect, it } from 'vitest';
import { LunError } from '../../src/lun/lun.ts';
import { createMemoryLun } from '../../src/lun/memory-lun.ts';

const lun = () => createMemoryLun({ path: 'memory:1', capacity: { blockSize: 512, blockCount: 2 ** 40 } });

describe('a LUN in memory', () => {
  it('reads zeros and what was written, wherever it is', async () => {
    const memory = lun();
    const data = new Uint8Array(1024).fill(3, 0, 512).fill(4, 512);
    await memory.write(2 ** 40 - 2, data);
    data.fill(9);
    const read = await memory.read(2 ** 40 - 3, 3);
    expect([read[0], read[512], read[1024]]).toEqual([0, 3, 4]);
    expect(await memory.identify()).toMatchObject({ product: 'MEMORY' });
  });

  it('refuses what is outside, not whole, or after its end', async () => {
    const memory = lun();
    await expect(memory.read(2 ** 40, 1)).rejects.toThrow(LunError);
    await expect(memory.read(0.5, 1)).rejects.toThrow(LunError);
    await expect(memory.write(0, new Uint8Array(513))).rejects.toThrow(/whole number of blocks/);
    await memory.flush();
    await memory.close();
    await expect(memory.flush()).rejects.toThrow(/closed/);
  });
});
