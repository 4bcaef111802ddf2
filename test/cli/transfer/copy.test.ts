import { describe, expect, it } from 'vitest';
import type { CliError } from '../../../src/cli/cli-error.ts';
import { compareRange } from '../../../src/cli/transfer/compare.ts';
import { copyRange, type CopyParts } from '../../../src/cli/transfer/copy.ts';
import type { Destination } from '../../../src/cli/transfer/endpoint.ts';
import { isUnfinished, unfinishedMarker } from '../../../src/cli/transfer/marker.ts';
import { chooseRange, type RangeRequest } from '../../../src/cli/transfer/range.ts';
import { TransferError } from '../../../src/cli/transfer/transfer-error.ts';
import { LunError } from '../../../src/lun/lun.ts';

const MIB = 1024 * 1024;

interface Disk extends Destination {
  readonly bytes: Uint8Array;
  /** "write 4096+512", in the order in which they came. */
  readonly calls: string[];
  /** Called before each; may throw. */
  before: (call: string) => void | Promise<void>;
}

function disk(name: string, byteLength: number, more: Partial<Destination> = {}): Disk {
  const bytes = new Uint8Array(byteLength);
  const calls: string[] = [];
  const called = async (call: string): Promise<void> => {
    calls.push(call);
    await made.before(call);
  };
  const made: Disk = {
    name,
    byteLength,
    unit: 512,
    bytes,
    calls,
    before: () => undefined,
    async read(offset, length) {
      await called(`read ${offset}+${length}`);
      return bytes.slice(offset, offset + length);
    },
    async write(offset, data) {
      await called(`write ${offset}+${data.length}`);
      bytes.set(data, offset);
    },
    flush: () => called('flush'),
    ...more,
  };
  return made;
}

function filled(target: Disk, seed: number): Disk {
  for (let at = 0; at < target.bytes.length; at += 1) target.bytes[at] = (at * 31 + (at >>> 12) * seed + 1) & 0xff;
  return target;
}

function parts(from: Disk, to: Disk, more: Partial<CopyParts> = {}): CopyParts {
  return {
    from,
    to,
    range: chooseRange(from, to, {}, from.byteLength),
    resume: false,
    verify: false,
    marker: unfinishedMarker('c0ffee', 'a', 'b', 512, from.byteLength),
    stopped: () => false,
    progress: () => undefined,
    ...more,
  };
}

describe('a copy', () => {
  it('is marked before its first write and becomes whole by its last, both durable', async () => {
    const [from, to] = [filled(disk('from', 5 * MIB + 512), 7), disk('to', 6 * MIB)];
    let firstBlocks = true;
    to.before = (call) => {
      if (call.startsWith('write') && to.calls.filter((each) => each.startsWith('write')).length > 1) {
        firstBlocks &&= isUnfinished(to.bytes) || call.startsWith('write 0+');
      }
    };
    const figures = await copyRange(parts(from, to, { verify: true }));
    expect(Buffer.compare(to.bytes.subarray(0, from.byteLength), from.bytes)).toBe(0);
    expect(figures).toMatchObject({ whole: true, doneBytes: from.byteLength, verifiedBytes: from.byteLength });
    expect(to.calls.slice(0, 3)).toEqual(['read 0+4096', 'write 0+4096', 'flush']);
    const writes = to.calls.filter((call) => !call.startsWith('read'));
    expect(writes.slice(-5)).toEqual(['flush', `write 4096+${MIB - 4096}`, 'flush', 'write 0+4096', 'flush']);
    expect(firstBlocks).toBe(true);
    expect(to.bytes.subarray(from.byteLength).every((byte) => byte === 0)).toBe(true);
  });

  it('that breaks anywhere never looks whole, and a resumed one mends it whatever is there', async () => {
    const from = filled(disk('from', 3 * MIB), 5);
    const whole = disk('probe', 3 * MIB);
    await copyRange(parts(from, whole));
    const writes = whole.calls.filter((call) => call.startsWith('write')).length;
    expect(writes).toBe(5);
    for (let broken = 1; broken <= writes; broken += 1) {
      const to = filled(disk('to', 3 * MIB), 3);
      const before = to.bytes.slice();
      let count = 0;
      to.before = (call) => {
        if (call.startsWith('write') && ++count === broken)
          throw new LunError('no-path', 'to', 'to: gone', { outcome: 'unknown' });
      };
      await expect(copyRange(parts(from, to))).rejects.toBeInstanceOf(TransferError);
      // Before the marker nothing is written; after it the first block tells.
      if (broken === 1) expect(Buffer.compare(to.bytes, before)).toBe(0);
      else expect(isUnfinished(to.bytes), `write ${broken}`).toBe(true);
      to.before = () => undefined;
      to.bytes[2 * MIB + 77] = 0xee;
      const resumed = await copyRange(parts(from, to, { resume: true, verify: true }));
      expect(resumed.whole).toBe(true);
      expect(Buffer.compare(to.bytes, from.bytes)).toBe(0);
      to.calls.length = 0;
      expect(await copyRange(parts(from, to, { resume: true }))).toMatchObject({ writtenBytes: 0, whole: true });
      expect(to.calls.filter((call) => call.startsWith('write'))).toEqual([]);
    }
  });

  it('does not believe what an earlier run has done where the source has changed since', async () => {
    const [from, to] = [filled(disk('from', 4 * MIB), 5), disk('to', 4 * MIB)];
    let stop = false;
    await copyRange(parts(from, to, { stopped: () => stop, progress: () => (stop = true) }));
    from.bytes.fill(0xaa, 0, 2 * MIB);
    await copyRange(parts(from, to, { resume: true }));
    expect(Buffer.compare(to.bytes, from.bytes)).toBe(0);
  });

  it('that is stopped says so, keeps its marker, and has let what was under way end', async () => {
    const [from, to] = [filled(disk('from', 32 * MIB), 5), disk('to', 32 * MIB)];
    let stop = false;
    const figures = await copyRange(parts(from, to, { stopped: () => stop, progress: () => (stop = true) }));
    expect(figures.whole).toBe(false);
    expect(figures.doneBytes).toBeGreaterThan(0);
    expect(figures.doneBytes).toBeLessThan(32 * MIB);
    expect(isUnfinished(to.bytes)).toBe(true);
    expect(to.calls.at(-1)).toBe('flush');
  });

  it('notices a destination that does not keep what it is given, before the copy looks whole', async () => {
    const [from, to] = [filled(disk('from', 4 * MIB), 5), disk('to', 4 * MIB)];
    to.before = (call) => {
      if (call === `read ${2 * MIB}+${MIB}`) to.bytes[2 * MIB + 5]! ^= 1;
    };
    const error = await copyRange(parts(from, to, { verify: true })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransferError);
    expect((error as TransferError).cause).toMatchObject({ exit: 'refused' });
    expect(isUnfinished(to.bytes)).toBe(true);
  });

  it('says of what it does what its caller calls it', async () => {
    const [from, to] = [filled(disk('from', 2 * MIB), 5), disk('to', 2 * MIB)];
    to.before = (call) => {
      if (call.startsWith('write')) throw new LunError('busy', 'to', 'to: busy');
    };
    const verbOf = async (more: Partial<CopyParts>): Promise<string> =>
      copyRange(parts(from, to, more)).then(
        () => 'done',
        (error: unknown) => (error as TransferError).verb,
      );
    expect([await verbOf({}), await verbOf({ verb: 'written' })]).toEqual(['copied', 'written']);
  });

  it('keeps several commands in flight, and no more than eight', async () => {
    const [from, to] = [filled(disk('from', 20 * MIB), 5), disk('to', 20 * MIB)];
    let [now, most] = [0, 0];
    const original = from.read.bind(from);
    const slow: Disk = {
      ...from,
      async read(offset, length) {
        most = Math.max(most, (now += 1));
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        return original(offset, length);
      },
    };
    await copyRange(parts(slow, to));
    expect(most).toBe(8);
  });

  it('neither reads nor sends zeros that both ends know of', async () => {
    const zeroed: string[] = [];
    const runs = [
      { zeros: false, until: 2 * MIB },
      { zeros: true, until: 9 * MIB + 512 },
      { zeros: false, until: 10 * MIB },
    ];
    const from = filled(
      disk('from', 10 * MIB, {
        runAt: async (offset) => {
          const run = runs.find(({ until }) => offset < until)!;
          return { zeros: run.zeros, length: run.until - offset };
        },
      }),
      5,
    );
    from.bytes.fill(0, 2 * MIB, 9 * MIB + 512);
    const to: Disk = disk('to', 10 * MIB, {
      writeZeros: async (offset, length) => {
        zeroed.push(`${offset / MIB}+${length / MIB}`);
        to.bytes.fill(0, offset, offset + length);
      },
    });
    to.bytes.fill(0x55);
    const figures = await copyRange(parts(from, to, { verify: true }));
    expect(Buffer.compare(to.bytes, from.bytes)).toBe(0);
    expect(zeroed).toEqual(['2+7']);
    expect(figures).toMatchObject({ whole: true, zeroBytes: 7 * MIB, verifiedBytes: 10 * MIB });
    expect([...new Set(from.calls)].toSorted()).toEqual(
      ['read 0+1048576', 'read 1048576+1048576', 'read 9437184+1048576'].toSorted(),
    );
    const plain = filled(disk('plain', 10 * MIB), 3);
    await copyRange(parts(from, plain, { resume: true }));
    expect(Buffer.compare(plain.bytes, from.bytes)).toBe(0);
  });
});

/** Another name of a part of a disk. */
function nameOf(whole: Disk, name: string, start = 0, byteLength = whole.byteLength - start): Destination {
  return {
    name,
    byteLength,
    unit: 512,
    read: (offset, length) => whole.read(start + offset, length),
    write: (offset, bytes) => whole.write(start + offset, bytes),
    flush: () => whole.flush(),
  };
}

describe('a copy between two names of one disk', () => {
  const refused = async (
    whole: Disk,
    from: Destination,
    to: Destination,
    request: RangeRequest,
    length: number,
    more: Partial<CopyParts> = {},
  ): Promise<CliError> => {
    const before = whole.bytes.slice();
    const range = chooseRange(from, to, request, length);
    const copy = copyRange({ ...parts(whole, whole), from, to, range, ...more });
    const error = await copy.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransferError);
    const cause = (error as TransferError).cause as CliError;
    expect(cause).toMatchObject({ exit: 'unsafe' });
    expect(Buffer.compare(whole.bytes, before), 'as it was').toBe(0);
    const changes = whole.calls.filter((call) => !call.startsWith('read'));
    if (changes.length > 0) expect(changes.at(-1)).toBe('flush');
    return cause;
  };

  it.each([
    ['at the same place', {}, 3 * MIB],
    ['of one block', {}, 512],
    ['at another place that overlaps', { fromOffset: 512, toOffset: MIB }, MIB + 512],
    ['the other way round', { fromOffset: MIB, toOffset: 512 }, MIB + 512],
    ['at another place that does not overlap', { toOffset: 2 * MIB }, MIB],
  ])('is refused %s, and leaves every byte as it was', async (_name, request, length) => {
    const whole = filled(disk('whole', 3 * MIB), 5);
    const marker = unfinishedMarker('c0ffee', 'one', 'other', 512, length);
    const cause = await refused(whole, nameOf(whole, 'one'), nameOf(whole, 'other'), request, length, { marker });
    expect(cause.text.what).toBe('source and destination lead to one disk');
  });

  it.each([
    ['a partition', MIB],
    ['the oldest kind of partition', 63 * 512],
    ['what lies behind a large header', 3 * MIB + 512],
  ])('is refused where the destination is %s of the source', async (_name, start) => {
    const whole = filled(disk('whole', 6 * MIB), 5);
    const part = nameOf(whole, 'part', start);
    await refused(whole, nameOf(whole, 'whole disk'), part, {}, part.byteLength);
  });

  it('ends when it reads its own marker at a place that nobody expected', async () => {
    const whole = filled(disk('whole', 40 * MIB), 5);
    const before = whole.bytes.slice();
    const part = nameOf(whole, 'part', 30 * MIB, 5 * MIB);
    const range = chooseRange(whole, part, { fromOffset: 28 * MIB }, 4 * MIB);
    const error = await copyRange({ ...parts(whole, whole), to: part, range }).catch((reason: unknown) => reason);
    expect((error as TransferError).cause).toMatchObject({ exit: 'unsafe' });
    expect(Buffer.compare(whole.bytes.subarray(30 * MIB, 31 * MIB), before.subarray(30 * MIB, 31 * MIB))).toBe(0);
  });

  it('puts the first blocks back where the source cannot be read any more', async () => {
    const whole = filled(disk('whole', 3 * MIB), 5);
    const before = whole.bytes.slice();
    const gone = new LunError('no-path', 'one', 'one: gone');
    const marked = (): boolean => isUnfinished(whole.bytes);
    const from: Destination = {
      ...nameOf(whole, 'one'),
      read: async (offset, length) => (marked() ? Promise.reject(gone) : whole.read(offset, length)),
    };
    const error = await copyRange({ ...parts(whole, whole), from }).catch((reason: unknown) => reason);
    expect((error as TransferError).cause).toBe(gone);
    expect(Buffer.compare(whole.bytes, before)).toBe(0);
  });

  it('is refused with --resume where both show one marker, and not where each has its own', async () => {
    const whole = filled(disk('whole', 3 * MIB), 5);
    whole.bytes.set(unfinishedMarker('dead', 'a', 'b', 512, 3 * MIB));
    const [one, other] = [nameOf(whole, 'one'), nameOf(whole, 'other')];
    const cause = await refused(whole, one, other, {}, 3 * MIB, { resume: true });
    expect(cause.text.what).toContain('the marker of the same unfinished copy');
    const apart = filled(disk('apart', 3 * MIB), 7);
    apart.bytes.set(unfinishedMarker('beef', 'a', 'c', 512, 3 * MIB));
    expect(await copyRange(parts(whole, apart, { resume: true }))).toMatchObject({ whole: true });
    expect(Buffer.compare(apart.bytes, whole.bytes)).toBe(0);
  });

  it('goes on where the first blocks of the destination are a bad sector, and where one far off in the source is', async () => {
    const [from, to] = [filled(disk('from', 8 * MIB), 5), disk('to', 8 * MIB)];
    const bad = new LunError('io-error', 'x', 'x: EIO');
    to.before = (call) => {
      if (call.startsWith('read 0+') && !isUnfinished(to.bytes) && to.bytes[0] === 0) throw bad;
    };
    from.before = (call) => {
      if (call.startsWith(`read ${6 * MIB}+`)) throw bad;
    };
    const range = chooseRange(from, to, { toOffset: 0 }, 2 * MIB);
    expect(await copyRange(parts(from, to, { range }))).toMatchObject({ whole: true });
    expect(Buffer.compare(to.bytes.subarray(0, 2 * MIB), from.bytes.subarray(0, 2 * MIB))).toBe(0);
  });
});

describe('a comparison', () => {
  it('finds the first byte, counts blocks, and joins neighbours across cells', async () => {
    const [left, right] = [filled(disk('left', 3 * MIB), 5), filled(disk('right', 3 * MIB), 5)];
    for (const at of [MIB - 1, MIB, 2 * MIB + 700]) right.bytes[at]! ^= 0xff;
    const range = chooseRange(left, right, {}, 3 * MIB);
    const common = { left, right, range, blockBytes: 512, stopped: () => false, progress: () => undefined };
    expect(await compareRange({ ...common, firstOnly: false })).toEqual({
      whole: true,
      comparedBytes: 3 * MIB,
      firstDifference: MIB - 1,
      differentBlocks: 3,
      ranges: [
        { offset: MIB - 512, length: 1024 },
        { offset: 2 * MIB + 512, length: 512 },
      ],
    });
    expect(await compareRange({ ...common, right: left, firstOnly: false })).toMatchObject({
      differentBlocks: 0,
      whole: true,
    });
  });
});

describe('a destination that is reset meanwhile', () => {
  /** Loses at the given call, unseen, what was written and not flushed. */
  function forgetful(name: string, byteLength: number, resetAt: number): Disk {
    let resets = 0;
    const to = filled(disk(name, byteLength, { interruptions: () => resets }), 3);
    let durable = to.bytes.slice();
    let count = 0;
    to.before = (call) => {
      count += 1;
      if (count === resetAt) {
        resets += 1;
        to.bytes.set(durable);
      }
      if (call === 'flush') durable = to.bytes.slice();
    };
    return to;
  }

  it('at any moment gets everything all the same, and is never taken for whole before', async () => {
    const from = filled(disk('from', 3 * MIB + 512), 5);
    const probe = forgetful('probe', 4 * MIB, 0);
    await copyRange(parts(from, probe));
    const calls = probe.calls.length;
    expect(calls).toBeGreaterThan(10);
    for (let resetAt = 1; resetAt <= calls; resetAt += 1) {
      const to = forgetful('to', 4 * MIB, resetAt);
      expect((await copyRange(parts(from, to))).whole).toBe(true);
      const same = Buffer.compare(to.bytes.subarray(0, from.byteLength), from.bytes) === 0;
      expect(same, `reset at call ${resetAt}`).toBe(true);
    }
  });

  it('is not written to a second time where somebody else may have written there', async () => {
    const from = filled(disk('from', 2 * MIB), 5);
    const { marker: _, ...plain } = parts(from, forgetful('to', 2 * MIB, 2));
    const ended = await copyRange({ ...plain, repeatable: false }).catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(TransferError);
    expect((ended as TransferError).cause as CliError).toMatchObject({ exit: 'outcome-unknown' });
  });

  it('again and again ends with an error, marked as unfinished', async () => {
    const from = filled(disk('from', 2 * MIB), 5);
    let resets = 0;
    const to = disk('to', 2 * MIB, { interruptions: () => (resets += 1) });
    await expect(copyRange(parts(from, to))).rejects.toBeInstanceOf(TransferError);
  });
});
