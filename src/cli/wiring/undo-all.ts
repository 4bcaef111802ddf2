/**
 * Carries out every step, the last first, also after one that failed: a lock is given back although a disk is full. Resolves
 * with the first failure, which its caller must not let hide what ended the work before.
 */
export async function undoAll(undo: readonly (() => Promise<void>)[]): Promise<unknown> {
  let failed: unknown;
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (error) {
      failed ??= error;
    }
  }
  return failed;
}
