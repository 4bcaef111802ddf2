/** What the storage tells the checkers. */
export interface DiskWatcher {
  written(name: string, offset: number, data: Uint8Array): void;
  truncated(name: string, size: number): void;
  /** Everything written before the flush began is durable. */
  flushed(name: string): void;
  /** In the cache; `name` is what the file was called before. */
  renamed?(name: string): void;
  removed?(name: string): void;
  /** Whatever was not flushed has had its fate, or somebody has put an older copy there. */
  lost?(): void;
}

export function watchedBy(watchers: readonly DiskWatcher[]): DiskWatcher {
  return {
    written: (name, offset, data) => watchers.forEach((watcher) => watcher.written(name, offset, data)),
    truncated: (name, size) => watchers.forEach((watcher) => watcher.truncated(name, size)),
    flushed: (name) => watchers.forEach((watcher) => watcher.flushed(name)),
    renamed: (name) => watchers.forEach((watcher) => watcher.renamed?.(name)),
    removed: (name) => watchers.forEach((watcher) => watcher.removed?.(name)),
    lost: () => watchers.forEach((watcher) => watcher.lost?.()),
  };
}
