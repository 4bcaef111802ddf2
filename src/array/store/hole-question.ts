import { coveredUntil, holeBeside, type Hole } from './unstored.ts';
import type { WriteBehind } from './write-behind.ts';

/**
 * Asks a LUN what it holds at `offset`, bytes of the volume on it. Data on their way when it is asked, or given to it while it
 * answers, may come behind its answer and count as there; an answer of before a new connection, over which all is sent again,
 * counts for nothing.
 */
export async function askHole(
  offset: number,
  writes: Pick<WriteBehind, 'unanswered' | 'generation' | 'watch'>,
  ask: () => Promise<Hole>,
): Promise<Hole> {
  for (;;) {
    const generation = writes.generation();
    const underWay = writes.unanswered();
    const covered = coveredUntil(underWay, offset);
    if (covered !== undefined) return { hole: false, end: covered };
    const meanwhile = writes.watch();
    const found = await ask().finally(meanwhile.end);
    if (generation === writes.generation()) return holeBeside([...underWay, ...meanwhile.written], offset, found);
  }
}
