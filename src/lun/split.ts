/** Pieces of one large transfer that are under way at once. */
const PIECES_IN_FLIGHT = 4;

/**
 * Cuts a transfer of `total` blocks into pieces of at most `largest` and runs a few of them at a time. After a failure
 * no further piece is begun; rejects with the first failure once the pieces under way have ended.
 */
export async function runSplit(
  total: number,
  largest: number,
  piece: (from: number, count: number) => Promise<void>,
): Promise<void> {
  if (total === 0) return;
  if (total <= largest) return piece(0, total);
  const failures: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < total && failures.length === 0) {
      const from = next;
      next = Math.min(total, from + largest);
      await piece(from, next - from).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: PIECES_IN_FLIGHT }, lane));
  if (failures.length > 0) throw failures[0];
}
