import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { channelFixture, memoryUnit, type MemoryUnit } from './channel-fixture.ts';

/** Long commands and everybody else. Time passes with what reaches the unit, 6 ms each, and timers fire when the test says so. */

const BLOCKS = 20_480;

interface Work {
  readonly cdb: string;
  readonly data?: (unit: MemoryUnit) => Uint8Array;
  /** Calls that reach the unit, and after how many of them the others have their turn. */
  readonly calls: number;
  readonly turns: readonly number[];
}

const pieces = (count: number, bytesEach: (index: number) => string): string =>
  Array.from({ length: count }, (_unused, index) => bytesEach(index)).join('');
const hex = (value: number, bytes: number): string => value.toString(16).padStart(bytes * 2, '0');

function copyList(unit: MemoryUnit, segments: number, blocks: number): Uint8Array {
  const name = `e400000001030010${toHex(unit.worldWideName)}0000000000000200`;
  const each = (index: number) => `02000018000000000000${hex(blocks, 2)}${hex(0, 8)}${hex(10_000 + index, 8)}`;
  return fromHex(`070000200000000000${hex(segments * 28, 3)}00000000${name}${pieces(segments, each)}`);
}

const WORK: Readonly<Record<string, Work>> = {
  'VERIFY(16)': { cdb: `8f00${hex(0, 8)}${hex(5 * 2048, 4)}0000`, calls: 5, turns: [2, 4] },
  'VERIFY(16) with BYTCHK 3': {
    cdb: `8f06${hex(0, 8)}${hex(5 * 2048, 4)}0000`,
    data: () => new Uint8Array(512),
    calls: 5,
    turns: [2, 4],
  },
  'WRITE SAME(16)': {
    cdb: `9300${hex(0, 8)}${hex(5 * 2048, 4)}0000`,
    data: () => new Uint8Array(512).fill(1),
    calls: 5,
    turns: [2, 4],
  },
  'EXTENDED COPY of one segment': {
    cdb: `83${'00'.repeat(9)}${hex(76, 4)}0000`,
    data: (unit) => copyList(unit, 1, 3 * 2048),
    calls: 6,
    turns: [2, 4],
  },
  'EXTENDED COPY of many': {
    cdb: `83${'00'.repeat(9)}${hex(132, 4)}0000`,
    data: (unit) => copyList(unit, 3, 1),
    calls: 6,
    turns: [2, 4],
  },
  UNMAP: {
    cdb: `42000000000000${hex(8 + 16 * 5, 2)}00`,
    data: () =>
      fromHex(`${hex(6 + 16 * 5, 2)}${hex(16 * 5, 2)}00000000${pieces(5, (at) => `${hex(at, 8)}0000000100000000`)}`),
    calls: 5,
    turns: [2, 4],
  },
};

async function worked({ cdb, data }: Work) {
  const timers: (() => void)[] = [];
  const unit = memoryUnit({ blockCount: BLOCKS, thin: true });
  const clock: Clock = {
    monotonicMs: () => unit.calls.length * 6,
    wallMs: () => 0,
    setTimer: (_delayMs, callback) => {
      timers.push(callback);
      return { cancel: () => undefined };
    },
  };
  const fixture = await channelFixture([unit], { clock });
  const abort = new AbortController();
  const done = { verdict: '' };
  const sent = fixture.send(cdb, { data: data?.(unit) ?? new Uint8Array(0), signal: abort.signal });
  void sent.then(({ verdict }) => (done.verdict = verdict));
  /** Until nothing goes on without a timer. */
  const rest = async () => {
    for (let turn = 0; turn < 400; turn += 1) await Promise.resolve();
  };
  await rest();
  return { unit, fixture, timers, abort, done, rest };
}

describe('a long command', () => {
  it.each(Object.entries(WORK))('%s lets everybody else have a turn', async (_name, work) => {
    const { unit, fixture, timers, done, rest } = await worked(work);
    const turns = [];
    while (done.verdict === '' && timers.length > 0) {
      turns.push(unit.calls.length);
      expect((await fixture.send('000000000000')).verdict).toBe('good');
      timers.shift()!();
      await rest();
    }
    expect([done.verdict, unit.calls.length, turns]).toEqual(['good', work.calls, work.turns]);
  });

  it.each(Object.entries(WORK))('%s is ended by an abort that is heard meanwhile', async (_name, work) => {
    const { unit, timers, abort, done, rest } = await worked(work);
    abort.abort();
    timers.shift()!();
    await rest();
    expect([done.verdict, unit.calls.length]).toEqual(['status 40', 2]);
  });

  it('waits with all others, and none goes on for longer than before', async () => {
    const { unit, fixture, timers, done, rest } = await worked(WORK['VERIFY(16)']!);
    const second = fixture.send(WORK['VERIFY(16)']!.cdb);
    await rest();
    expect([unit.calls.length, timers.length]).toEqual([3, 1]);
    timers.shift()!();
    await rest();
    expect([unit.calls.length, timers.length]).toEqual([5, 1]);
    for (let next = timers.shift(); next; next = timers.shift()) {
      next();
      await rest();
    }
    expect([done.verdict, (await second).verdict]).toEqual(['good', 'good']);
  });
});
