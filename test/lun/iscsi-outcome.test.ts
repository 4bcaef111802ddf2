import { describe, expect, it } from 'vitest';
import type { Connection, Transport } from '../../src/base/transport.ts';
import { createPortal, type Portal, type PortalParts } from '../../src/lun/iscsi-portal.ts';
import { LunError, type Lun, type LunErrorKind } from '../../src/lun/lun.ts';
import { createLunOpener, type OpenerParts, type PathOpener } from '../../src/lun/opener.ts';
import type { ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import { BLOCK_SIZE, createDiskServer, fixedSense, type DiskServer } from '../support/disk-server.ts';
import { createFakeClock, settle, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTransport, type MemoryTransport } from '../support/memory-transport.ts';
import { failureOf } from '../support/lun-failure.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const TARGET = 'iqn.2026-11.example:disks';
const READ = 0x28;
const WRITE = 0x2a;

class Bench {
  readonly clock: FakeClock = createFakeClock();
  readonly transport: MemoryTransport = createMemoryTransport();
  readonly server: DiskServer = createDiskServer({ 1: 4096 * BLOCK_SIZE, 2: 64 * BLOCK_SIZE });
  portal!: Portal;
  opener!: PathOpener;
  url = '';

  async start(portal: Partial<PortalParts> = {}, opener: Partial<OpenerParts> = {}): Promise<this> {
    const { clock, transport, server } = this;
    const random = createSeededRandom(11);
    this.portal = await createPortal({
      transport,
      host: '127.0.0.1',
      port: 3260,
      targetName: TARGET,
      deviceServer: server,
      clock,
      random,
      ...portal,
    });
    const initiatorName = 'iqn.2026-11.example:host';
    this.opener = createLunOpener({ transport, clock, random, initiatorName, timeoutMs: 8000, ...opener });
    this.url = `iscsi://127.0.0.1:3260/${TARGET}`;
    return this;
  }

  async open(lun = 1): Promise<Lun> {
    const opened = await this.opener.open(`${this.url}/${lun}`);
    await opened.capacity();
    this.server.seen.length = 0;
    return opened;
  }

  /** Answers commands with this operation code by these replies in turn, then as usual. */
  reply(opcode: number, ...replies: ScsiReply[]): void {
    this.server.intercept = (task) => (task.cdb[0] === opcode ? replies.shift() : undefined);
  }

  cut(): void {
    for (const connection of this.transport.connections.slice()) connection.destroy();
  }

  count(opcode: number): number {
    return this.server.seen.filter((seen) => seen === opcode).length;
  }
}

const data = new Uint8Array(BLOCK_SIZE).fill(7);

describe('what the target answers to a write', () => {
  it.each<[string, ScsiReply, LunErrorKind, 'not-done' | 'unknown', RegExp]>([
    ['RESERVATION CONFLICT', { status: 0x18 }, 'reservation-conflict', 'not-done', /RESERVATION CONFLICT/],
    [
      'write protected',
      fixedSense(7, 0x27, 0),
      'write-protected',
      'not-done',
      /DATA PROTECT 7\/27\/00: write protected/,
    ],
    ['thin pool full', fixedSense(7, 0x27, 7), 'check-condition', 'unknown', /space allocation failed/],
    ['not ready', fixedSense(2, 0x04, 0x07), 'not-ready', 'not-done', /operation in progress/],
    ['no medium', fixedSense(2, 0x3a, 1), 'no-medium', 'not-done', /medium not present/],
    ['no such LUN', fixedSense(5, 0x25, 0), 'no-such-lun', 'not-done', /logical unit not supported/],
    ['LBA out of range', fixedSense(5, 0x21, 0), 'check-condition', 'not-done', /out of range/],
    ['medium error', fixedSense(3, 0x0c, 0), 'check-condition', 'unknown', /MEDIUM ERROR/],
    ['hardware error', fixedSense(4, 0x44, 0), 'check-condition', 'unknown', /HARDWARE ERROR/],
    ['aborted command', fixedSense(0xb, 0x47, 5), 'check-condition', 'unknown', /CRC/],
    ['TASK ABORTED', { status: 0x40 }, 'io-error', 'unknown', /TASK ABORTED/],
    ['a status of the future', { status: 0x77 }, 'io-error', 'unknown', /0x77/],
    ['CHECK CONDITION without sense', { status: 2 }, 'check-condition', 'unknown', /without sense/],
    [
      'a deferred error',
      { status: 2, sense: Uint8Array.of(0x71, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0c, 0) },
      'check-condition',
      'not-done',
      /earlier write/,
    ],
  ])('%s', async (_name, reply, kind, outcome, words) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, reply);
    const error = await failureOf(lun.write(3, data));
    expect([error.kind, error.outcome]).toEqual([kind, outcome]);
    expect(error.message).toMatch(words);
    expect(error.message).toContain(`${bench.url}/1: WRITE of 1 block at block 3`);
    expect(bench.count(WRITE)).toBe(1);
  });

  it('carries the sense up', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(READ, fixedSense(3, 0x11, 4));
    const error = await failureOf(lun.read(0, 1));
    expect(error.sense).toEqual({ key: 3, asc: 0x11, ascq: 4 });
    expect(error.outcome).toBe('not-done');
  });

  it.each([
    ['RECOVERED ERROR', fixedSense(1, 0x0b, 0)],
    ['CONDITION MET', { status: 4 }],
  ])('is success all the same: %s', async (_name, reply) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, reply);
    await lun.write(0, data);
    expect(bench.count(WRITE)).toBe(1);
  });
});

describe('what is tried again', () => {
  it('unit attentions, at once, ten at most', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, ...Array.from({ length: 10 }, () => fixedSense(6, 0x29, 0)));
    await lun.write(0, data);
    expect(bench.count(WRITE)).toBe(11);
    bench.reply(WRITE, ...Array.from({ length: 11 }, () => fixedSense(6, 0x29, 0)));
    const refused = await failureOf(lun.write(0, data));
    expect([refused.kind, refused.outcome]).toEqual(['unit-attention', 'not-done']);
    expect(refused.message).toMatch(/UNIT ATTENTION/);
  });

  it.each([
    ['BUSY', { status: 8 }],
    ['TASK SET FULL', { status: 0x28 }],
    ['becoming ready', fixedSense(2, 4, 1)],
  ])('%s, after growing pauses', async (_name, reply) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, reply, reply, reply, reply);
    const begun = bench.clock.monotonicMs();
    await bench.clock.run(lun.write(0, data));
    expect(bench.clock.monotonicMs() - begun).toBe(10 + 20 + 40 + 80);
    expect(bench.server.disks.get(1)![0]).toBe(7);
  });

  it.each([
    ['BUSY', 8, 'busy'],
    ['TASK SET FULL', 0x28, 'task-set-full'],
  ])('%s, but not beyond the timeout', async (_name, status, kind) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.server.intercept = (task) => (task.cdb[0] === WRITE ? { status } : undefined);
    const error = await bench.clock.run(failureOf(lun.write(0, data, { timeoutMs: 3000 })));
    expect([error.kind, error.outcome]).toEqual([kind, 'not-done']);
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(3000);
    expect(bench.count(WRITE)).toBe(9);
  });

  it('ABORTED COMMAND of a repeatable write; that it was then refused does not undo it', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, fixedSense(0xb, 0, 0), { status: 0x18 });
    const error = await failureOf(lun.write(0, data, { repeatable: true }));
    expect([error.kind, error.outcome]).toEqual(['reservation-conflict', 'unknown']);
    bench.reply(WRITE, { status: 0x18 });
    const refused = await failureOf(lun.write(0, data, { repeatable: true }));
    expect([refused.kind, refused.outcome]).toEqual(['reservation-conflict', 'not-done']);
  });

  it('ABORTED COMMAND of a read, three times', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    const aborted = fixedSense(0xb, 0, 0);
    bench.reply(READ, aborted, aborted, aborted);
    await lun.read(0, 1);
    bench.reply(READ, aborted, aborted, aborted, aborted);
    expect((await failureOf(lun.read(0, 1))).kind).toBe('check-condition');
  });
});

describe('a target that contradicts itself', () => {
  it('GOOD with less data than asked for is no data', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(READ, { status: 0, dataIn: new Uint8Array(100) });
    const error = await failureOf(lun.read(0, 1));
    expect(error.kind).toBe('io-error');
    expect(error.message).toContain('100 of 512 bytes');
  });

  it('GOOD with a residual is no write', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.reply(WRITE, { status: 0, wantedDataOut: 100 });
    const error = await failureOf(lun.write(0, data));
    expect([error.kind, error.outcome]).toEqual(['io-error', 'unknown']);
  });
});

describe('geometry', () => {
  it('falls back to READ CAPACITY(10), and finds a changed size', async () => {
    const bench = await new Bench().start();
    bench.server.intercept = (task) => {
      if (task.cdb[0] === 0x9e) return fixedSense(5, 0x20, 0);
      return task.cdb[0] === 0x25 ? { status: 0, dataIn: Uint8Array.of(0, 0, 0, 99, 0, 0, 16, 0) } : undefined;
    };
    const lun = await bench.open();
    expect(await lun.capacity()).toEqual({ blockSize: 4096, blockCount: 100 });
    bench.server.intercept = undefined;
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: 4096 });
  });

  it.each([
    ['the optimal length', 0, 16, 4],
    ['the maximum', 8, 16, 8],
    ['nothing of either', 0, 0, 1],
  ])('cuts transfers by VPD page B0h: %s', async (_name, maximum, optimal, commands) => {
    const bench = await new Bench().start();
    const content = Buffer.alloc(60);
    content.writeUInt32BE(maximum, 4);
    content.writeUInt32BE(optimal, 8);
    bench.server.blockLimits = content;
    const lun = await bench.open();
    await lun.write(0, new Uint8Array(64 * BLOCK_SIZE));
    expect(bench.count(WRITE)).toBe(commands);
  });

  it('refuses what lies outside before anything is sent', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open(2);
    expect((await failureOf(lun.read(64, 1))).kind).toBe('bad-argument');
    expect((await failureOf(lun.write(0, new Uint8Array(100)))).kind).toBe('bad-argument');
    expect(bench.server.seen).toEqual([]);
  });

  it('writes then flushes where the device knows no FUA', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.server.intercept = (task) =>
      task.cdb[0] === WRITE && (task.cdb[1]! & 8) !== 0 ? fixedSense(5, 0x24, 0) : undefined;
    await lun.write(0, data, { forceUnitAccess: true });
    expect(bench.server.seen).toEqual([WRITE, WRITE, 0x35]);
    bench.server.seen.length = 0;
    await lun.write(0, data, { forceUnitAccess: true });
    expect(bench.server.seen).toEqual([WRITE, 0x35]);
  });
});

describe('opening', () => {
  it('finds that the LUN is not there', async () => {
    const bench = await new Bench().start();
    const error = await failureOf(bench.opener.open(`${bench.url}/9`));
    expect(error.kind).toBe('no-such-lun');
    expect(bench.portal.sessions()).toEqual([]);
  });

  it('finds that nobody listens, at once', async () => {
    const bench = await new Bench().start();
    const error = await failureOf(bench.opener.open(`iscsi://127.0.0.1:1/${TARGET}/1`));
    expect([error.kind, error.outcome]).toEqual(['no-path', 'not-done']);
    expect(error.message).toContain('127.0.0.1:1');
  });

  it('finds that the target has another name', async () => {
    const bench = await new Bench().start();
    const error = await failureOf(bench.opener.open('iscsi://127.0.0.1:3260/iqn.2026-11.example:other/1'));
    expect(error.kind).toBe('no-path');
    expect(error.message).toMatch(/no such target/);
  });

  it('finds what is no disk', async () => {
    const bench = await new Bench().start();
    bench.reply(0x12, {
      status: 0,
      dataIn: Uint8Array.from({ length: 36 }, (_, at) => (at === 0 ? 5 : at === 4 ? 31 : 0)),
    });
    expect((await failureOf(bench.opener.open(`${bench.url}/1`))).message).toMatch(/no disk/);
  });

  it('opens a unit that is not ready, so that it can be looked at', async () => {
    const bench = await new Bench().start();
    bench.server.intercept = (task) => (task.cdb[0] === 0 ? fixedSense(2, 4, 7) : undefined);
    expect((await (await bench.open()).identify()).serial).toBe('SERIAL-0001');
  });

  it('gives up in time where the target says nothing', async () => {
    const bench = await new Bench().start();
    await bench.transport.listen('127.0.0.1', 99, (connection) => {
      connection.handlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };
    });
    const open = bench.opener.open(`iscsi://127.0.0.1:99/${TARGET}/1`, { timeoutMs: 700 });
    const error = await bench.clock.run(failureOf(open));
    expect(error.kind).toBe('no-path');
    expect(bench.clock.monotonicMs()).toBe(700);
  });

  it('gives up in time where the target logs in and then says nothing, and waits for no logout', async () => {
    const bench = await new Bench().start();
    bench.server.intercept = () => new Promise<never>(() => undefined);
    const open = bench.opener.open(`${bench.url}/1`, { timeoutMs: 700 });
    const error = await bench.clock.run(failureOf(open));
    expect(error.kind).toBe('timeout');
    expect(bench.clock.monotonicMs()).toBe(700);
  });

  it('takes no device file where none is wanted', async () => {
    const bench = await new Bench().start();
    expect((await failureOf(bench.opener.open('/dev/sda'))).kind).toBe('bad-argument');
  });
});

describe('sessions', () => {
  it('are shared by the LUNs of one target for as long as one is open', async () => {
    const bench = await new Bench().start();
    const [first, second] = [await bench.open(1), await bench.open(2)];
    expect(bench.portal.sessions()).toHaveLength(1);
    await first.close();
    await first.close();
    await second.read(0, 1);
    expect((await failureOf(first.read(0, 1))).kind).toBe('no-path');
    await second.close();
    expect(bench.portal.sessions()).toEqual([]);
    await (await bench.open(1)).read(0, 1);
    await bench.opener.close();
    expect(bench.portal.sessions()).toEqual([]);
  });

  const chap = {
    initiators: [{ name: 'hana', secret: 'correct horse battery' }],
    target: { name: 'tokyo', secret: 'another secret here' },
  };

  it('authenticate both ways with the secrets that were handed in', async () => {
    const credentials: OpenerParts['credentials'] = (user) => ({
      name: user,
      secret: 'correct horse battery',
      target: { name: 'tokyo', secret: 'another secret here' },
    });
    const bench = await new Bench().start({ chap }, { credentials });
    const lun = await bench.opener.open(`iscsi://hana@127.0.0.1:3260/${TARGET}/1`);
    await lun.read(0, 1);
  });

  it('fail without the right secret, and say nothing of it', async () => {
    const wrong = 'not the right secret';
    const bench = await new Bench().start(
      { chap },
      { credentials: (user) => (user === 'hana' ? { name: user, secret: wrong } : undefined) },
    );
    const denied = await failureOf(bench.opener.open(`iscsi://hana@127.0.0.1:3260/${TARGET}/1`));
    expect(denied.kind).toBe('no-path');
    expect(denied.message).toMatch(/CHAP/);
    expect(denied.message).not.toContain(wrong);
    expect((await failureOf(bench.opener.open(`${bench.url}/1`))).kind).toBe('no-path');
    expect((await failureOf(bench.opener.open(`iscsi://otto@127.0.0.1:3260/${TARGET}/1`))).message).toMatch(
      /no CHAP secret/,
    );
  });

  it('use digests where the path wants them', async () => {
    const bench = await new Bench().start();
    const lun = await bench.opener.open(`${bench.url}/1?header_digest=crc32c&data_digest=crc32c`);
    await lun.write(1, data);
    expect(await lun.read(1, 1)).toEqual(data);
  });

  describe('of discovery', () => {
    const mutual: OpenerParts['credentials'] = (user, target) =>
      user === 'hana' && target === undefined
        ? { name: user, secret: chap.initiators[0]!.secret, target: chap.target }
        : undefined;
    const found = [{ name: TARGET, addresses: ['127.0.0.1:3260,1'] }];

    it('authenticate as the portal names a user', async () => {
      const oneWay: OpenerParts['credentials'] = () => chap.initiators[0];
      for (const credentials of [oneWay, mutual]) {
        const bench = await new Bench().start({ chap }, { credentials });
        expect(await bench.opener.listTargets('hana@127.0.0.1:3260')).toEqual(found);
        expect(await bench.opener.listTargets('iscsi://hana@127.0.0.1:3260')).toEqual(found);
      }
    });

    it('fail where the secret is wrong, missing, or the target does not prove itself', async () => {
      const liar = { ...chap, target: { name: 'tokyo', secret: 'somebody else entirely' } };
      const lied = await new Bench().start({ chap: liar }, { credentials: mutual });
      const unproven = await failureOf(lied.opener.listTargets('hana@127.0.0.1:3260'));
      expect([unproven.kind, unproven.path]).toEqual(['no-path', 'hana@127.0.0.1:3260']);
      expect(unproven.message).toMatch(/CHAP_R.*proof that the target knows its secret/);
      const bench = await new Bench().start({ chap }, { credentials: mutual });
      expect((await failureOf(bench.opener.listTargets('127.0.0.1:3260'))).message).toMatch(/wants CHAP/);
      const nobody = await failureOf(bench.opener.listTargets('otto@127.0.0.1:3260'));
      expect([nobody.kind, nobody.message]).toEqual(['bad-argument', expect.stringMatching(/no CHAP secret/)]);
    });

    it('end in time where SendTargets is not answered', async () => {
      const bench = await new Bench().start();
      await bench.transport.listen('127.0.0.1', 99, (connection) => {
        const data = (bytes: Uint8Array): void => {
          if ((bytes[0]! & 0x3f) !== 3) return;
          const answer = Buffer.alloc(48);
          answer.set([0x23, 0x87], 0);
          answer.set(bytes.subarray(8, 20), 8);
          connection.send([answer]);
        };
        connection.handlers = { data, drained: () => undefined, closed: () => undefined };
      });
      const asked = failureOf(bench.opener.listTargets('127.0.0.1:99', { timeoutMs: 700 }));
      expect((await bench.clock.run(asked)).kind).toBe('timeout');
      expect(bench.clock.monotonicMs()).toBe(700);
    });
  });
});

describe('a target that has moved', () => {
  /** Listens where a target was, and counts who comes. */
  async function forwarder(bench: Bench, port: number, address: string): Promise<{ visits: number }> {
    const seen = { visits: 0 };
    await bench.transport.listen('127.0.0.1', port, (connection) => {
      seen.visits += 1;
      const text = Buffer.from(`TargetAddress=${address}\0`);
      const answer = Buffer.alloc(48 + Math.ceil(text.length / 4) * 4);
      answer.set([0x23, 0x04], 0);
      answer.writeUIntBE(text.length, 5, 3);
      answer.writeUInt16BE(0x0101, 36);
      answer.set(text, 48);
      const data = (): void => void connection.send([answer]);
      connection.handlers = { data, drained: () => undefined, closed: () => undefined };
    });
    return seen;
  }

  it.each([
    ['127.0.0.1:3260'],
    ['127.0.0.1:3260,1'],
    ['127.0.0.1'],
    ['[::1]:3260'],
    ['[fe80::1%eth0]:3260,1'],
    ['[::1]'],
  ])('is followed to %s', async (address) => {
    const bench = await new Bench().start();
    await forwarder(bench, 99, address);
    const lun = await bench.opener.open(`iscsi://127.0.0.1:99/${TARGET}/1`);
    await lun.write(0, data);
    expect(bench.server.disks.get(1)![0]).toBe(7);
    expect(await bench.opener.listTargets('127.0.0.1:99')).toHaveLength(1);
  });

  it('is not followed for ever', async () => {
    const bench = await new Bench().start();
    const there = await forwarder(bench, 98, '127.0.0.1:99');
    const here = await forwarder(bench, 99, '127.0.0.1:98');
    const lost = await failureOf(bench.opener.open(`iscsi://127.0.0.1:99/${TARGET}/1`));
    expect([lost.kind, lost.outcome]).toEqual(['no-path', 'not-done']);
    expect(lost.message).toContain('sent on without end: 127.0.0.1:99, 127.0.0.1:98, 127.0.0.1:99, 127.0.0.1:98');
    expect([here.visits, there.visits]).toEqual([2, 2]);
  });

  it('is not followed to what is no address', async () => {
    const bench = await new Bench().start();
    await forwarder(bench, 99, 'hana@elsewhere/\u0007');
    const lost = await failureOf(bench.opener.open(`iscsi://127.0.0.1:99/${TARGET}/1`));
    expect(lost.kind).toBe('no-path');
    expect(lost.message).toContain('the target has moved to "hana@elsewhere/\\u0007", which is no host:port');
  });

  it('is looked for where it was, once it is lost at its new place', async () => {
    const bench = await new Bench().start();
    const old = await forwarder(bench, 99, '127.0.0.1:3260');
    const lun = await bench.opener.open(`iscsi://127.0.0.1:99/${TARGET}/1`);
    bench.cut();
    await settle();
    await bench.clock.run(lun.read(0, 1));
    expect(old.visits).toBe(2);
  });
});

function untilAborted(task: ScsiTask): Promise<ScsiReply> {
  return new Promise((resolve) => task.onceAborted!(() => resolve({ status: 0x40 })));
}

describe('a target that shuts down in order', () => {
  it('lets what it is doing end, and is left at once then: the outcome is known', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    let finish: (reply: ScsiReply) => void = () => undefined;
    bench.server.intercept = (task) =>
      task.cdb[0] === WRITE ? new Promise((resolve) => (finish = resolve)) : undefined;
    const writing = lun.write(0, data);
    await settle();
    let closed = false;
    const closing = bench.portal.close(true).then(() => (closed = true));
    await settle();
    expect(closed).toBe(false);
    finish({ status: 0 });
    await writing;
    await closing;
    expect(bench.clock.monotonicMs()).toBe(0);
  });

  it('does not wait long for what does not end: then the outcome is unknown', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.server.intercept = (task) => (task.cdb[0] === WRITE ? untilAborted(task) : undefined);
    const writing = failureOf(lun.write(0, data));
    await settle();
    await bench.clock.run(bench.portal.close(true));
    expect(await bench.clock.run(writing)).toMatchObject({ kind: 'no-path', outcome: 'unknown' });
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(3000);
  });
});

describe('a lost connection', () => {
  /** Holds commands with this operation code until they are aborted, and tells when one has come. */
  function hold(bench: Bench, opcode: number): Promise<void> {
    return new Promise((came) => {
      bench.server.intercept = (task) => {
        if (task.cdb[0] !== opcode) return undefined;
        came();
        return untilAborted(task);
      };
    });
  }

  it('during a read: it is sent again over a new one', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.server.disks.get(1)!.fill(5);
    const held = hold(bench, READ);
    const read = lun.read(0, 1);
    await held;
    bench.server.intercept = undefined;
    bench.cut();
    expect((await bench.clock.run(read))[0]).toBe(5);
    expect(bench.count(READ)).toBe(2);
  });

  it('during a write: its outcome is unknown, and it is not sent again', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    const held = hold(bench, WRITE);
    const write = failureOf(lun.write(0, data));
    await held;
    bench.cut();
    const error = await write;
    expect([error.kind, error.outcome]).toEqual(['no-path', 'unknown']);
    expect(error.message).toMatch(/unknown/);
    await settle();
    expect(bench.count(WRITE)).toBe(1);
    bench.server.intercept = undefined;
    await bench.clock.run(lun.write(0, data));
  });

  it('during a write that may be repeated: it is', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    const held = hold(bench, WRITE);
    const write = lun.write(0, data, { repeatable: true });
    await held;
    bench.server.intercept = undefined;
    bench.cut();
    await bench.clock.run(write);
    expect(bench.count(WRITE)).toBe(2);
  });

  it('in a repeatable write and no way to make another: unknown, since it may have been done the first time', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    const held = new Promise<void>((came) => {
      bench.server.intercept = (task) => {
        if (task.cdb[0] === WRITE) came();
        return undefined;
      };
    });
    const write = failureOf(lun.write(0, data, { repeatable: true, timeoutMs: 900 }));
    await held;
    bench.transport.reachable = false;
    bench.cut();
    const error = await bench.clock.run(write);
    expect([error.kind, error.outcome]).toEqual(['no-path', 'unknown']);
    expect(error.message).toMatch(/whether it was done is unknown/);
    expect(bench.server.disks.get(1)![0]).toBe(7);
  });

  it.each<[string, ScsiReply, LunErrorKind]>([
    ['refused', { status: 0x18 }, 'reservation-conflict'],
    ['answered by BUSY to the end', { status: 8 }, 'busy'],
  ])('in a repeatable write that is then %s: unknown', async (_name, reply, kind) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    let writes = 0;
    const held = new Promise<void>((came) => {
      bench.server.intercept = (task) => {
        if (task.cdb[0] !== WRITE) return undefined;
        writes += 1;
        if (writes > 1) return reply;
        came();
        return undefined;
      };
    });
    const write = failureOf(lun.write(0, data, { repeatable: true, timeoutMs: 3000 }));
    await held;
    bench.cut();
    const error = await bench.clock.run(write);
    expect([error.kind, error.outcome]).toEqual([kind, 'unknown']);
    expect(error.message).toMatch(/an earlier try of \S.* may have been done/);
  });

  it('before a write: it goes over a new one', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.cut();
    await settle();
    await bench.clock.run(lun.write(0, data));
    expect(bench.count(WRITE)).toBe(1);
  });

  it('and no way to make another: no path, not done, after a few attempts', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.transport.reachable = false;
    bench.cut();
    await settle();
    const begun = bench.clock.monotonicMs();
    const error = await bench.clock.run(failureOf(lun.write(0, data)));
    expect([error.kind, error.outcome]).toEqual(['no-path', 'not-done']);
    expect(bench.clock.monotonicMs() - begun).toBeLessThan(3500);
    bench.transport.reachable = true;
    await bench.clock.run(lun.write(0, data));
  });

  it('while the target restarts: calls wait for it, within their time', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.transport.reachable = false;
    bench.cut();
    bench.clock.setTimer(300, () => (bench.transport.reachable = true));
    await bench.clock.run(Promise.all([lun.read(0, 1), lun.write(0, data), lun.flush()]));
    expect(bench.portal.sessions()).toHaveLength(1);
  });

  it('and one impatient caller: the others still have their own time', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.transport.reachable = false;
    bench.cut();
    bench.clock.setTimer(400, () => (bench.transport.reachable = true));
    const impatient = failureOf(lun.read(0, 1, { timeoutMs: 60 }));
    const patient = lun.read(0, 1);
    expect((await bench.clock.run(impatient)).kind).toBe('no-path');
    expect(bench.clock.monotonicMs()).toBe(60);
    await bench.clock.run(patient);
  });

  it('that the target announced, with a pause: the pause is kept', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    const begun = bench.clock.monotonicMs();
    const drop = Buffer.alloc(48);
    drop.set([0x32, 0x80], 0);
    drop.fill(0xff, 16, 20);
    drop[36] = 3;
    drop.writeUInt16BE(2, 40);
    bench.transport.connections[0]!.handlers.data(drop);
    await bench.clock.run(lun.read(0, 1));
    expect(bench.clock.monotonicMs() - begun).toBe(2000);
  });

  it('of one of many calls in flight concerns them all, each by its kind', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    let writes = 0;
    const all = new Promise<void>((came) => {
      bench.server.intercept = (task) => {
        if (task.cdb[0] === WRITE && ++writes === 8) came();
        return untilAborted(task);
      };
    });
    const reads = Array.from({ length: 8 }, (_, lba) => lun.read(lba, 1));
    const failures = Array.from({ length: 8 }, (_, lba) => failureOf(lun.write(lba, data)));
    await all;
    bench.server.intercept = undefined;
    bench.cut();
    expect((await Promise.all(failures)).map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 8 }, () => 'unknown'),
    );
    expect(await bench.clock.run(Promise.all(reads))).toHaveLength(8);
  });

  it('of a split write leaves the outcome unknown even where the last piece was not sent', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    bench.transport.reachable = true;
    const failing = (): ScsiReply => fixedSense(7, 0x27, 0);
    let count = 0;
    bench.server.intercept = (task) => (task.cdb[0] === WRITE && ++count === 2 ? failing() : undefined);
    const error = await failureOf(lun.write(0, new Uint8Array(2 << 20)));
    expect([error.kind, error.outcome]).toEqual(['write-protected', 'unknown']);
    expect(error.message).toMatch(/other parts/);
  });
});

describe('a connection cut after any number of bytes', () => {
  /** Cuts the first connection once so many bytes have gone in one direction. */
  function cutting(inner: Transport, direction: 'sent' | 'received', limit: number): Transport {
    let first = true;
    const guard = (connection: Connection): Connection => {
      let count = 0;
      const proxy: Connection = {
        localAddress: connection.localAddress,
        remoteAddress: connection.remoteAddress,
        handlers: connection.handlers,
        send(chunks) {
          const bytes = Buffer.concat(chunks);
          const room = direction === 'sent' ? limit - count : bytes.length;
          count += direction === 'sent' ? bytes.length : 0;
          if (bytes.length <= room) return connection.send([bytes]);
          connection.send([bytes.subarray(0, Math.max(0, room))]);
          // What was sent before must arrive: an orderly end, not a reset.
          connection.end();
          return true;
        },
        pause: () => connection.pause(),
        resume: () => connection.resume(),
        end: () => connection.end(),
        destroy: () => connection.destroy(),
      };
      connection.handlers = {
        data(bytes) {
          const room = direction === 'received' ? limit - count : bytes.length;
          count += direction === 'received' ? bytes.length : 0;
          if (room > 0) proxy.handlers.data(bytes.subarray(0, room));
          if (bytes.length > room) connection.destroy();
        },
        drained: () => proxy.handlers.drained(),
        closed: (error) => proxy.handlers.closed(error),
      };
      return proxy;
    };
    return {
      listen: (host, port, accept) => inner.listen(host, port, accept),
      async connect(host, port, options) {
        const connection = await inner.connect(host, port, options);
        if (!first) return connection;
        first = false;
        return guard(connection);
      },
    };
  }

  it.each<['sent' | 'received', number]>([
    ['sent', 48],
    ['received', 31],
  ])('%s: a write is done, unknown, or not done, and never said to be what it is not', async (direction, step) => {
    const outcomes = new Set<string>();
    for (let limit = 1; limit < 3000; limit += step) {
      const bench = await new Bench().start();
      const opener = createLunOpener({
        transport: cutting(bench.transport, direction, limit),
        clock: bench.clock,
        random: createSeededRandom(limit),
        initiatorName: 'iqn.2026-11.example:host',
      });
      const outcome = await bench.clock.run(attempt(opener, bench));
      const written = bench.server.disks.get(1)![0] === 7;
      const seen = bench.count(WRITE);
      expect(seen).toBeLessThanOrEqual(1);
      if (outcome === 'done') expect(written).toBe(true);
      if (outcome === 'not-done' || outcome === 'not open') expect(written).toBe(false);
      outcomes.add(outcome);
      await bench.clock.run(opener.close());
      await bench.portal.close();
    }
    expect(outcomes).toContain('done');
    expect(outcomes).toContain('unknown');
  });

  async function attempt(opener: PathOpener, bench: Bench): Promise<string> {
    let lun: Lun;
    try {
      lun = await opener.open(`${bench.url}/1`);
    } catch (error) {
      expect(error).toBeInstanceOf(LunError);
      return 'not open';
    }
    try {
      await lun.write(0, data);
      return 'done';
    } catch (error) {
      expect(error).toBeInstanceOf(LunError);
      return (error as LunError).outcome;
    }
  }
});

describe('a timeout', () => {
  it.each([
    [READ, 'not-done'],
    [WRITE, 'unknown'],
  ])('of operation %i: told in time, the task is aborted, the session lives on', async (opcode, outcome) => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    let aborted = false;
    bench.server.intercept = (task) => {
      if (task.cdb[0] !== opcode) return undefined;
      return new Promise<ScsiReply>((resolve) => {
        task.onceAborted!(() => {
          aborted = true;
          resolve({ status: 0x40 });
        });
      });
    };
    const call = opcode === READ ? lun.read(0, 1, { timeoutMs: 1500 }) : lun.write(0, data, { timeoutMs: 1500 });
    const error = await bench.clock.run(failureOf(call));
    expect([error.kind, error.outcome, bench.clock.monotonicMs()]).toEqual(['timeout', outcome, 1500]);
    await settle();
    expect(aborted).toBe(true);
    bench.server.intercept = undefined;
    const [session] = bench.portal.sessions();
    await bench.clock.run(lun.write(0, data));
    expect(bench.portal.sessions()).toEqual([session]);
  });
});

describe('a write that is only for what the last read saw', () => {
  it('is not sent over a connection that came after the read', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    await lun.read(0, 1);
    bench.cut();
    await settle();
    const refused = await bench.clock.run(failureOf(lun.write(0, data, { onlyAsLastRead: true })));
    expect(refused).toMatchObject({ kind: 'no-path', outcome: 'not-done' });
    expect(bench.count(WRITE)).toBe(0);
    await bench.clock.run(lun.read(0, 1));
    await bench.clock.run(lun.write(0, data, { onlyAsLastRead: true }));
    expect(bench.count(WRITE)).toBe(1);
  });

  it('is not repeated after a unit attention', async () => {
    const bench = await new Bench().start();
    const lun = await bench.open();
    await lun.read(0, 1);
    bench.reply(WRITE, fixedSense(6, 0x3f, 0x0e));
    const refused = await bench.clock.run(failureOf(lun.write(0, data, { onlyAsLastRead: true })));
    expect(refused).toMatchObject({ kind: 'unit-attention', outcome: 'not-done' });
    expect(bench.count(WRITE)).toBe(1);
  });
});
