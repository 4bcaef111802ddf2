import { beforeEach, describe, expect, it } from 'vitest';
import { equalBytes, fromHex, toHex } from '../../../src/base/bytes.ts';
import { checkCondition } from '../../../src/scsi/fault.ts';
import { channelFixture, memoryUnit, pattern, type Fixture, type MemoryUnit } from './channel-fixture.ts';

/** EXTENDED COPY between the units of one array. */

const DATA = pattern(8 * 512, 3);

let source: MemoryUnit;
let target: MemoryUnit;
let fixture: Fixture;

async function build(...units: MemoryUnit[]): Promise<void> {
  fixture = await channelFixture(units, { lunVisible: (nexus, lun) => !(nexus === 'blind' && lun === 1) });
  await fixture.settle('b');
}

beforeEach(async () => {
  source = memoryUnit({ lun: 0 });
  target = memoryUnit({ lun: 1 });
  source.content.set(DATA, 4 * 512);
  await build(source, target);
});

const naaOf = (unit: MemoryUnit) => `e400000001030010${toHex(unit.worldWideName)}0000000000000200`;

interface Segment {
  readonly from?: number;
  readonly to?: number;
  readonly count?: number;
  readonly sourceLba?: number;
  readonly targetLba?: number;
  readonly counts?: 'source' | 'destination';
}

function segmentOf({ from = 0, to = 1, count = 8, sourceLba = 4, targetLba = 20, counts = 'source' }: Segment): string {
  const field = (value: number, bytes: number) => value.toString(16).padStart(bytes * 2, '0');
  const options = counts === 'destination' ? '02' : '00';
  return `02${options}0018${field(from, 2)}${field(to, 2)}0000${field(count, 2)}${field(sourceLba, 8)}${field(targetLba, 8)}`;
}

interface Copy {
  readonly units?: readonly string[];
  readonly segments?: readonly Segment[];
  readonly listId?: string;
  readonly usage?: string;
  readonly nexus?: string;
}

async function copy(options: Copy = {}) {
  const { listId = '07', usage = '00', nexus = 'a' } = options;
  const units = (options.units ?? [naaOf(source), naaOf(target)]).join('');
  const segments = (options.segments ?? [{}]).map(segmentOf).join('');
  const length = (text: string, bytes: number) => (text.length / 2).toString(16).padStart(bytes * 2, '0');
  const data = fromHex(`${listId}${usage}${length(units, 2)}00000000${length(segments, 4)}00000000${units}${segments}`);
  return fixture.send(`8300${'00'.repeat(8)}${data.length.toString(16).padStart(8, '0')}0000`, { data, nexus });
}

async function status(listId: string, nexus = 'a'): Promise<string> {
  const reply = await fixture.send(`8400${listId}${'00'.repeat(7)}0000000c0000`, { nexus });
  return reply.dataIn ? toHex(reply.dataIn) : reply.verdict;
}

describe('EXTENDED COPY', () => {
  it('copies blocks from unit to unit', async () => {
    expect(await copy()).toMatchObject({ verdict: 'good', wantedDataOut: 16 + 64 + 28 });
    expect(target.content.subarray(20 * 512, 28 * 512)).toEqual(DATA);
    expect([source.calls, target.calls]).toEqual([['read 4+8'], ['write 20+8']]);
  });

  it('copies inside one unit, in several segments, and of nothing', async () => {
    const segments = [{ to: 0 }, { from: 0, to: 0, sourceLba: 20, targetLba: 40 }, { count: 0 }];
    expect((await copy({ segments })).verdict).toBe('good');
    expect(source.content.subarray(40 * 512, 48 * 512)).toEqual(DATA);
    expect(await status('07')).toBe('000000080100030000002000');
    expect((await copy({ segments: [] })).verdict).toBe('good');
    expect((await fixture.send(`83${'00'.repeat(15)}`)).verdict).toBe('good');
  });

  it('moves 1 MiB at a time', async () => {
    source = memoryUnit({ lun: 0, blockCount: 5000 });
    target = memoryUnit({ lun: 1, blockCount: 5000 });
    await build(source, target);
    source.content.set(pattern(4097 * 512), 512);
    expect((await copy({ segments: [{ count: 4097, sourceLba: 1, targetLba: 2 }] })).verdict).toBe('good');
    expect(source.calls).toEqual(['read 1+2048', 'read 2049+2048', 'read 4097+1']);
    expect(equalBytes(target.content.subarray(1024, 4099 * 512), source.content.subarray(512, 4098 * 512))).toBe(true);
  });

  it('knows blocks of two sizes', async () => {
    target = memoryUnit({ lun: 1, blockSize: 4096 });
    await build(source, target);
    const units = [naaOf(source), naaOf(target).replace(/000200$/, '001000')];
    expect((await copy({ units })).verdict).toBe('good');
    expect((await copy({ units, segments: [{ count: 1, counts: 'destination', targetLba: 21 }] })).verdict).toBe(
      'good',
    );
    for (const lba of [20, 21]) expect(target.content.subarray(lba * 4096, (lba + 1) * 4096)).toEqual(DATA);
    expect((await copy({ units, segments: [{ count: 7 }] })).verdict).toBe('a/26/0a');
  });

  it.each([
    ['an index without a descriptor', { segments: [{ to: 2 }] }, 'a/08/04'],
    ['a source beyond the end', { segments: [{ sourceLba: 57 }] }, 'a/00/00'],
    ['a destination beyond the end', { segments: [{ targetLba: 57 }] }, 'a/00/00'],
    ['an LBA that no unit has', { segments: [{ targetLba: 2 ** 53 }] }, 'a/00/00'],
    ['LIST ID USAGE 1', { usage: '08' }, '5/26/00'],
    ['a list identifier where there is to be none', { usage: '18' }, '5/26/00'],
  ] as const)('is refused with %s', async (_name, options, verdict) => {
    expect((await copy(options)).verdict).toBe(verdict);
    expect(target.calls).toEqual([]);
  });

  it('is refused with units that are not there, not disks, or of another block size', async () => {
    const nobody = naaOf(source).replace('600a0b', '600a0c');
    expect((await copy({ units: [naaOf(source), nobody] })).verdict).toBe('a/0d/02');
    expect((await copy({ units: [naaOf(source), naaOf(target).replace('e400', 'e401')] })).verdict).toBe('a/0d/03');
    expect((await copy({ units: [naaOf(source), naaOf(target).replace(/000200$/, '001000')] })).verdict).toBe(
      'a/0d/03',
    );
    expect((await copy({ units: [naaOf(source), naaOf(target).replace(/000200$/, '000000')] })).verdict).toBe('good');
    expect((await copy({ units: [naaOf(source), naaOf(target).replace('e400', 'e4c0')] })).verdict).toBe('good');
  });

  it('does not reach a command device, nor a unit that the nexus may not know of', async () => {
    await build(source, memoryUnit({ lun: 1, kind: 'command-device' }));
    expect((await copy()).verdict).toBe('a/0d/02');
    await build(source, target);
    await fixture.settle('blind');
    expect((await copy({ nexus: 'blind' })).verdict).toBe('a/0d/02');
    expect(target.calls).toEqual([]);
  });

  it('does what the nexus could do itself, and no more', async () => {
    target.setAccess('read-only');
    expect((await copy()).verdict).toBe('a/27/00');
    target.setAccess('none');
    expect((await copy()).verdict).toBe('a/04/07');
    target.setAccess('read-write');
    await fixture.send('16 00 00 00 00 00', { nexus: 'b', lun: 1 });
    expect((await copy()).verdict).toBe('status 18');
    await fixture.send('17 00 00 00 00 00', { nexus: 'b', lun: 1 });
    const key = '00000000000000b2';
    const out = (action: string, data: string) =>
      fixture.send(`5f${action}010000000000180 0`.replace(' ', ''), { nexus: 'b', lun: 1, data: fromHex(data) });
    expect((await out('00', `${'0'.repeat(16)}${key}${'00'.repeat(8)}`)).verdict).toBe('good');
    expect((await out('01', `${key}${'00'.repeat(16)}`)).verdict).toBe('good');
    expect((await copy()).verdict).toBe('status 18');
    // Write exclusive: reading is free.
    expect((await copy({ segments: [{ from: 1, to: 0 }] })).verdict).toBe('good');
    expect(target.calls).toEqual(['read 4+8']);
  });

  it('says where it met a reservation, once something is copied: nothing less was done', async () => {
    source = memoryUnit({ lun: 0, blockCount: 5000 });
    let left = 2;
    const reserve = () => fixture.send('16 00 00 00 00 00', { nexus: 'b', lun: 1 });
    target = memoryUnit({
      lun: 1,
      blockCount: 5000,
      write: async () => {
        left -= 1;
        if (left === 0) await reserve();
      },
    });
    await build(source, target);
    const first = { sourceLba: 0, targetLba: 0, count: 8 };
    const met = await copy({ segments: [first, { ...first, count: 4096 }] });
    expect([met.verdict, toHex(met.sense!.subarray(8, 12))]).toEqual(['a/0d/01', '00000001']);
    expect(await status('07')).toBe('000000080200010000101000');
    expect((await copy({ segments: [first] })).verdict, 'nothing was done').toBe('status 18');
  });

  it('reaches for a unit that has no access, and gives its reason where that fails', async () => {
    const far = memoryUnit({ lun: 1, kind: 'virtual', prepare: async () => far.setAccess('read-write') });
    far.setAccess('none');
    await build(source, far);
    expect((await copy({ units: [naaOf(source), naaOf(far)] })).verdict).toBe('good');
    expect(far.calls).toEqual(['write 20+8']);
    const away = memoryUnit({ lun: 1, prepare: () => Promise.reject(checkCondition(2, 0x08, 0, 'no path')) });
    away.setAccess('none');
    await build(source, away);
    expect((await copy({ units: [naaOf(source), naaOf(away)] })).verdict).toBe('a/08/00');
  });

  it('stops between two pieces when it is aborted', async () => {
    const abort = new AbortController();
    source = memoryUnit({
      lun: 0,
      blockCount: 5000,
      read: async (_lba, count) => {
        abort.abort();
        return new Uint8Array(count * 512);
      },
    });
    target = memoryUnit({ lun: 1, blockCount: 5000 });
    await build(source, target);
    const data = fromHex(
      `07000040000000000000001c00000000${naaOf(source)}${naaOf(target)}${segmentOf({ count: 4096, targetLba: 0 })}`,
    );
    const reply = await fixture.send(`8300${'00'.repeat(8)}0000006c0000`, { data, signal: abort.signal });
    expect([reply.verdict, target.calls]).toEqual(['status 40', []]);
    expect(await status('07')).toBe('000000080200000000000000');
  });

  it('is ended by PREEMPT AND ABORT on the unit that it writes, which waits for it', async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    target = memoryUnit({ lun: 1, write: () => held });
    await build(source, target);
    const [mine, yours, none] = ['00000000000000a1', '00000000000000b2', '0'.repeat(16)];
    const out = async (nexus: string, action: string, key: string, newKey: string) => {
      const data = fromHex(`${key}${newKey}${'00'.repeat(8)}`);
      return (await fixture.send(`5f${action}0100000000001800`, { nexus, lun: 1, data })).verdict;
    };
    expect(await out('a', '00', none, mine)).toBe('good');
    expect(await out('b', '00', none, yours)).toBe('good');
    const order: string[] = [];
    const copying = copy().then(({ verdict }) => order.push(`copy ${verdict}`));
    while (target.calls.length === 0) await Promise.resolve();
    const preempting = out('b', '05', yours, mine).then((verdict) => order.push(`preempt ${verdict}`));
    const keys = async () => (await fixture.send('5e00000000000000ff00', { nexus: 'b', lun: 1 })).dataIn!.length;
    while ((await keys()) > 16) await Promise.resolve();
    expect(order).toEqual([]);
    letGo();
    await Promise.all([copying, preempting]);
    expect(order.toSorted()).toEqual(['copy status 40', 'preempt good']);
  });

  it('refuses lists that are cut', async () => {
    const reply = await fixture.send(`8300${'00'.repeat(8)}000000100000`, { data: new Uint8Array(12) });
    expect(reply.verdict).toBe('5/1a/00');
    const short = await fixture.send(`8300${'00'.repeat(8)}0000000f0000`, { data: new Uint8Array(15) });
    expect(short.verdict).toBe('5/1a/00');
    expect((await copy({ units: [naaOf(source).replace('e4', 'e0')] })).verdict).toBe('5/26/07');
  });
});

describe('RECEIVE COPY RESULTS', () => {
  it('knows the lists of its nexus, until it ends', async () => {
    expect(await status('07')).toBe('5/24/00');
    await copy();
    expect(await status('07')).toBe('000000080100010000001000');
    expect(await status('08')).toBe('5/24/00');
    expect(await status('07', 'b')).toBe('5/24/00');
    await copy({ segments: [{}, { targetLba: 60 }] });
    expect(await status('07')).toBe('000000080200010000001000');
    await copy({ listId: '00', usage: '18' });
    expect(await status('00')).toBe('5/24/00');
    fixture.server.nexusLost('a');
    fixture.server.nexusOpened('a');
    await fixture.settle('a');
    expect(await status('07')).toBe('5/24/00');
  });

  it('says that a copy is in progress, whose identifier cannot be used twice', async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    target = memoryUnit({ lun: 1, write: () => held });
    await build(source, target);
    const first = copy();
    while (target.calls.length === 0) await Promise.resolve();
    expect(await status('07')).toBe('000000080000000000000000');
    expect((await copy()).verdict).toBe('5/00/16');
    letGo();
    expect((await first).verdict).toBe('good');
    expect((await copy()).verdict).toBe('good');
  });

  it('remembers 16 lists', async () => {
    for (let id = 0; id < 20; id++) await copy({ listId: id.toString(16).padStart(2, '0') });
    const known = [];
    for (let id = 0; id < 20; id++) {
      if ((await status(id.toString(16).padStart(2, '0'))) !== '5/24/00') known.push(id);
    }
    expect(known).toEqual(Array.from({ length: 16 }, (_unused, index) => index + 4));
  });

  it('gives the operating parameters, and INQUIRY says that there is a copy manager', async () => {
    const reply = await fixture.send(`8403${'00'.repeat(8)}000000080000`);
    expect(toHex(reply.dataIn!)).toBe('0000002a01000000');
    expect((await fixture.send('12 00 00 00 24 00')).dataIn![5]).toBe(0x08);
    await build(memoryUnit({ kind: 'command-device' }));
    expect((await fixture.send('12 00 00 00 24 00')).dataIn![5]).toBe(0);
  });
});
