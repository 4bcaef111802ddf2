import { describe, expect, it } from 'vitest';
import { encodeReply } from '../../src/interface-block/message.ts';
import { answered, decodeSlot, encodeRequestPart, encodeSlot } from '../../src/interface-block/block.ts';
import { refusal } from '../../src/array/command-device/request-table.ts';
import { LunError } from '../../src/lun/lun.ts';
import { operationsOf } from '../../src/host/operations.ts';
import { GROUP_CHANGE } from '../support/command-array.ts';
import { failureOf, hostBench, lost, type HostBench } from './bench.ts';

const SPLIT = { header: { group: 'oradb' }, rows: [] };

const isSlot = (lba: number): boolean => lba >= 32;

/** Throws in the first `times` calls. */
function failing(times: number, error: () => Error): () => void {
  let left = times;
  return () => {
    if (left-- > 0) throw error();
  };
}

/** A newer array's answer: the slot as it is, with another status and no edited data. */
function withStatus(status: number): (data: Uint8Array) => Uint8Array {
  return (data) => {
    const slot = data.length === 16384 ? decodeSlot(data) : undefined;
    if (!slot?.ok || slot.value.state !== 'complete') return data;
    return encodeSlot(answered(slot.value, status, new Uint8Array(0)));
  };
}

function kinds(bench: HostBench): string[] {
  return bench.events.map((event) => event.kind);
}

describe('a command', () => {
  it('is sent in one slot and answered', async () => {
    const bench = hostBench();
    const { header } = await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(header).toEqual(GROUP_CHANGE);
    expect(bench.array.effects.length).toBe(1);
    expect(bench.events).toMatchObject([
      { kind: 'sent', array: 'tokyo', path: 'one', process: 'pair.split', processNumber: 0x12 },
      { kind: 'answered', status: 'ok', requestId: bench.array.effects[0]! },
    ]);
    expect(bench.array.executed[0]).toMatchObject({ host: 'host-a', admissionNumber: 0, editedDataWanted: true });
  });

  it('waits by READs that the array holds, however long it takes', async () => {
    const bench = hostBench({
      async decide() {
        await new Promise<void>((resolve) => bench.clock.setTimer(7_300, resolve));
        return undefined;
      },
    });
    let reads = 0;
    bench.faults['one'] = { beforeRead: (lba) => void (isSlot(lba) && reads++) };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(bench.clock.monotonicMs()).toBe(7_300);
    expect(reads).toBe(15);
  });

  it('costs three transfers: the label, the block, and the slot with the answer', async () => {
    const bench = hostBench();
    const client = bench.client({ paths: ['one'] });
    const transfers: string[] = [];
    bench.faults['one'] = {
      beforeRead: (lba, count) => void transfers.push(`READ ${lba === 0 ? 'label' : 'slot'} ${count}`),
      beforeWrite: (_lba, data) => void transfers.push(`WRITE ${data.length}`),
    };
    for (let call = 0; call < 2; call++) await bench.clock.run(client.call('pair.split', SPLIT));
    const once = ['READ label 8', 'WRITE 4096', 'READ slot 32'];
    expect(transfers).toEqual([...once, ...once]);
    expect(bench.opened).toEqual(['one']);
  });

  it('works with blocks of 4096 bytes', async () => {
    const bench = hostBench({ blockSize: 4096 });
    expect((await bench.clock.run(bench.client().call('pair.split', SPLIT))).header).toEqual(GROUP_CHANGE);
  });

  it('throws before anything is sent where the request does not fit', async () => {
    const bench = hostBench();
    await expect(bench.client().call('pair.split', { header: { group: 'x'.repeat(33) }, rows: [] })).rejects.toThrow(
      RangeError,
    );
    expect(bench.opened).toEqual([]);
  });

  it('comes back in pages where the answer is long', async () => {
    const rows = Array.from(
      { length: 200 },
      (_, lun) =>
        ({
          lun,
          kind: 'volume',
          role: 'simplex',
          access: 'read-write',
          blockSize: 512,
          blockCount: 4096,
          name: `vol${lun}`,
          group: '',
          pair: '',
          targetSerial: '',
          targetLun: 0,
          allocatedBytes: lun,
        }) as const,
    );
    const bench = hostBench({
      decide: () => ({ status: 0, editedData: encodeReply('volume.list', { header: {}, rows }) }),
    });
    expect(await bench.clock.run(operationsOf(bench.client()).listVolumes())).toEqual(rows);
    expect(bench.array.executed.length).toBe(1);
    expect(kinds(bench)).toEqual(['sent', 'answered', 'sent', 'answered', 'sent', 'answered']);
  });

  it('begins a query anew where the array has lost the pages', async () => {
    const rows = Array.from({ length: 100 }, (_, lun) => ({
      deviceSerial: 'OSAKA',
      deviceName: 'osaka',
      lun,
      virtual: true,
    }));
    const many = [...rows, ...rows];
    let executions = 0;
    const bench = hostBench({
      decide: () => ({
        status: 0,
        editedData: encodeReply('command-device.list', {
          header: {},
          rows: many.map((row) => ({ ...row, lun: row.lun + executions })),
        }),
      }),
    });
    bench.faults['one'] = {
      afterRead(data) {
        if (data.length === 16384 && data[13] === 3 && executions++ === 0) bench.array.restart();
        return data;
      },
    };
    const devices = await bench.clock.run(operationsOf(bench.client()).listCommandDevices());
    expect(devices.map((device) => device.lun)).toEqual(many.map((row) => row.lun + 2));
    expect(new Set(bench.array.executed.map((request) => request.requestId)).size).toBe(2);
  });
});

describe('an occupied slot', () => {
  it('is left to its owner: the next one is taken', async () => {
    const bench = hostBench();
    let conflicts = 0;
    bench.faults['one'] = {
      beforeWrite() {
        if (conflicts++ < 5) throw new LunError('reservation-conflict', 'one', 'occupied');
      },
    };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(kinds(bench)).toEqual(['conflict', 'conflict', 'conflict', 'conflict', 'conflict', 'sent', 'answered']);
    const slots = bench.events.map((event) => event.slot);
    expect(slots[5]).toBe((slots[0]! + 5) % 64);
  });

  it('is passed over where the path can only call it an input/output error', async () => {
    const bench = hostBench({ decide: () => ({ status: 0, editedData: new Uint8Array(0) }) });
    const error = (): Error => new LunError('io-error', 'one', 'EIO', { outcome: 'unknown' });
    bench.faults['one'] = { beforeWrite: failing(8, error) };
    await bench.clock.run(bench.client({ paths: ['one'] }).call('pair.show', { header: { group: '' }, rows: [] }));
    expect(kinds(bench).filter((kind) => kind !== 'retry')).toEqual([...Array(8).fill('conflict'), 'sent', 'answered']);
    const slots = bench.events.filter(({ kind }) => kind !== 'retry').map((event) => event.slot);
    expect(slots).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 8].map((step) => (slots[0]! + step) % 64));
    expect(bench.opened).toEqual(['one']);
  });

  it('is not what a path means that fails everywhere: the next path is taken', async () => {
    const bench = hostBench();
    const error = (): Error => new LunError('io-error', 'one', 'EIO', { outcome: 'unknown' });
    bench.faults['one'] = { beforeWrite: failing(100, error) };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(bench.events.filter(({ kind }) => kind === 'conflict').length).toBe(8);
    expect(bench.opened).toEqual(['one', 'two']);
    expect(bench.array.effects.length).toBe(1);
  });

  it('64 times over is waited for, and is `busy` at the deadline', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      beforeWrite() {
        throw new LunError('reservation-conflict', 'one', 'occupied');
      },
    };
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'busy', array: 'tokyo', process: 'pair.split' });
    expect(failure.message).toMatch(/all 64 slots of one are occupied/);
    expect(bench.clock.monotonicMs()).toBe(10_000);
    expect(bench.array.executed).toEqual([]);
  });

  it('64 times over is no failure where a slot falls free in time', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      beforeWrite() {
        if (bench.clock.monotonicMs() < 2_000) throw new LunError('reservation-conflict', 'one', 'occupied');
      },
    };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(bench.array.effects.length).toBe(1);
  });
});

describe('promise 1', () => {
  const cases: [string, (data: Uint8Array) => Uint8Array, string, RegExp][] = [
    [
      'zeros',
      (data) => new Uint8Array(data.length),
      'not-a-command-device',
      /label\.magic: got "", expected "CDCTLCMD"/,
    ],
    ['a torn label', (data) => data.with(100, 1), 'not-a-command-device', /label\.reserved/],
    ['a label with a wrong name byte', (data) => data.with(33, 65), 'not-a-command-device', /label\.crc/],
  ];

  it.each(cases)('writes nothing to a LUN that reads as %s', async (_what, damage, kind, message) => {
    const bench = hostBench();
    let writes = 0;
    const faults = { afterRead: damage, beforeWrite: () => void writes++ };
    bench.faults['one'] = faults;
    bench.faults['two'] = faults;
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(message);
    expect(writes).toBe(0);
  });

  it('writes nothing to the command device of another array', async () => {
    const bench = hostBench();
    let writes = 0;
    bench.faults['one'] = { beforeWrite: () => void writes++ };
    const client = bench.client({ serial: 'OSAKA', paths: ['one'] });
    const failure = await failureOf(bench.clock, client.call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'wrong-array', path: 'one' });
    expect(failure.message).toBe('one is a command device of TOKYO (tokyo), not of OSAKA');
    expect(writes).toBe(0);
  });

  it('reads the label anew before every submission, so that a path that changed is found', async () => {
    const bench = hostBench();
    const client = bench.client({ paths: ['one'] });
    await bench.clock.run(client.call('pair.split', SPLIT));
    let writes = 0;
    bench.faults['one'] = { afterRead: (data) => data.fill(0), beforeWrite: () => void writes++ };
    expect(await failureOf(bench.clock, client.call('pair.split', SPLIT))).toMatchObject({
      kind: 'not-a-command-device',
    });
    expect(writes).toBe(0);
  });

  it('passes over a path that is no command device where another is', async () => {
    const bench = hostBench();
    bench.faults['one'] = { afterRead: (data) => new Uint8Array(data.length) };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(bench.array.effects.length).toBe(1);
    expect(bench.events[0]).toMatchObject({ kind: 'path-switched', path: 'two' });
    expect(bench.events[0]!.detail).toMatch(/one is not a command device/);
  });

  it('passes on that a device is mounted or held', async () => {
    const bench = hostBench();
    const opener = {
      open: (path: string) => Promise.reject(new LunError('refused-for-safety', path, `${path} is mounted`)),
    };
    const failure = await failureOf(bench.clock, bench.client({ opener }).call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'refused-for-safety' });
  });
});

describe('paths', () => {
  it('are tried in order, and `no-path` names what is wrong with each', async () => {
    const bench = hostBench();
    bench.down.add('one').add('two');
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure.kind).toBe('no-path');
    expect(failure.message).toBe('one: connection refused; two: connection refused');
    expect(bench.opened).toEqual(['one', 'two']);
  });

  it('stay with the one that works', async () => {
    const bench = hostBench();
    bench.down.add('one');
    const client = bench.client();
    for (let call = 0; call < 3; call++) await bench.clock.run(client.call('pair.split', SPLIT));
    expect(bench.opened).toEqual(['one', 'two']);
  });

  it('change under a command, which keeps its request id and takes effect once', async () => {
    const bench = hostBench();
    bench.faults['one'] = { afterWrite: failing(1, () => lost('one')) };
    await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(bench.array.effects.length).toBe(1);
    expect(kinds(bench)).toEqual(['retry', 'path-switched', 'sent', 'answered']);
    expect(new Set(bench.events.map((event) => event.requestId)).size).toBe(1);
  });

  it('none at all is `no-path`', async () => {
    const bench = hostBench();
    expect(
      await failureOf(bench.clock, bench.client({ paths: [] }).call('array.show', { header: {}, rows: [] })),
    ).toMatchObject({ kind: 'no-path' });
  });

  it('that vanish after the WRITE are tried until the deadline, then the outcome is unknown', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      afterWrite() {
        bench.down.add('one').add('two');
        throw lost('one');
      },
    };
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure).toMatchObject({
      kind: 'outcome-unknown',
      process: 'pair.split',
      requestId: bench.array.effects[0]!,
    });
    expect(bench.clock.monotonicMs()).toBe(10_000);
    expect(bench.opened.length).toBeGreaterThan(10);
  });

  it('that vanish under a query are a `no-path`: nothing can have changed', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      afterWrite() {
        bench.down.add('one').add('two');
        throw lost('one');
      },
    };
    const failure = await failureOf(bench.clock, bench.client().call('pair.show', { header: { group: '' }, rows: [] }));
    expect(failure.kind).toBe('no-path');
    expect(bench.clock.monotonicMs()).toBeLessThan(100);
  });
});

describe('exactly once', () => {
  const faultCases: [string, (bench: HostBench) => void][] = [
    ['the WRITE is lost on the way', (bench) => (bench.faults['one'] = { beforeWrite: failing(3, () => lost('one')) })],
    [
      'the answer to the WRITE is lost',
      (bench) => (bench.faults['one'] = { afterWrite: failing(3, () => lost('one')) }),
    ],
    [
      'the edited data is lost after the array has deleted it',
      (bench) => {
        const fail = failing(1, () => lost('one'));
        bench.faults['one'] = { afterRead: (data) => (data[13] === 3 ? fail() : undefined, data) };
      },
    ],
    [
      'the edited data arrives damaged',
      (bench) => {
        let damaged = 0;
        bench.faults['one'] = {
          afterRead: (data) => (data.length === 16384 && damaged++ < 2 ? data.with(4100, 77) : data),
        };
      },
    ],
    [
      'the block arrives torn',
      (bench) => {
        let torn = 0;
        bench.faults['one'] = {
          beforeWrite: (_lba, data) =>
            torn++ < 2 ? new Uint8Array([...data.subarray(0, 80), ...new Uint8Array(4016)]) : data,
        };
      },
    ],
    [
      'the array restarts before the answer is read',
      (bench) => {
        let restarts = 0;
        bench.faults['one'] = { afterWrite: () => void (restarts++ < 3 && bench.array.restart()) };
      },
    ],
    [
      'another reader takes the answer',
      (bench) => {
        let taken = 0;
        bench.faults['one'] = {
          async beforeRead(lba) {
            if (isSlot(lba) && taken++ < 2) await bench.array.device().read(0, bench.array.device().blockCount);
          },
        };
      },
    ],
  ];

  it.each(faultCases)('holds where %s', async (_what, inject) => {
    const bench = hostBench();
    inject(bench);
    const { header } = await bench.clock.run(bench.client().call('pair.split', SPLIT));
    expect(header).toEqual(GROUP_CHANGE);
    expect(bench.array.effects.length).toBe(1);
  });

  it('holds over two calls that name the same request', async () => {
    const bench = hostBench();
    const requestId = 'ab'.repeat(16);
    for (let call = 0; call < 2; call++) {
      expect((await bench.clock.run(bench.client().call('pair.split', SPLIT, { requestId }))).header).toEqual(
        GROUP_CHANGE,
      );
    }
    expect(bench.array.effects).toEqual([requestId]);
  });

  it('does not let a late duplicate of a refused command take effect', async () => {
    let refused = false;
    const bench = hostBench({
      decide: () => (refused ? undefined : ((refused = true), refusal('wrong-state', 'not now'))),
    });
    let late: { lba: number; data: Uint8Array } | undefined;
    bench.faults['one'] = {
      beforeWrite(lba, data) {
        late = { lba, data };
        throw lost('one');
      },
    };
    expect(await failureOf(bench.clock, bench.client().call('pair.split', SPLIT))).toMatchObject({
      status: 'wrong-state',
    });
    await bench.array.device().write(late!.lba, late!.data, { forceUnitAccess: false });
    await bench.clock.advance(1_000);
    expect(bench.array.effects).toEqual([]);
  });

  it('begins anew with a fresh admission number where the only submission was refused as expired', async () => {
    const bench = hostBench({ limit: 16 });
    let expire = true;
    bench.faults['one'] = {
      async beforeWrite() {
        if (!expire) return;
        expire = false;
        const other = bench.client({ paths: ['two'] });
        for (let call = 0; call < 20; call++) await other.call('pair.split', SPLIT);
      },
    };
    await bench.clock.run(bench.client({ paths: ['one'] }).call('pair.split', SPLIT));
    expect(bench.array.effects.length).toBe(21);
  });

  it('says that the outcome is unknown where the array has forgotten a request that was sent twice', async () => {
    const bench = hostBench({ limit: 16 });
    let first = true;
    bench.faults['one'] = {
      async afterWrite() {
        if (!first) return;
        first = false;
        const other = bench.client({ paths: ['two'] });
        for (let call = 0; call < 20; call++) await other.call('pair.split', SPLIT);
        throw lost('one');
      },
    };
    const failure = await failureOf(bench.clock, bench.client({ paths: ['one'] }).call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'outcome-unknown', status: 'request-expired' });
    expect(new Set(bench.array.effects).size).toBe(bench.array.effects.length);
  });
});

describe('a refusal', () => {
  it('carries the status and the escaped words of the array', async () => {
    const bench = hostBench({ decide: () => refusal('not-found', 'no group \u001b[31moradb\n') });
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure).toMatchObject({
      kind: 'refused',
      status: 'not-found',
      message: String.raw`no group \u{1b}[31moradb\u{a}`,
    });
  });

  it('of the array itself as the wrong one is `wrong-array`', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      beforeWrite: () =>
        encodeRequestPart({
          process: 0x12,
          editedDataWanted: true,
          requestId: 'cd'.repeat(16),
          arraySerial: 'OSAKA',
          admissionNumber: 0,
          page: 0,
          host: '',
          input: new Uint8Array(0),
        }),
    };
    const failure = await failureOf(
      bench.clock,
      bench.client({ paths: ['one'] }).call('pair.split', SPLIT, { requestId: 'cd'.repeat(16) }),
    );
    expect(failure).toMatchObject({ kind: 'wrong-array', status: 'wrong-array' });
    expect(bench.array.executed).toEqual([]);
  });

  it('of every block as torn ends as `bad-answer`', async () => {
    const bench = hostBench();
    bench.faults['one'] = { beforeWrite: (_lba, data) => data.with(3000, 1) };
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure.kind).toBe('bad-answer');
    expect(bench.array.executed).toEqual([]);
  });

  it('with a status that this version does not know is still a refusal', async () => {
    const bench = hostBench();
    bench.faults['one'] = { afterRead: withStatus(500) };
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'refused', status: undefined, message: 'no reason given (status 500)' });
  });
});

describe('a bad answer', () => {
  it('that does not check, again and again, is `bad-answer`', async () => {
    const bench = hostBench();
    bench.faults['one'] = { afterRead: (data) => (data.length === 16384 && data[13] !== 0 ? data.with(250, 1) : data) };
    const failure = await failureOf(bench.clock, bench.client().call('pair.show', { header: { group: '' }, rows: [] }));
    expect(failure).toMatchObject({ kind: 'bad-answer' });
    expect(failure.message).toMatch(/control\.reserved/);
  });

  it('that is sound but no reply of this process is `bad-answer`', async () => {
    const bench = hostBench({ decide: () => ({ status: 0, editedData: new Uint8Array(7) }) });
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT));
    expect(failure).toMatchObject({ kind: 'bad-answer' });
    expect(failure.message).toBe(
      'pair.split was executed, but its answer cannot be read: group-change: got 7 bytes, expected 48 bytes',
    );
  });
});

describe('the deadline', () => {
  const never = { decide: () => new Promise<never>(() => undefined) };

  it('makes the outcome of a change unknown', async () => {
    const bench = hostBench(never);
    const failure = await failureOf(bench.clock, bench.client().call('pair.split', SPLIT, { timeoutMs: 3_000 }));
    expect(failure).toMatchObject({ kind: 'outcome-unknown', path: 'one' });
    expect(failure.message).toMatch(
      /whether pair\.split took effect is not known: the array is still executing .* given up after 3\d\d\d ms/,
    );
  });

  it('is a `timeout` of a query', async () => {
    const bench = hostBench(never);
    const failure = await failureOf(bench.clock, bench.client().call('array.show', { header: {}, rows: [] }));
    expect(failure.kind).toBe('timeout');
  });

  it('is a `timeout` of a change that was never delivered', async () => {
    const bench = hostBench();
    bench.faults['one'] = {
      beforeWrite: () => {
        throw new LunError('busy', 'one', 'task set full');
      },
    };
    expect(await failureOf(bench.clock, bench.client().call('pair.split', SPLIT))).toMatchObject({ kind: 'busy' });
    expect(await failureOf(bench.clock, bench.client().call('pair.split', SPLIT, { timeoutMs: 0 }))).toMatchObject({
      kind: 'timeout',
    });
  });

  it('leaves time for the second path where the first hangs', async () => {
    const bench = hostBench();
    const timeouts: number[] = [];
    const opener = {
      async open(path: string, options?: { timeoutMs?: number }) {
        if (path === 'two') return bench.opener.open(path);
        timeouts.push(options?.timeoutMs ?? Infinity);
        await new Promise<void>((resolve) => bench.clock.setTimer(options!.timeoutMs!, resolve));
        throw new LunError('timeout', path, `${path}: no answer`);
      },
    };
    await bench.clock.run(bench.client({ opener }).call('pair.split', SPLIT));
    expect(timeouts).toEqual([5_000]);
    expect(bench.array.effects.length).toBe(1);
  });
});

describe('close', () => {
  it('ends a call that is under way', async () => {
    const bench = hostBench({ decide: () => new Promise<never>(() => undefined) });
    const client = bench.client();
    const failure = failureOf(bench.clock, client.call('pair.split', SPLIT));
    await bench.clock.advance(700);
    await client.close();
    expect(await failure).toMatchObject({ kind: 'outcome-unknown' });
    expect(await failureOf(bench.clock, client.call('pair.split', SPLIT))).toMatchObject({ kind: 'no-path' });
  });
});
