import { describe, expect, it } from 'vitest';
import { describeArray, LAB_SITES } from '../../../../src/cli/wiring/lab/topology.ts';

const [tokyo, osaka] = LAB_SITES.map((site, index) => ({ ...site, port: 3260 + index }));

describe('an array of the lab', () => {
  it.each([512, 4096] as const)(
    'has volumes and command devices in blocks of %d bytes, journals in 512',
    (blockSize) => {
      const { volumes } = describeArray(tokyo!, osaka!, { volumeBytes: 2 ** 22, journalBytes: 2 ** 23, blockSize });
      const bytes = Object.fromEntries(
        volumes.map((volume) => [volume.name, [volume.blockSize, volume.blockSize * volume.blockCount]]),
      );
      expect(bytes).toEqual({
        command: [blockSize, 2 ** 21],
        data: [blockSize, 2 ** 22],
        log: [blockSize, 2 ** 22],
        journal: [512, 2 ** 23],
      });
    },
  );
});
