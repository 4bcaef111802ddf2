import { describe, expect, it } from 'vitest';
import type { NewEntry } from '../../../src/array/audit/audit-log.ts';
import {
  createRefusalRecords,
  FIRST_WINDOW_MS,
  LAST_WINDOW_MS,
  TOLD_AGAIN_MS,
  TOLD_ONE_BY_ONE,
} from '../../../src/array/audit/refusal-records.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const refusal = (initiator: string, process = 'pair.split'): NewEntry => ({
  event: 'refused',
  initiator,
  process,
  status: 'permission-denied',
});

function flooded() {
  const clock = createFakeClock();
  const told: NewEntry[] = [];
  const state = { broken: false, log: [] as string[] };
  const audit = {
    async append(entry: NewEntry): Promise<void> {
      if (state.broken) throw new Error('no room');
      told.push(entry);
    },
  };
  const records = createRefusalRecords({
    audit,
    clock,
    log: (text) => void state.log.push(text),
    by: 'initiator',
    sourceLimit: 64,
  });
  const eventsOf = (initiator: string) =>
    told.filter((entry) => entry.initiator === initiator).map(({ event }) => event);
  return { clock, told, state, records, eventsOf };
}

const ONE_BY_ONE = Array.from({ length: TOLD_ONE_BY_ONE }, () => 'refused');

describe('a host that is refused again and again', () => {
  it('is told of one by one, then counted: that it goes on is durable before the answer, how often when the window ends', async () => {
    const { clock, told, records, eventsOf } = flooded();
    for (let times = 0; times < TOLD_ONE_BY_ONE; times += 1) await records.refused(refusal('a'));
    for (let times = 0; times < 500; times += 1)
      await records.refused(refusal('a', times % 5 === 0 ? 'pair.delete' : 'pair.split'));
    expect(eventsOf('a')).toEqual([...ONE_BY_ONE, 'counting']);
    await records.refused(refusal('b'));
    expect(eventsOf('b')).toEqual(['refused']);
    await clock.advance(FIRST_WINDOW_MS);
    expect(told.at(-1)).toEqual({
      event: 'counted',
      initiator: 'a',
      count: 500,
      why: '500 more were refused: 100 of pair.delete permission-denied, 400 of pair.split permission-denied',
    });
  });

  it('fills no disk: so many records an hour, whatever it sends, and none of its refusals is missing', async () => {
    const { clock, told, records } = flooded();
    const SENT = 36_000;
    for (let times = 0; times < SENT; times += 1) {
      await records.refused(refusal('a'));
      await clock.advance(100);
    }
    expect(told.length).toBeLessThan(3 * (3_600_000 / LAST_WINDOW_MS) + 40);
    await records.close();
    const counts = told.reduce((sum, { event, count = 0 }) => sum + (event === 'refused' ? 1 : count), 0);
    expect(counts).toBe(SENT);
  });

  it('is told of one by one again once it was quiet', async () => {
    const { clock, told, records } = flooded();
    for (let times = 0; times < 2 * TOLD_ONE_BY_ONE; times += 1) await records.refused(refusal('a'));
    await clock.advance((TOLD_ONE_BY_ONE + 1) * TOLD_AGAIN_MS);
    told.length = 0;
    for (let times = 0; times < TOLD_ONE_BY_ONE; times += 1) await records.refused(refusal('a'));
    expect(told.map(({ event }) => event)).toEqual(ONE_BY_ONE);
    await clock.advance((TOLD_ONE_BY_ONE + 1) * TOLD_AGAIN_MS);
    expect(clock.pending()).toBe(0);
  });

  it('fills no disk either where it waits a little each time, and none of its refusals is missing', async () => {
    for (const pauseMs of [FIRST_WINDOW_MS / TOLD_ONE_BY_ONE, FIRST_WINDOW_MS, 5 * FIRST_WINDOW_MS, LAST_WINDOW_MS]) {
      const { clock, told, records } = flooded();
      const sent = Math.floor(3_600_000 / pauseMs);
      for (let times = 0; times < sent; times += 1) {
        await records.refused(refusal('a'));
        await clock.advance(pauseMs);
      }
      expect(told.length, `every ${pauseMs} ms`).toBeLessThan(350);
      await records.close();
      const counts = told.reduce((sum, { event, count = 0 }) => sum + (event === 'refused' ? 1 : count), 0);
      expect(counts).toBe(sent);
    }
  });

  it('by many names costs no more than so many names do', async () => {
    const { told, records } = flooded();
    for (let name = 0; name < 5000; name += 1) await records.refused(refusal(`host-${name}`));
    expect(told.length).toBe(64 + TOLD_ONE_BY_ONE + 1);
    expect(told.at(-1)).toMatchObject({ event: 'counting', initiator: 'several' });
  });

  it('is not answered as refused where the audit takes nothing; the count goes on', async () => {
    const { clock, told, state, records } = flooded();
    for (let times = 0; times < TOLD_ONE_BY_ONE; times += 1) await records.refused(refusal('a'));
    state.broken = true;
    await expect(records.refused(refusal('a'))).rejects.toThrow('no room');
    await clock.advance(FIRST_WINDOW_MS);
    expect(state.log).toEqual([expect.stringMatching(/lacks a count/)]);
    state.broken = false;
    await records.close();
    expect(told.at(-1)).toMatchObject({ event: 'counted', count: 1 });
  });
});
