import { describe, expect, it } from 'vitest';
import type { Connection, Transport } from '../../src/base/transport.ts';
import { shareOfRoom } from '../../src/iscsi/target/fair-share.ts';
import { createPortal, type Portal, type PortalEvent } from '../../src/lun/iscsi-portal.ts';
import type { DeviceServer, ScsiReply, ScsiTask } from '../../src/scsi/task.ts';
import { readPdus, slowPdu, textData, type SeenPdu, type SlowPdu } from '../iscsi/slow-pdu.ts';
import { createFakeClock, settle, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTransport, type MemoryTransport } from '../support/memory-transport.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const TARGET = 'iqn.2026-11.test:array';

/** Answers a read with the LUN number in every byte; other behaviour by CDB byte 0. */
class EchoServer implements DeviceServer {
  readonly calls: string[] = [];
  readonly tasks: ScsiTask[] = [];
  readonly held: (() => void)[] = [];

  async execute(task: ScsiTask): Promise<ScsiReply> {
    this.tasks.push(task);
    if (task.cdb[0] === 0xff) throw new Error('the disk is on fire');
    if (task.cdb[0] === 0xfe) await new Promise<void>((resolve) => this.held.push(resolve));
    return { status: 0, dataIn: new Uint8Array(task.expectedDataIn).fill(task.lun[1]!) };
  }

  nexusOpened(nexus: string): void {
    this.calls.push(`opened ${nexus}`);
  }

  nexusLost(nexus: string): void {
    this.calls.push(`lost ${nexus}`);
  }

  reset(scope: string): void {
    this.calls.push(`reset ${scope}`);
  }
}

interface Stage {
  readonly transport: MemoryTransport;
  readonly clock: FakeClock;
  readonly server: EchoServer;
  readonly events: PortalEvent[];
  readonly portal: Portal;
  /** How often the portal has called `send`. */
  sends(): number;
}

/** Counts the batches of the listening side. */
function counting(transport: Transport, count: () => void): Transport {
  return {
    connect: (host, port, options) => transport.connect(host, port, options),
    listen: (host, port, accept) =>
      transport.listen(host, port, (stream) => {
        const send = stream.send.bind(stream);
        stream.send = (chunks) => {
          count();
          return send(chunks);
        };
        accept(stream);
      }),
  };
}

async function stage(
  options: { cut?: (n: number) => number; highWaterMark?: number; maxConnections?: number } = {},
): Promise<Stage> {
  const transport = createMemoryTransport(options);
  const clock = createFakeClock();
  const server = new EchoServer();
  const events: PortalEvent[] = [];
  let sends = 0;
  const portal = await createPortal({
    transport: counting(transport, () => (sends += 1)),
    clock,
    host: '127.0.0.1',
    port: 0,
    targetName: TARGET,
    deviceServer: server,
    random: createSeededRandom(5),
    log: (event) => events.push(event),
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
  });
  return { transport, clock, server, events, portal, sends: () => sends };
}

/** An initiator of few words at the other end of the transport. */
class Peer {
  readonly stream: Connection;
  closed = false;
  private received: Uint8Array[] = [];

  private constructor(stream: Connection) {
    this.stream = stream;
    stream.handlers = {
      data: (bytes) => void this.received.push(Uint8Array.from(bytes)),
      drained: () => undefined,
      closed: () => void (this.closed = true),
    };
  }

  static async connect(at: Stage, from = at.portal.host): Promise<Peer> {
    return new Peer(await at.transport.connect(from, at.portal.port, { timeoutMs: 1000 }));
  }

  static async login(at: Stage, number = 1, from = at.portal.host): Promise<Peer> {
    const peer = await Peer.connect(at, from);
    const [answer] = await peer.exchange(loginPdu(number));
    if (answer?.at(36, 2) !== 0) throw new Error('the login was refused');
    return peer;
  }

  async exchange(...pdus: SlowPdu[]): Promise<SeenPdu[]> {
    this.stream.send(pdus.map((pdu) => slowPdu(pdu)));
    return this.read();
  }

  async read(): Promise<SeenPdu[]> {
    for (let turn = 0; turn < 5; turn += 1) await settle();
    return readPdus(Buffer.concat(this.received.splice(0)));
  }
}

function loginPdu(number: number): SlowPdu {
  return {
    fields: [
      [0, 1, 0x43],
      [1, 1, 0x87],
      [8, 6, '8000000000' + number.toString(16).padStart(2, '0')],
      [16, 4, 1],
      [24, 4, 1],
    ],
    data: textData(
      `InitiatorName=iqn.2026-11.test:h${number}`,
      `TargetName=${TARGET}`,
      'MaxRecvDataSegmentLength=262144',
    ),
  };
}

function read(tag: number, cmdSn: number, options: { lun?: number; length?: number; opcode?: number } = {}): SlowPdu {
  const lun = `00${(options.lun ?? 5).toString(16).padStart(2, '0')}`;
  return {
    fields: [
      [0, 1, 1],
      [1, 1, 0xc0],
      [8, 8, lun],
      [16, 4, tag],
      [20, 4, options.length ?? 16],
      [24, 4, cmdSn],
      [32, 1, options.opcode ?? 0x28],
    ],
  };
}

const NEXUS = (number: number): string =>
  `iqn.2026-11.test:h${number},i,0x8000000000${number.toString(16).padStart(2, '0')}`;

describe('the portal', () => {
  it('serves a device server, and says who is there', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    const [dataIn] = await peer.exchange(read(7, 1));
    expect([dataIn!.opcode, dataIn!.flags, [...dataIn!.data]]).toEqual([
      0x25,
      0x81,
      Array.from({ length: 16 }, () => 5),
    ]);
    expect(at.server.tasks[0]!.nexus).toBe(NEXUS(1));
    expect(at.portal.sessions()).toEqual([
      {
        initiatorName: 'iqn.2026-11.test:h1',
        isid: '800000000001',
        nexus: NEXUS(1),
        discovery: false,
        remoteAddress: peer.stream.localAddress,
      },
    ]);
  });

  it.each([1, 2, 3, 47, 48, 49, 1000])('works when the bytes come %i at a time', async (size) => {
    const at = await stage({ cut: () => size });
    const peer = await Peer.login(at);
    const seen = await peer.exchange(read(7, 1, { length: 300 }), read(8, 2, { lun: 9 }));
    expect(seen.map((pdu) => [pdu.at(16, 4), pdu.data.length, pdu.data[0]])).toEqual([
      [7, 300, 5],
      [8, 16, 9],
    ]);
  });

  it('answers everything of a turn in one batch', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    const before = at.sends();
    peer.stream.send([Buffer.concat(Array.from({ length: 32 }, (_, index) => slowPdu(read(index, index + 1))))]);
    expect(await peer.read()).toHaveLength(32);
    expect(at.sends() - before).toBe(1);
  });

  it('serves sixteen connections and every LUN number', async () => {
    const at = await stage();
    const peers = await Promise.all(Array.from({ length: 16 }, (_, index) => Peer.login(at, index + 1)));
    expect(at.portal.sessions()).toHaveLength(16);
    const answers = await Promise.all(
      peers.map((peer, index) =>
        peer.exchange(
          ...Array.from({ length: 16 }, (_, step) => read(step, step + 1, { lun: index * 16 + step, length: 1 })),
        ),
      ),
    );
    expect(answers.flat().map((pdu) => pdu.data[0])).toEqual(Array.from({ length: 256 }, (_, lun) => lun));
  });

  it('turns away connections beyond its limit, and has room again later', async () => {
    const at = await stage({ maxConnections: 2 });
    const first = await Peer.login(at, 1);
    await Peer.login(at, 2);
    const third = await Peer.connect(at);
    expect(await third.exchange(loginPdu(3))).toEqual([]);
    expect(third.closed).toBe(true);
    expect(at.events.at(-1)!.kind).toBe('too-many-connections');
    first.stream.destroy();
    await settle();
    await Peer.login(at, 3);
  });

  it('leaves a quarter of its room to others than the address that has the rest', async () => {
    const at = await stage({ maxConnections: 8 });
    const greedy: Peer[] = [];
    for (let number = 1; number <= 6; number += 1) greedy.push(await Peer.login(at, number, '192.0.2.1'));
    const seventh = await Peer.connect(at, '192.0.2.1');
    expect(await seventh.exchange(loginPdu(7))).toEqual([]);
    expect(at.events.at(-1)).toMatchObject({
      kind: 'too-many-connections',
      detail: '6 connections of 192.0.2.1 are open',
    });
    await Peer.login(at, 8, '192.0.2.2');
    greedy[0]!.stream.destroy();
    await settle();
    await Peer.login(at, 9, '192.0.2.1');
  });

  it('lets a slow login be, however many half-done ones come from another address', async () => {
    const at = await stage();
    const slow = await Peer.connect(at, '192.0.2.2');
    for (let count = 0; count < 500; count += 1) await Peer.connect(at, '192.0.2.1');
    await settle();
    expect(slow.closed).toBe(false);
    const [answer] = await slow.exchange(loginPdu(1));
    expect(answer!.at(36, 2)).toBe(0);
  });

  it('keeps at most 32 who have not logged in: the oldest gives way, and who comes to log in is let in', async () => {
    const at = await stage();
    const session = await Peer.login(at, 1);
    const idle: Peer[] = [];
    for (let count = 0; count < 32; count += 1) idle.push(await Peer.connect(at));
    expect(idle.some((peer) => peer.closed)).toBe(false);
    const next = await Peer.login(at, 2);
    await settle();
    expect([idle[0]!.closed, idle[1]!.closed, session.closed, next.closed]).toEqual([true, false, false, false]);
    expect(at.events.filter(({ kind }) => kind === 'too-many-logins')).toHaveLength(1);
    for (let count = 0; count < 500; count += 1) await Peer.connect(at);
    await Peer.login(at, 3);
    expect(at.portal.sessions().map(({ initiatorName }) => initiatorName)).toEqual(
      [1, 2, 3].map((number) => `iqn.2026-11.test:h${number}`),
    );
  });

  it('drops who does not log in within 15 seconds', async () => {
    const at = await stage();
    const peer = await Peer.connect(at);
    await at.clock.advance(14_999);
    expect(peer.closed).toBe(false);
    await at.clock.advance(1);
    expect(peer.closed).toBe(true);
  });

  it('asks after silence, and drops who does not answer', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    await at.clock.advance(30_000);
    expect((await peer.read()).map((pdu) => pdu.opcode)).toEqual([0x20]);
    await at.clock.advance(30_000);
    expect(peer.closed).toBe(true);
    expect(at.server.calls).toEqual([`opened ${NEXUS(1)}`, `lost ${NEXUS(1)}`]);
  });
});

describe('faults stay with their connection', () => {
  it('garbage costs the one that sent it', async () => {
    const at = await stage();
    const [good, bad] = [await Peer.login(at, 1), await Peer.login(at, 2)];
    bad.stream.send([new Uint8Array(500).fill(0xff)]);
    await settle();
    expect(bad.closed).toBe(true);
    expect(await good.exchange(read(1, 1))).toHaveLength(1);
    expect(at.portal.sessions().map((session) => session.nexus)).toEqual([NEXUS(1)]);
  });

  it('a device server that fails is a hardware error of the one command', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    const [failed, fine] = await peer
      .exchange(read(1, 1, { opcode: 0xff }), read(2, 2))
      .then((seen) => seen.toSorted((a, b) => a.at(16, 4) - b.at(16, 4)));
    expect([failed!.opcode, failed!.at(3, 1), failed!.data[4], failed!.data[14]]).toEqual([0x21, 2, 4, 0x44]);
    expect(fine!.opcode).toBe(0x25);
    expect(at.events.at(-1)).toMatchObject({ kind: 'internal-failure' });
    expect(at.events.at(-1)!.detail).toContain('the disk is on fire');
  });

  it('a lost connection aborts its tasks and ends its nexus', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    await peer.exchange(read(1, 1, { opcode: 0xfe }));
    const [task] = at.server.tasks;
    expect(task!.aborted).toBe(false);
    peer.stream.destroy();
    await settle();
    expect(task!.aborted).toBe(true);
    expect(at.server.calls).toEqual([`opened ${NEXUS(1)}`, `lost ${NEXUS(1)}`]);
    at.server.held[0]!();
    await settle();
    expect(at.portal.sessions()).toEqual([]);
  });
});

describe('back-pressure', () => {
  it('stops reading from who does not read, and goes on when it does', async () => {
    const at = await stage({ highWaterMark: 100_000 });
    const peer = await Peer.login(at);
    peer.stream.pause();
    for (let index = 0; index < 20; index += 1) {
      peer.stream.send([slowPdu(read(index, index + 1, { length: 60_000 }))]);
      await settle();
    }
    const started = at.server.tasks.length;
    expect(started).toBeLessThan(5);
    peer.stream.resume();
    expect(await peer.read()).toHaveLength(20);
    expect(at.server.tasks).toHaveLength(20);
  });
});

describe('Data-In that nobody takes', () => {
  it('is bounded: commands beyond the budget wait until what was asked for has been read', async () => {
    const at = await stage({ highWaterMark: 100_000 });
    const peer = await Peer.login(at);
    peer.stream.pause();
    const length = 16 * 1024 * 1024;
    peer.stream.send([
      Buffer.concat(Array.from({ length: 20 }, (_, index) => slowPdu(read(index, index + 1, { length })))),
    ]);
    await settle();
    expect(at.server.tasks.length).toBe(shareOfRoom(1) / length);
    peer.stream.resume();
    await settle();
    expect(at.server.tasks.length).toBeGreaterThan(shareOfRoom(1) / length);
  });

  it('holds no task for ever that is aborted while it waits', async () => {
    const at = await stage({ highWaterMark: 1000 });
    const peer = await Peer.login(at);
    peer.stream.pause();
    const length = shareOfRoom(1);
    peer.stream.send([Buffer.concat([1, 2, 3].map((tag) => slowPdu(read(tag - 1, tag, { length }))))]);
    await settle();
    expect(at.server.tasks.length).toBe(1);
    peer.stream.destroy();
    await settle();
    expect(at.portal.sessions()).toEqual([]);
    expect(at.server.tasks.slice(1).every((task) => task.aborted)).toBe(true);
  });
});

describe('closing', () => {
  it('at once drops everyone', async () => {
    const at = await stage();
    const peers = [await Peer.login(at, 1), await Peer.login(at, 2)];
    await at.portal.close();
    await settle();
    expect(peers.map((peer) => peer.closed)).toEqual([true, true]);
    expect(at.clock.pending()).toBe(0);
    await expect(Peer.connect(at)).rejects.toThrow('refused');
  });

  it('gracefully asks for a logout and waits for it', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    const closing = at.portal.close(true);
    const [message] = await peer.read();
    expect([message!.opcode, message!.at(36, 1)]).toEqual([0x32, 1]);
    const [answer] = await peer.exchange({
      fields: [
        [0, 1, 0x46],
        [1, 1, 0x80],
        [16, 4, 9],
      ],
    });
    expect([answer!.opcode, answer!.at(2, 1)]).toEqual([0x26, 0]);
    await closing;
    expect(at.portal.sessions()).toEqual([]);
  });

  it('does not wait longer than a few seconds', async () => {
    const at = await stage();
    const peer = await Peer.login(at);
    await at.clock.run(at.portal.close(true));
    expect(peer.closed).toBe(true);
    expect(at.clock.monotonicMs()).toBe(3000);
  });
});
