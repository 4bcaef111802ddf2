import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import { createFakeClock } from '../support/fake-clock.ts';

describe('the progress line', () => {
  it('comes only after a while, and leaves nothing that waits', async () => {
    const clock = createFakeClock();
    const stream = new PassThrough();
    const line = new ProgressLine(stream, clock);
    line.show('reading');
    line.show('reading more');
    expect(clock.pending()).toBe(1);
    await clock.advance(200);
    line.hide();
    expect(clock.pending()).toBe(0);
    await clock.advance(10_000);
    expect(stream.read()).toBeNull();
  });

  it('can be shown again after it was hidden', async () => {
    const clock = createFakeClock();
    const line = new ProgressLine(new PassThrough(), clock);
    line.show('one');
    line.hide();
    line.show('two');
    expect(clock.pending()).toBe(1);
    line.hide();
  });
});
