import { expect, it } from 'vitest';
import { createRealClock } from '../../src/lun/real-clock.ts';

it('does not take a very long delay for a very short one', async () => {
  const clock = createRealClock();
  const fired: string[] = [];
  const long = clock.setTimer(3.6e15, () => void fired.push('long'));
  await new Promise<void>((resolve) => {
    clock.setTimer(30, () => {
      fired.push('short');
      resolve();
    });
  });
  long.cancel();
  expect(fired).toEqual(['short']);
});
