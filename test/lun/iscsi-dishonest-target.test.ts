import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperationalValues } from '../../src/iscsi/negotiation.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { LunError, type Lun, type LunErrorKind } from '../../src/lun/lun.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { BLOCK_SIZE, createDiskServer, type DiskServer } from '../support/disk-server.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import {
  createTamperingProxy,
  encode,
  type RawPdu,
  type Tampered,
  type TamperingProxy,
} from '../support/tampering-proxy.ts';

/** A target that lies, stalls, closes or floods, over sockets: every call ends in time, with what can be known. */

const TARGET = 'iqn.2026-11.example:disks';
/** Where the target is to be waited for in vain. */
const SHORT_MS = 600;
/** Of commands that are sent again until there is no time left for another pause. */
const BUSY_MS = 2000;
/** Longer than a loaded machine takes. */
const LONG_MS = 10_000;

const OP = { nopIn: 0x20, response: 0x21, dataIn: 0x25, r2t: 0x31, async: 0x32, reject: 0x3f } as const;

const clock = createRealClock();
const transport = createTcpTransport();
let server: DiskServer;
let portal: Portal;
let proxy: TamperingProxy;
let opener: PathOpener;
let lun: Lun;

async function start(values: OperationalValues = {}): Promise<void> {
  const random = createSeededRandom(9);
  server = createDiskServer({ 1: 256 * BLOCK_SIZE });
  server.disks.get(1)!.forEach((_, at, disk) => (disk[at] = 1 + ((at * 3 + (at >> 9)) % 255)));
  const own = { host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: server };
  portal = await createPortal({ transport, clock, random, ...own, values });
  proxy = await createTamperingProxy(portal.port);
  opener = createLunOpener({
    transport,
    clock,
    random,
    initiatorName: 'iqn.2026-11.example:host',
    reconnectPausesMs: [5, 5],
  });
  lun = await opener.open(`iscsi://127.0.0.1:${proxy.port}/${TARGET}/1`);
  await lun.capacity();
}

beforeEach(() => start());

afterEach(async () => {
  proxy.tamper = undefined;
  await opener.close();
  await proxy.close();
  await portal.close();
});

/** Tampers with the PDUs of one kind that come from now on. */
function tamper(opcode: number, how: (pdu: RawPdu) => Tampered): void {
  proxy.tamper = (pdu) => (pdu.opcode === opcode ? how(pdu) : [encode(pdu)]);
}

function pdu(opcode: number, fields: readonly (readonly [number, number, number])[], data = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(48);
  header[0] = opcode;
  header[1] = 0x80;
  header.writeUInt32BE(0xffff_ffff, 16);
  for (const [at, length, value] of fields) header.writeUIntBE(value, at, length);
  return encode({ header, data });
}

interface Ending {
  readonly kind: LunErrorKind | 'done';
  readonly outcome: string;
  readonly message: string;
}

async function endOf(call: Promise<unknown>, timeoutMs = LONG_MS): Promise<Ending> {
  const begun = clock.monotonicMs();
  const end = await call.then(
    () => ({ kind: 'done' as const, outcome: 'done', message: '' }),
    (error: unknown) => {
      if (error instanceof LunError) return error;
      throw error;
    },
  );
  expect(clock.monotonicMs() - begun).toBeLessThan(timeoutMs + LONG_MS);
  return end;
}

function read(timeoutMs = LONG_MS): Promise<Ending> {
  return endOf(lun.read(8, 8, { timeoutMs }).then(compare(8, 8)), timeoutMs);
}

function write(timeoutMs: number): Promise<Ending> {
  return endOf(lun.write(100, new Uint8Array(16 * BLOCK_SIZE).fill(7), { timeoutMs }), timeoutMs);
}

function timeFor(kind: LunErrorKind): number {
  if (kind === 'timeout') return SHORT_MS;
  return kind === 'busy' || kind === 'task-set-full' ? BUSY_MS : LONG_MS;
}

function compare(lba: number, count: number): (data: Uint8Array) => void {
  const expected = server.disks.get(1)!.subarray(lba * BLOCK_SIZE, (lba + count) * BLOCK_SIZE);
  return (data) => expect(Buffer.compare(data, expected)).toBe(0);
}

function changed(original: RawPdu, change: (header: Buffer) => void, data = original.data): Uint8Array[] {
  change(original.header);
  return [encode({ header: original.header, data })];
}

describe('the answer to a READ', () => {
  it.each<[string, (pdu: RawPdu) => Tampered, LunErrorKind, RegExp]>([
    ['ends the connection', () => 'end', 'no-path', /closed|lost/],
    ['resets the connection', () => 'reset', 'no-path', /lost|reset|ECONN/],
    ['does not come', () => [], 'timeout', /no answer/],
    ['stops inside its header', (p) => [encode(p).subarray(0, 47)], 'timeout', /no answer/],
    ['stops inside its data', (p) => [encode(p).subarray(0, 1000)], 'timeout', /no answer/],
    [
      'announces 16 MiB of data',
      (p) => [Buffer.concat([Buffer.from([0x25, 0x81, 0, 0, 0, 0xff, 0xff, 0xff]), encode(p).subarray(8)])],
      'no-path',
      /protocol/,
    ],
    [
      'announces more data than comes',
      (p) => [changedLength(p, p.data.length + 4000)],
      'no-path',
      /at most 4096 bytes/,
    ],
    ['announces less data than comes', (p) => [changedLength(p, 512)], 'io-error', /512 of 4096 bytes/],
    [
      'brings more data than was asked for',
      (p) => changed(p, () => undefined, Buffer.alloc(8192)),
      'no-path',
      /protocol/,
    ],
    ['has the wrong DataSN', (p) => changed(p, (h) => h.writeUInt32BE(1, 36)), 'no-path', /DataSN/],
    ['has the wrong BufferOffset', (p) => changed(p, (h) => h.writeUInt32BE(512, 40)), 'no-path', /BufferOffset/],
    ['belongs to no command', (p) => changed(p, (h) => h.writeUInt32BE(0x7777, 16)), 'no-path', /InitiatorTaskTag/],
    ['has an opcode that nobody knows', (p) => changed(p, (h) => (h[0] = 0x3b)), 'no-path', /opcode/],
    ['is a demand for data', (p) => changed(p, (h) => (h[0] = 0x31), Buffer.alloc(0)), 'no-path', /R2T/],
    ['is GOOD without any data', (p) => [status(p, 0)], 'io-error', /0 of 4096 bytes/],
    [
      'is GOOD with half of the data',
      (p) => changed(p, () => undefined, p.data.subarray(0, 2048)),
      'io-error',
      /2048 of/,
    ],
    [
      'names a residual that is not there',
      (p) => changed(p, (h) => ((h[1] = 0x83), h.writeUInt32BE(5, 44))),
      'io-error',
      /contradicts/,
    ],
    ['is an iSCSI failure', (p) => [status(p, 0, { response: 1 })], 'no-path', /could not complete/],
    ['is a Reject', (p) => [rejected(p)], 'no-path', /rejected/],
    ['is CHECK CONDITION without sense', (p) => [status(p, 2)], 'check-condition', /without sense/],
    [
      'is CHECK CONDITION with 1 byte of sense',
      (p) => [status(p, 2, { data: '00' })],
      'check-condition',
      /without sense/,
    ],
    [
      'is CHECK CONDITION with empty sense',
      (p) => [status(p, 2, { data: '0000' })],
      'check-condition',
      /without sense/,
    ],
    [
      'is CHECK CONDITION with sense of a false length',
      (p) => [status(p, 2, { data: 'ffff700003' })],
      'check-condition',
      /without sense/,
    ],
    ['is RESERVATION CONFLICT', (p) => [status(p, 0x18)], 'reservation-conflict', /reserved/],
    ['is BUSY, always', (p) => [status(p, 8)], 'busy', /BUSY/],
    ['is TASK SET FULL, always', (p) => [status(p, 0x28)], 'task-set-full', /TASK SET FULL/],
    ['is a unit attention, always', (p) => [sensed(p, 6, 0x29)], 'unit-attention', /UNIT ATTENTION/],
    ['is no medium', (p) => [sensed(p, 2, 0x3a)], 'no-medium', /medium/],
    ['is not ready', (p) => [sensed(p, 2, 0x04, 3)], 'not-ready', /NOT READY/],
  ])('%s', async (_name, how, kind, words) => {
    tamper(OP.dataIn, how);
    const end = await read(timeFor(kind));
    expect([end.kind, end.outcome]).toEqual([kind, 'not-done']);
    expect(end.message).toMatch(words);
    proxy.tamper = undefined;
    expect((await endOf(lun.read(8, 8).then(compare(8, 8)))).kind).toBe('done');
  });

  it('may come twice', async () => {
    tamper(OP.dataIn, (p) => [encode(p), encode(p)]);
    expect((await read()).kind).toBe('done');
    expect((await read()).kind).toBe('done');
    expect(proxy.connections).toBe(1);
  });

  it('may come in any order', async () => {
    const held: Uint8Array[] = [];
    tamper(OP.dataIn, (p) => {
      held.unshift(encode(p));
      return held.length < 4 ? [] : held.splice(0);
    });
    const ends = await Promise.all([0, 1, 2, 3].map((at) => endOf(lun.read(at * 16, 16).then(compare(at * 16, 16)))));
    expect(ends.map(({ kind }) => kind)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('may come when nobody waits for it any more, and does no harm', async () => {
    const held: Uint8Array[] = [];
    tamper(OP.dataIn, (p) => {
      held.push(encode(p));
      return [];
    });
    expect((await read(SHORT_MS)).kind).toBe('timeout');
    proxy.tamper = (p) => [...held.splice(0), encode(p)];
    expect((await read()).kind).toBe('done');
  });
});

describe('a target that wants to be left', () => {
  it.each([
    ['asks for a logout', 1],
    ['drops the connection', 2],
    ['drops the session', 3],
    ['asks for a new negotiation', 4],
  ])('%s: the READ is sent again', async (_name, event) => {
    let asked = false;
    tamper(OP.dataIn, (p) => {
      if (asked) return [encode(p)];
      asked = true;
      return [pdu(OP.async, [[36, 1, event]]), ...(event === 1 || event === 4 ? [encode(p)] : [])];
    });
    expect((await endOf(lun.read(8, 8).then(compare(8, 8)))).kind).toBe('done');
    expect((await endOf(lun.read(8, 8).then(compare(8, 8)))).kind).toBe('done');
    expect(proxy.connections).toBe(2);
  });
});

describe('a flood instead of an answer', () => {
  const COUNT = 100_000;
  it.each([
    ['of pings', pdu(OP.nopIn, [[20, 4, 1]])],
    ['of signs of life', pdu(OP.nopIn, [[20, 4, 0xffff_ffff]])],
    ['of events', pdu(OP.async, [[36, 1, 0]], Buffer.alloc(64))],
    ['of Rejects', pdu(OP.reject, [[2, 1, 4]], Buffer.alloc(48))],
  ])('%s costs no memory, and no more time than allowed', async (_name, one) => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
    tamper(OP.dataIn, () => Array.from({ length: COUNT / 1000 }, () => many));
    const before = process.memoryUsage().heapUsed;
    expect(['timeout', 'no-path']).toContain((await read(SHORT_MS)).kind);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(256 << 20);
  });
});

describe('the answers to a WRITE', () => {
  beforeEach(async () => {
    await opener.close();
    await proxy.close();
    await portal.close();
    await start({ InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '4096', FirstBurstLength: '4096' });
  });

  it.each<[string, number, (pdu: RawPdu) => Tampered, LunErrorKind, RegExp]>([
    [
      'an R2T beyond the data',
      OP.r2t,
      (p) => changed(p, (h) => h.writeUInt32BE(1 << 20, 40)),
      'no-path',
      /BufferOffset/,
    ],
    [
      'an R2T for too much',
      OP.r2t,
      (p) => changed(p, (h) => h.writeUInt32BE(0xffff_ffff, 44)),
      'no-path',
      /DesiredData/,
    ],
    ['an R2T for nothing', OP.r2t, (p) => changed(p, (h) => h.writeUInt32BE(0, 44)), 'no-path', /DesiredData/],
    ['an R2T out of its turn', OP.r2t, (p) => changed(p, (h) => h.writeUInt32BE(7, 36)), 'no-path', /R2TSN/],
    ['the same R2T twice', OP.r2t, (p) => [encode(p), encode(p)], 'no-path', /R2TSN/],
    ['no R2T', OP.r2t, () => [], 'timeout', /no answer/],
    ['no status', OP.response, () => [], 'timeout', /no answer/],
    [
      'GOOD with a residual',
      OP.response,
      (p) => changed(p, (h) => ((h[1] = 0x82), h.writeUInt32BE(512, 44))),
      'io-error',
      /residual/,
    ],
    ['the end of the connection', OP.response, () => 'reset', 'no-path', /lost|reset|ECONN/],
  ])('are %s: whether it was done is unknown', async (_name, opcode, how, kind, words) => {
    tamper(opcode, how);
    const end = await write(timeFor(kind));
    expect([end.kind, end.outcome]).toEqual([kind, 'unknown']);
    expect(end.message).toMatch(words);
    proxy.tamper = undefined;
    expect((await endOf(lun.write(100, new Uint8Array(BLOCK_SIZE)))).kind).toBe('done');
  });
});

/** The length field of a PDU that otherwise stays as it is. */
function changedLength(p: RawPdu, length: number): Buffer {
  const bytes = encode(p);
  bytes.writeUIntBE(length, 5, 3);
  return bytes;
}

/** A SCSI Response in place of `p`; `data` in hex. */
function status(p: RawPdu, value: number, more: { response?: number; data?: string } = {}): Buffer {
  const header = Buffer.from(p.header);
  header.set([OP.response, 0x80, more.response ?? 0, value], 0);
  header.fill(0, 36);
  return encode({ header, data: Buffer.from(more.data ?? '', 'hex') });
}

function sensed(p: RawPdu, key: number, asc: number, ascq = 0): Buffer {
  const sense = Buffer.alloc(20);
  sense.set([0, 18, 0x70, 0, key, 0, 0, 0, 0, 10]);
  sense.set([asc, ascq], 14);
  return status(p, 2, { data: sense.toString('hex') });
}

/** The command's header as far as a Reject shows it: opcode and task tag. */
function rejected(p: RawPdu): Buffer {
  const refused = Buffer.alloc(48);
  refused[0] = 0x01;
  p.header.copy(refused, 16, 16, 20);
  const header = Buffer.from(p.header);
  header.set([OP.reject, 0x80, 0x09, 0], 0);
  header.writeUInt32BE(0xffff_ffff, 16);
  return encode({ header, data: refused });
}
