/**
 * Many callers, one device flush: a caller is served by a flush that *began* after its call, so that everything it
 * wrote before is covered. While one flush runs, all new callers wait together for the next one.
 *
 * A failed flush is final: the kernel may have dropped the dirty pages and would report success next time.
 */
export interface GroupCommit {
  /** Rejects with the first failure, then for ever. */
  flush(): Promise<void>;
  /** The failure that ended it. */
  failure(): Error | undefined;
}

export function createGroupCommit(flushDevice: () => Promise<void>): GroupCommit {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let failure: Error | undefined;

  async function run(): Promise<void> {
    if (failure) throw failure;
    try {
      await flushDevice();
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error));
      throw failure;
    }
  }

  function start(): Promise<void> {
    const current = run().finally(() => {
      if (running === current) running = undefined;
    });
    running = current;
    return current;
  }

  function afterRunning(before: Promise<void>): Promise<void> {
    const begin = (): Promise<void> => {
      next = undefined;
      return start();
    };
    return before.then(begin, begin);
  }

  return {
    flush() {
      if (failure) return Promise.reject(failure);
      if (!running) return start();
      next ??= afterRunning(running);
      return next;
    },
    failure: () => failure,
  };
}
