/** Work on the cells of a range: pieces of equal size, several at a time, begun in order. */
export interface Cells {
  /** First cell. */
  readonly index: number;
  readonly count: number;
  /** Known to be zeros without reading. */
  readonly zeros: boolean;
}

export interface PumpParts {
  /** The next cells; undefined at the end. Called again only when the last call has resolved. */
  readonly next: () => Promise<Cells | undefined>;
  readonly work: (cells: Cells) => Promise<void>;
  readonly depth: number;
  /** True: nothing further is begun. */
  readonly stopped: () => boolean;
}

/**
 * Resolves when everything that was begun has ended: true where the range was worked to its end. Rejects with the first
 * failure, after the others under way have ended and nothing further was begun.
 */
export async function pump(parts: PumpParts): Promise<boolean> {
  const { work, depth, stopped } = parts;
  const failures: unknown[] = [];
  let ended = false;
  let turn: Promise<unknown> = Promise.resolve();

  const take = (): Promise<Cells | undefined> => {
    const taken = turn.then(() => (failures.length > 0 || stopped() ? undefined : parts.next()));
    turn = taken.catch(() => undefined);
    return taken;
  };
  const lane = async (): Promise<void> => {
    try {
      for (;;) {
        const cells = await take();
        if (!cells) {
          ended ||= failures.length === 0 && !stopped();
          return;
        }
        await work(cells);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  if (failures.length > 0) throw failures[0];
  return ended;
}
