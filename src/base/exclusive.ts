/** Runs tasks one after the other, in the order of their calls. */
export interface Exclusive {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createExclusive(): Exclusive {
  let tail: Promise<unknown> = Promise.resolve();
  return {
    run(task) {
      const result = tail.then(task);
      tail = result.catch(() => undefined);
      return result;
    },
  };
}
