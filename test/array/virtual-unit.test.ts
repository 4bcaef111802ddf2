import { describe, expect, it } from 'vitest';
import { createVirtualUnit, type VirtualUnitParts } from '../../src/array/virtual-unit.ts';
import type { PassedCommand } from '../../src/array/far/far-unit.ts';
import { fromHex } from '../../src/base/bytes.ts';
import { LunError, type Lun, type LunErrorKind, type PassedAnswer } from '../../src/lun/lun.ts';
import { createMemoryLun } from '../../src/lun/memory-lun.ts';
import { ScsiFault } from '../../src/scsi/fault.ts';
import { lookUpCommand } from '../../src/scsi/opcode-table.ts';
import { encodeFixedSense } from '../../src/scsi/sense.ts';
import { encodeLunField } from '../../src/scsi/lun-field.ts';
import { verdictOf as verdictOfAnswer } from './virtual-volume-world.ts';

const CAPACITY = { blockSize: 512, blockCount: 64 };
const DATA = new Uint8Array(1024).fill(0x5a);
const LAZY = { forceUnitAccess: false };

const GOOD: PassedAnswer = { status: 0, sense: undefined, dataIn: new Uint8Array(0), residual: 0 };
const attention = (asc: number, ascq: number): PassedAnswer => {
  return { ...GOOD, status: 2, sense: encodeFixedSense({ key: 6, asc, ascq }) };
};

/** A far LUN behind a line that a test can cut, and that notes what went over it. */
function farSide(capacity = CAPACITY) {
  const state = {
    capacity,
    opened: 0,
    forgotten: 0,
    closed: 0,
    calls: [] as string[],
    failNext: [] as unknown[],
    /** Of the next commands that are passed on; GOOD after them. */
    answers: [] as PassedAnswer[],
    timeouts: [] as number[],
    up: true,
  };
  const disk = createMemoryLun({ path: 'iscsi://osaka/a/1', capacity });
  const resolve = async (): Promise<Lun> => {
    if (!state.up) throw new LunError('no-path', 'iscsi://osaka/a/1', 'connection refused');
    state.opened++;
    const pass = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
      state.calls.push(name);
      const failure = state.failNext.shift();
      if (failure) throw failure;
      if (!state.up) throw new LunError('no-path', disk.path, 'connection lost');
      return call();
    };
    return {
      path: disk.path,
      identify: () => disk.identify(),
      capacity: async () => state.capacity,
      read: (lba, count, options) => pass(`read ${lba}+${count} ${options?.timeoutMs}`, () => disk.read(lba, count)),
      write: (lba, data, options) =>
        pass(`write ${lba}+${data.length} ${options?.forceUnitAccess}`, () => disk.write(lba, data)),
      flush: () => pass('flush', () => disk.flush()),
      close: async () => void state.closed++,
      passThrough: {
        execute: ({ what, timeoutMs }) =>
          pass(what, async () => state.answers.shift() ?? GOOD).finally(() => state.timeouts.push(timeoutMs)),
        resetUnit: () => pass('reset', async () => undefined),
      },
    };
  };
  return { state, disk, resolve, forget: () => void state.forgotten++ };
}

function unitOver(far: ReturnType<typeof farSide>, parts: Partial<VirtualUnitParts> = {}) {
  return createVirtualUnit({
    lun: 7,
    name: 'virtual',
    serial: 'TOKYO01-0007',
    worldWideName: new Uint8Array(16),
    resolve: far.resolve,
    forget: far.forget,
    resolveFor: far.resolve,
    timeoutMs: 1000,
    ...parts,
  });
}

/** "2/08/00", "status 18" or "done". */
async function verdictOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'done';
  } catch (error) {
    if (!(error instanceof ScsiFault)) throw error;
    if (!error.sense) return `status ${error.status.toString(16)}`;
    const hex = (byte: number) => byte.toString(16).padStart(2, '0');
    return `${error.sense.key.toString(16)}/${hex(error.sense.asc)}/${hex(error.sense.ascq)}`;
  }
}

const failure = (kind: LunErrorKind, details: ConstructorParameters<typeof LunError>[3] = {}) =>
  new LunError(kind, 'iscsi://osaka/a/1', `the far side: ${kind}`, details);

describe('a virtual unit', () => {
  it('is not ready until it has reached the far LUN', async () => {
    const far = farSide();
    const told: unknown[] = [];
    const unit = unitOver(far, { onCapacity: (capacity) => told.push(capacity) });
    expect([unit.access(), unit.blockCount]).toEqual(['none', 0]);
    await Promise.all([unit.prepare(), unit.prepare()]);
    expect([unit.access(), unit.blockSize, unit.blockCount, far.state.opened]).toEqual(['read-write', 512, 64, 1]);
    expect(told).toEqual([CAPACITY]);
  });

  it('passes each command on as one', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.write(5, DATA, { forceUnitAccess: true });
    expect(await unit.read(5, 2)).toEqual(DATA);
    await unit.flush();
    expect(far.state.calls).toEqual(['write 5+1024 true', 'read 5+2 1000', 'flush']);
    expect(await far.disk.read(5, 2)).toEqual(DATA);
  });

  it('shows the capacity of an earlier life, and corrects it', async () => {
    const far = farSide({ blockSize: 512, blockCount: 128 });
    const told: unknown[] = [];
    const unit = unitOver(far, { lastCapacity: CAPACITY, onCapacity: (capacity) => told.push(capacity) });
    expect([unit.access(), unit.blockCount]).toEqual(['none', 64]);
    await unit.prepare();
    expect([unit.access(), unit.blockCount]).toEqual(['read-write', 128]);
    expect(told).toEqual([{ blockSize: 512, blockCount: 128 }]);
  });

  it('is no other disk: blocks of another size need a person', async () => {
    const far = farSide({ blockSize: 4096, blockCount: 64 });
    const unit = unitOver(far, { lastCapacity: CAPACITY });
    expect(await verdictOf(unit.prepare())).toBe('2/04/03');
    expect([unit.access(), unit.blockSize]).toEqual(['none', 512]);
  });

  it('tries again what cannot have been done when the line was lost between two commands', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure('no-path')];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('done');
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await verdictOf(unit.read(0, 2))).toBe('done');
    expect([far.state.opened, far.state.forgotten]).toEqual([3, 2]);
  });

  it('sends no write whose host has given it up: neither after reaching the far LUN nor at a second try', async () => {
    const far = farSide();
    const unit = unitOver(far);
    let asked = 0;
    const write = (abortedAt: number) => {
      asked = 0;
      return verdictOf(unit.write(3, DATA, { ...LAZY, isAborted: () => ++asked >= abortedAt }));
    };
    expect(await write(1)).toBe('status 40');
    expect(far.state).toMatchObject({ opened: 1, calls: [] });
    far.state.failNext = [failure('no-path')];
    expect(await write(2)).toBe('status 40');
    expect(far.state.calls).toHaveLength(1);
    expect(await write(2)).toBe('done');
  });

  it('never repeats a write that may have been done', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('b/08/00');
    expect(far.state.calls.length).toBe(1);
    far.state.failNext = [failure('timeout', { outcome: 'unknown' })];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('b/08/01');
    expect(far.state.calls.length).toBe(2);
  });

  it('says that the path is lost, stays not ready, and comes back by itself', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.up = false;
    expect(await verdictOf(unit.read(0, 1))).toBe('2/08/00');
    expect(unit.access()).toBe('none');
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('2/08/00');
    expect(await verdictOf(unit.prepare())).toBe('2/08/00');
    far.state.up = true;
    await unit.prepare();
    expect(unit.access()).toBe('read-write');
  });

  it('forgets a lost path once, however many commands were on it', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure('no-path'), failure('no-path'), failure('no-path')];
    expect(await Promise.all([0, 1, 2].map((lba) => verdictOf(unit.read(lba, 1))))).toEqual(['done', 'done', 'done']);
    expect([far.state.opened, far.state.forgotten]).toEqual([2, 1]);
  });
});

describe('what the far array answers', () => {
  const sense = { key: 3, asc: 0x11, ascq: 4 };
  type Details = ConstructorParameters<typeof LunError>[3];
  const cases: readonly (readonly [kind: LunErrorKind, ofRead: string, ofWrite: string, details: Details])[] = [
    ['reservation-conflict', 'status 18', 'status 18', undefined],
    ['busy', 'status 8', 'status 8', undefined],
    ['task-set-full', 'status 28', 'status 28', undefined],
    ['no-medium', '2/3a/00', '2/3a/00', undefined],
    ['write-protected', '7/27/00', '7/27/00', undefined],
    ['not-ready', '2/04/07', '2/04/07', undefined],
    ['not-ready', '2/08/00', '2/08/00', { sense: { key: 2, asc: 8, ascq: 0 } }],
    ['check-condition', '3/11/04', '3/11/04', { sense }],
    ['check-condition', '4/44/00', '4/44/00', undefined],
    ['timeout', 'b/08/01', 'b/08/01', undefined],
    ['no-such-lun', '2/04/03', '2/04/03', undefined],
    ['refused-for-safety', '2/04/03', '2/04/03', undefined],
    ['bad-argument', '5/21/00', '5/21/00', undefined],
    ['io-error', '3/11/00', '3/0c/00', undefined],
  ];

  it.each(cases)('%s is passed on as %s', async (kind, ofRead, ofWrite, details) => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure(kind, details), failure(kind, details)];
    expect(await verdictOf(unit.read(0, 1))).toBe(ofRead);
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe(ofWrite);
    expect(unit.access()).toBe('read-write');
  });

  it('of which a part may have been done is no reservation conflict, which would say that nothing was', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure('reservation-conflict', { outcome: 'unknown' })];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('b/08/00');
    far.state.failNext = [failure('reservation-conflict')];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('status 18');
  });

  it('keeps its own sense also where a write may have been done', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [failure('check-condition', { outcome: 'unknown', sense: { key: 3, asc: 0x0c, ascq: 0 } })];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('3/0c/00');
    far.state.failNext = [failure('io-error', { outcome: 'unknown' })];
    expect(await verdictOf(unit.write(0, DATA, LAZY))).toBe('b/08/00');
  });

  it('is not passed on where it is a mistake of our own', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.prepare();
    far.state.failNext = [new TypeError('a bug')];
    await expect(unit.read(0, 1)).rejects.toThrow(TypeError);
  });
});

describe('a flush', () => {
  it('after a lost path does not vouch for writes from before, and says so once', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.write(0, DATA, LAZY);
    far.state.failNext = [failure('no-path')];
    expect(await verdictOf(unit.flush())).toBe('4/08/00');
    expect(await verdictOf(unit.flush())).toBe('done');
  });

  it('vouches for writes that an earlier flush covered, and for those that were written through', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.write(0, DATA, LAZY);
    await unit.flush();
    await unit.write(0, DATA, { forceUnitAccess: true });
    far.state.failNext = [failure('no-path')];
    expect(await verdictOf(unit.flush())).toBe('done');
  });

  it('that failed leaves the writes in doubt', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.write(0, DATA, LAZY);
    far.state.up = false;
    expect(await verdictOf(unit.flush())).toBe('2/08/00');
    far.state.up = true;
    await unit.write(4, DATA, LAZY);
    expect(await verdictOf(unit.flush())).toBe('4/08/00');
    expect(await verdictOf(unit.flush())).toBe('done');
  });

  it('says it to everyone who flushes at that moment', async () => {
    const far = farSide();
    const unit = unitOver(far);
    await unit.write(0, DATA, LAZY);
    far.state.failNext = [failure('no-path'), failure('no-path')];
    expect(await Promise.all([verdictOf(unit.flush()), verdictOf(unit.flush())])).toEqual(['4/08/00', '4/08/00']);
  });
});

describe('a command that is passed on', () => {
  const TEST_UNIT_READY = '00 00 00 00 00 00';
  const RESERVE = '16 00 00 00 00 00';
  const READ = '28 00 00000000 00 0001 00';
  const WRITE = '2a 00 00000000 00 0001 00';
  const FLUSH = '35 00 00000000 00 0000 00';

  function passed(cdbText: string, nexus = 'host', isAborted = () => false): PassedCommand {
    const cdb = fromHex(cdbText.replaceAll(' ', ''));
    const command = lookUpCommand(cdb);
    if (typeof command === 'string') throw new Error(command);
    const dataOut = command.effect === 'write' ? DATA.subarray(512) : new Uint8Array(0);
    const task = { nexus, lun: encodeLunField(7), cdb, dataOut, expectedDataOut: dataOut.length, expectedDataIn: 0 };
    return { command, task, dataInRoom: 0, forceUnitAccess: false, wholeFlush: true, isAborted };
  }

  const bench = () => {
    const far = farSide();
    const unit = unitOver(far);
    const pass = async (cdb: string, nexus?: string): Promise<string> => {
      try {
        return verdictOfAnswer({ sense: undefined, ...(await unit.far.pass(passed(cdb, nexus))) });
      } catch (error) {
        return verdictOf(Promise.reject(error as Error));
      }
    };
    return { far, unit, pass };
  };

  it("goes by a way of the host's own, on which the far unit is heard out first", async () => {
    const { far, pass } = bench();
    far.state.answers = [attention(0x29, 0), attention(0x29, 7), attention(0x2a, 9), GOOD];
    expect([await pass(READ), await pass(READ), await pass(READ, 'another')]).toEqual(['6/2a/09', 'good', 'good']);
    expect(far.state.opened).toBe(2);
    expect(far.state.calls.filter((call) => call.startsWith('READ('))).toHaveLength(2);
  });

  it('may take ten seconds, sixty where it is no plain I/O, a day where it is a SANITIZE', async () => {
    const { far, pass } = bench();
    const commands = [READ, FLUSH, '42 00 00000000 00 0000 00', '48 02 00000000000000 00'];
    for (const cdb of commands) expect(await pass(cdb)).toBe('good');
    expect(far.state.timeouts.slice(-4)).toEqual([1000, 1000, 6000, 86_400_000]);
  });

  it('is sent once more where the line was lost before it, and then only', async () => {
    const { far, pass } = bench();
    await pass(TEST_UNIT_READY);
    far.state.failNext = [failure('no-path')];
    expect(await pass(WRITE)).toBe('good');
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await pass(READ)).toBe('good');
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await pass(WRITE)).toBe('b/08/00');
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await pass(RESERVE)).toBe('b/08/00');
    expect([far.state.opened, far.state.closed]).toEqual([4, 4]);
  });

  it('after a loss of what the far array kept for the host only says so', async () => {
    const { far, pass } = bench();
    expect(await pass(RESERVE)).toBe('good');
    far.state.failNext = [failure('no-path')];
    const before = far.state.calls.length;
    expect(await pass(WRITE)).toBe('6/29/07');
    expect(far.state.calls.slice(before).filter((call) => call.startsWith('WRITE('))).toHaveLength(1);
    expect(await pass(WRITE)).toBe('good');
    far.state.failNext = [failure('no-path')];
    expect(await pass(WRITE)).toBe('good');
  });

  it('that may have registered or reserved there counts as having done so: the host hears of each loss', async () => {
    const { far, unit, pass } = bench();
    expect([await pass(TEST_UNIT_READY), await pass(TEST_UNIT_READY, 'other')]).toEqual(['good', 'good']);
    const REGISTER = '5f 00 00 0000 00000018 00';
    far.state.failNext = [failure('no-path', { outcome: 'unknown' })];
    expect(await pass(REGISTER)).toBe('b/08/00');
    expect([await pass(READ), await pass(READ)]).toEqual(['6/29/07', 'good']);
    far.state.failNext = [failure('no-path'), failure('no-path')];
    expect([await pass(READ), await pass(READ), await pass(READ)]).toEqual(['2/08/00', '6/29/07', 'good']);
    far.state.failNext = [failure('timeout', { outcome: 'unknown' })];
    expect(await pass(RESERVE, 'other')).toBe('b/08/01');
    unit.far.nexusLost('other');
    await settled();
    expect(far.state.calls).toContain('RELEASE(6)');
  });

  it('is told that a write of before may be lost, once, whoever wrote and whoever flushes', async () => {
    const { far, pass } = bench();
    await pass(WRITE, 'writer');
    await pass(TEST_UNIT_READY, 'flusher');
    far.state.failNext = [failure('no-path')];
    await pass(READ, 'writer');
    expect([await pass(FLUSH, 'flusher'), await pass(FLUSH, 'flusher')]).toEqual(['4/08/00', 'good']);
    await pass(WRITE, 'writer');
    expect(await pass(FLUSH, 'flusher')).toBe('good');
    far.state.failNext = [failure('no-path')];
    await pass(READ, 'writer');
    expect(await pass(FLUSH, 'flusher')).toBe('good');
  });

  it('that failed, or was refused, is no flush', async () => {
    const { far, pass } = bench();
    await pass(WRITE);
    far.state.answers = [{ ...GOOD, status: 0x18 }];
    expect(await pass(FLUSH)).toBe('conflict');
    far.state.failNext = [failure('no-path')];
    expect(await pass(FLUSH)).toBe('4/08/00');
  });

  it('leaves nothing unflushed when its host goes, and nothing open', async () => {
    const { far, unit, pass } = bench();
    await pass(WRITE);
    await pass(WRITE, 'other');
    unit.far.nexusLost('host');
    unit.far.nexusLost('nobody');
    await settled();
    expect(far.state.calls.at(-1)).toBe('flush');
    expect([far.state.closed, await pass(FLUSH, 'other')]).toEqual([1, 'good']);
    unit.far.close();
    await settled();
    expect([far.state.closed, await pass(READ, 'other')]).toEqual([2, '2/08/00']);
  });

  it('of a host that has given it up is not sent', async () => {
    const { far, unit } = bench();
    expect(await verdictOf(unit.far.pass(passed(WRITE, 'host', () => true)))).toBe('status 40');
    expect(far.state.calls.filter((call) => call.startsWith('WRITE('))).toEqual([]);
  });

  it('may be a reset, which fails where it cannot be done', async () => {
    const { far, unit } = bench();
    await unit.far.reset('host');
    expect(far.state.calls).toContain('reset');
    far.state.up = false;
    expect(await verdictOf(unit.far.reset('host'))).toBe('2/08/00');
  });
});

/** All that needs no more than turns of the event loop has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
