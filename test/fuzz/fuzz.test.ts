import { describe, expect, it } from 'vitest';
import { FUZZERS } from './all.ts';
import { FuzzFailure, play, type Fuzzer } from './fuzzer.ts';

/** The share of every run: the same rounds each time. More of them: `npm run fuzz -- --seed N --count M`. */
const ROUNDS: Readonly<Record<string, number>> = {
  'pdu-stream': 2,
  storage: 1,
  configuration: 2,
  'interface-blocks': 2,
};

describe('whatever comes from outside', () => {
  // Measured memory is no matter of a run that has to end the same each time.
  const played = FUZZERS.filter(({ name }) => name !== 'memory');

  it.each(played.map((fuzzer) => [fuzzer.name, fuzzer] as const))('%s', async (name, fuzzer) => {
    expect(await play(fuzzer, 1, ROUNDS[name] ?? 8)).toBeGreaterThan(0);
  });
});

describe('the player', () => {
  const broken = (round: Fuzzer['round']): Fuzzer => ({ name: 'planted', promise: 'nothing happens', round });

  it('names the round that breaks a promise', async () => {
    let rounds = 0;
    const third = broken(() => {
      rounds += 1;
      if (rounds === 3) throw new TypeError('planted');
      return 1;
    });
    await expect(play(third, 10, 5)).rejects.toThrow(/planted[\s\S]*--only planted --seed 12/);
  });

  it('sees a rejection that nobody handles', async () => {
    const loose = broken(() => {
      void Promise.reject(new Error('left alone'));
      return 1;
    });
    await expect(play(loose, 1, 1)).rejects.toThrow(FuzzFailure);
  });
});
