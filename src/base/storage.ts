/**
 * Where an array keeps its bytes: a directory of files. One real implementation (`src/lun/file-storage.ts`); the
 * simulator's loses, tears and reorders what was not flushed.
 *
 * Reads and writes are synchronous because page-cached calls cost a quarter of a thread-pool hop; only `flush` waits.
 * After a failed flush the file's unflushed content counts as lost: `flush` then throws for ever (see fsyncgate).
 */
export interface StorageFile {
  readonly name: string;
  /** Bytes up to the end of the file; a sparse file's holes count. */
  size(): number;
  /** Fills `target` from `offset`; what lies beyond the end of the file reads as zeros. */
  read(target: Uint8Array, offset: number): void;
  /** Writes all of `source` at `offset`, growing the file. Throws on ENOSPC, EIO: nothing may be taken as written then. */
  write(source: Uint8Array, offset: number): void;
  /** Cuts or extends (sparsely) to `size` bytes. */
  truncate(size: number): void;
  /** Resolves when everything written before the call is durable. Concurrent calls may share one device flush. */
  flush(): Promise<void>;
  close(): void;
}

export interface Storage {
  /** Opens a file, creating an empty one where there is none. */
  open(name: string): StorageFile;
  exists(name: string): boolean;
  /** Names of all files, sorted. */
  list(): string[];
  /** Replaces `to` by `from` atomically and makes the directory durable. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
}
