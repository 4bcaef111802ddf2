import type { StorageFile } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import type { ChunkMap } from './chunk-map.ts';

/**
 * The bytes of a volume: a sparse file, and a map of the chunks that were ever written (so that a copy of a 16 TiB
 * volume reads only what is there). Offsets and lengths are bytes.
 */
export interface Volume {
  readonly description: VolumeDescription;
  readonly byteLength: number;
  readonly written: ChunkMap;
  read(offset: number, length: number): Uint8Array;
  /** Must be awaited before `write` of the same range; undefined where nothing has to be waited for. */
  announce(offset: number, length: number): Promise<void> | undefined;
  /** To the page cache; survives the death of the process, not a power cut. */
  write(offset: number, data: Uint8Array): void;
  /** Everything written before is durable when it resolves. */
  flush(): Promise<void>;
  close(): void;
}

export function openVolume(description: VolumeDescription, file: StorageFile, written: ChunkMap): Volume {
  const byteLength = description.blockSize * description.blockCount;
  return {
    description,
    byteLength,
    written,
    read(offset, length) {
      const data = new Uint8Array(length);
      const chunk = Math.floor(offset / written.chunkBytes);
      const last = Math.floor((offset + length - 1) / written.chunkBytes);
      const present = written.next(chunk);
      if (present !== undefined && present <= last) file.read(data, offset);
      return data;
    },
    announce: (offset, length) => written.mark(offset, length),
    write: (offset, data) => file.write(data, offset),
    flush: () => file.flush(),
    close() {
      file.close();
      written.close();
    },
  };
}
