/** Runs what is handed to it, at most `count` at a time, in the order in which it came. */
export type TransferLimit = <T>(transfer: () => Promise<T>) => Promise<T>;

export function createTransferLimit(count: number): TransferLimit {
  const waiting: (() => void)[] = [];
  let running = 0;

  function ended(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return async (transfer) => {
    if (running === count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await transfer();
    } finally {
      ended();
    }
  };
}
