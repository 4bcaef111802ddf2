import { createFileVolumes } from '../../src/array/file-volumes.ts';
import type { VolumeDescription } from '../../src/array/description.ts';
import { createFileStorage } from '../../src/lun/file-storage.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import type { Volume } from '../../src/array/store/volume.ts';
import { inTurn, line, median, ratio, row, type Series } from './measure.ts';

const VOLUME_BYTES = 64 * 1024 * 1024;
const SIZES = [4096, 65_536, 1_048_576];
const ROUNDS = 7;

/** What encryption costs a volume in files: reads and writes in the page cache, beside those of one in clear. */
export async function encryptionCost(directory: string): Promise<void> {
  const parts = { storage: createFileStorage(directory), random: createRealRandom() };
  const volumes = createFileVolumes({ ...parts, isPaired: () => false });
  const open = async (lun: number, options: Partial<VolumeDescription>) => {
    const description = {
      lun,
      name: `v${lun}`,
      kind: 'volume',
      blockSize: 512,
      blockCount: VOLUME_BYTES / 512,
    } as const;
    await volumes.prepare({ ...description, ...options });
    const volume = volumes.open({ ...description, ...options });
    await volume.announce(0, VOLUME_BYTES);
    return volume;
  };
  const clear = await open(1, {});
  const encrypted = await open(2, { encrypted: true });
  line('a volume that is encrypted beside one in clear, both in the page cache');
  for (const size of SIZES) {
    const data = parts.random.bytes(size);
    const times = VOLUME_BYTES / size / 4;
    const repeated = (work: (offset: number) => unknown) => (): void => {
      for (let turn = 0; turn < times; turn += 1) work(turn * size);
    };
    for (const [what, use] of [
      ['writes', (volume: Volume) => (at: number) => volume.write(at, data)],
      ['reads', (volume: Volume) => (at: number) => volume.read(at, size)],
    ] as const) {
      const series = await inTurn(ROUNDS, [
        ['in clear', repeated(use(clear))],
        ['encrypted', repeated(use(encrypted))],
      ]);
      const [floor, cost] = series as [Series, Series];
      const once = (figures: Series): string => `${((median(figures.times) * 1000) / times).toFixed(0)} µs`;
      row(
        `${what} of ${size / 1024} KiB`,
        `${once(cost)}, in clear ${once(floor)}: ${ratio(cost, floor).toFixed(1)} times`,
      );
    }
  }
  await clear.close();
  await encrypted.close();
}
