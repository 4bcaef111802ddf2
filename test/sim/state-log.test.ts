import { describe, expect, it } from 'vitest';
import { openStateLog } from '../../src/array/store/state-log.ts';
import { createDisk } from './disk.ts';
import { createDraws } from './randomness.ts';
import { createScheduler, end, type Life } from './scheduler.ts';

interface Entry {
  readonly commit: string;
}

/** Commits, and what crashes leave of them, on a disk that loses and tears. */
function createStage(seed: number) {
  const scheduler = createScheduler();
  const disk = createDisk(scheduler, createDraws(seed, 'disk'), { flushMs: 1, stallRate: 0, garbage: true });
  return {
    disk,
    open: (life: Life) => run(openStateLog<Entry>(disk.storage(life), () => [])),
    run,
  };

  async function run<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const mark = (): void => void (state.settled = true);
    promise.then(mark, mark);
    scheduler.after(0, () => undefined);
    while (!state.settled && (await scheduler.step())) continue;
    return promise;
  }
}

describe('the state log', () => {
  it('opens after kill -9 during one commit and a power cut during the next', async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const { disk, open, run } = createStage(seed);
      const first: Life = { alive: true };
      const { log } = await open(first);
      await run(log.append({ commit: 'confirmed' }));
      void log.append({ commit: 'under way' });
      await Promise.resolve();
      end(first);
      const second: Life = { alive: true };
      const reopened = await open(second);
      void reopened.log.append({ commit: 'after the restart' });
      await Promise.resolve();
      end(second);
      disk.powerCut();
      const { entries } = await open({ alive: true });
      // What the second life answered from must still be there.
      expect(entries.slice(0, reopened.entries.length)).toEqual(reopened.entries);
      expect(reopened.entries).toHaveLength(2);
    }
  });
});
