import { checkExtent, checkWholeBlocks } from './extent.ts';
import { LunError, type Lun, type LunCapacity, type LunIdentity } from './lun.ts';

const IDENTITY: LunIdentity = { vendor: 'CDCTL', product: 'MEMORY', revision: '1', serial: '', worldWideName: '' };

/** A LUN in memory, sparse, for tests and rehearsals; nothing survives the process. */
export function createMemoryLun(parts: {
  readonly path: string;
  readonly capacity: LunCapacity;
  readonly identity?: Partial<LunIdentity>;
}): Lun {
  const { path, capacity } = parts;
  const blocks = new Map<number, Uint8Array>();
  let open = true;

  function check(lba: number, blockCount: number): void {
    if (!open) throw new LunError('no-path', path, `${path}: closed`);
    checkExtent(path, capacity, lba, blockCount);
  }

  return {
    path,
    identify: async () => ({ ...IDENTITY, ...parts.identity }),
    capacity: async () => capacity,
    async read(lba, blockCount) {
      check(lba, blockCount);
      const data = new Uint8Array(blockCount * capacity.blockSize);
      for (let index = 0; index < blockCount; index++) {
        const block = blocks.get(lba + index);
        if (block) data.set(block, index * capacity.blockSize);
      }
      return data;
    },
    async write(lba, data) {
      const blockCount = checkWholeBlocks(path, capacity, data);
      check(lba, blockCount);
      for (let index = 0; index < blockCount; index++) {
        blocks.set(lba + index, data.slice(index * capacity.blockSize, (index + 1) * capacity.blockSize));
      }
    },
    async flush() {
      check(0, 0);
    },
    async close() {
      open = false;
    },
  };
}
