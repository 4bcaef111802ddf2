import { describe, expect, it } from 'vitest';
import { slowPdu } from '../slow-pdu.ts';
import {
  createBench,
  FIRST_CMD_SN,
  INITIATOR,
  ISID,
  join,
  NO_TAG,
  nopOut,
  OPCODES,
  sn,
  windowOf,
  type Wire,
} from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;
const NEXUS = `${INITIATOR},i,0x${ISID}`;

describe('the command window', () => {
  it('ignores commands outside it and takes the next right one', () => {
    const wire = join(createBench());
    for (const steps of [-1, 128, 1000, 2 ** 31]) {
      expect(wire.command({ tag: 1, flags: READ, length: 4, cmdSn: (sn(steps) + 2 ** 32) % 2 ** 32 })).toEqual([]);
    }
    expect(wire.tasks).toEqual([]);
    wire.command({ tag: 1, flags: READ, length: 4 });
    wire.command({ tag: 2, flags: READ, length: 4, cmdSn: FIRST_CMD_SN });
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([1]);
  });

  it('delivers in the order of CmdSN, whatever the order of arrival', () => {
    const wire = join(createBench());
    for (const steps of [2, 1, 4, 3]) wire.command({ tag: steps, flags: READ, length: 4, cmdSn: sn(steps) });
    expect(wire.tasks).toEqual([]);
    expect(windowOf(wire)).toEqual([FIRST_CMD_SN, sn(127)]);
    wire.command({ tag: 100, flags: READ, length: 4, cmdSn: sn(0) });
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([100, 1, 2, 3, 4]);
    expect(windowOf(wire)[0]).toBe(sn(5));
  });

  it('takes one of two commands with one number', () => {
    const wire = join(createBench());
    wire.command({ tag: 1, flags: READ, length: 4, cmdSn: sn(1) });
    wire.command({ tag: 2, flags: READ, length: 4, cmdSn: sn(1) });
    wire.command({ tag: 3, flags: READ, length: 4, cmdSn: sn(0) });
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([3, 1]);
  });

  it('closes as 128 commands start and opens as they end; MaxCmdSN never goes back', () => {
    const wire = join(createBench());
    for (let tag = 0; tag < 128; tag += 1) wire.command({ tag, flags: READ, length: 4 });
    expect(windowOf(wire)).toEqual([sn(128), sn(127)]);
    wire.command({ tag: 500, flags: READ, length: 4, cmdSn: sn(128) });
    expect(wire.tasks).toHaveLength(128);
    // Immediate commands are served although the window is shut.
    expect(nopOut(wire, { tag: 3, immediate: true })).toHaveLength(1);
    wire.command({ tag: 501, flags: READ, length: 4, immediate: true });
    expect(wire.tasks).toHaveLength(129);
    const last: number[] = [];
    for (const task of wire.tasks.splice(0)) last.push(wire.complete(task, { status: 0 })[0]!.at(32, 4));
    expect(last.slice(0, 128)).toEqual(Array.from({ length: 128 }, (_, at) => sn(128 + at)));
    expect(last[128]).toBe(sn(255));
  });

  it('bounds immediate commands', () => {
    const wire = join(createBench());
    for (let tag = 0; tag < 256; tag += 1)
      expect(wire.command({ tag, flags: READ, length: 4, immediate: true })).toEqual([]);
    const [reject] = wire.command({ tag: 256, flags: READ, length: 4, immediate: true });
    expect([reject!.opcode, reject!.at(2, 1)]).toEqual([OPCODES.reject, 6]);
    // One that is not immediate has used its number up, or all behind it would wait for ever.
    expect(wire.command({ tag: 257, flags: READ, length: 4 })[0]!.opcode).toBe(OPCODES.reject);
    expect(windowOf(wire)[0]).toBe(sn(1));
  });

  it('rejects a task tag that is in use, with the header', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    const pdu = wire.commandPdu({ tag: 5, flags: READ, length: 4 });
    const [reject] = wire.send(pdu);
    expect([reject!.opcode, reject!.at(2, 1), reject!.at(16, 4)]).toEqual([OPCODES.reject, 7, NO_TAG]);
    expect(Buffer.from(reject!.data)).toEqual(Buffer.from(slowPdu(pdu)));
    expect(windowOf(wire)[0]).toBe(sn(2));
  });
});

describe('NOP', () => {
  it('is echoed up to what the initiator takes', () => {
    const wire = join(createBench());
    const data = new Uint8Array(8192).fill(7);
    const [nop] = nopOut(wire, { tag: 9, data });
    expect([nop!.opcode, nop!.at(16, 4), nop!.at(20, 4), nop!.data.length]).toEqual([OPCODES.nopIn, 9, NO_TAG, 8192]);
    const small = createBench().connect();
    small.login(['MaxRecvDataSegmentLength=512']);
    expect(nopOut(small, { tag: 9, data })[0]!.data.length).toBe(512);
  });

  it('uses a CmdSN unless it is immediate', () => {
    const wire = join(createBench());
    nopOut(wire, { tag: 9 });
    expect(windowOf(wire)[0]).toBe(sn(1));
    expect(nopOut(wire, { tag: 9, cmdSn: FIRST_CMD_SN })).toEqual([]);
  });

  it('without a tag is not answered', () => {
    const wire = join(createBench());
    expect(nopOut(wire, { tag: NO_TAG, immediate: true })).toEqual([]);
    expect(windowOf(wire)[0]).toBe(FIRST_CMD_SN);
  });

  it('asks a silent initiator for a sign of life, then drops it', () => {
    const wire = join(createBench());
    expect(wire.connection.deadlineMs()).toBe(31_000);
    wire.connection.tick(31_000);
    const [ping] = wire.output();
    expect([ping!.opcode, ping!.at(16, 4)]).toEqual([OPCODES.nopIn, NO_TAG]);
    expect(ping!.at(20, 4)).not.toBe(NO_TAG);
    wire.nowMs = 40_000;
    nopOut(wire, { tag: NO_TAG, immediate: true, transferTag: ping!.at(20, 4) });
    wire.connection.tick(61_000);
    expect([wire.connection.closing, wire.connection.deadlineMs()]).toEqual(['no', 70_000]);
    wire.connection.tick(70_000);
    wire.connection.tick(100_000);
    expect(wire.connection.closing).toBe('now');
  });

  it('leaves an initiator time to answer, also where it stood still itself and asks late', () => {
    const wire = join(createBench());
    wire.connection.tick(200_000);
    expect(wire.output()).toHaveLength(1);
    wire.connection.tick(200_001);
    expect([wire.connection.closing, wire.connection.deadlineMs()]).toEqual(['no', 230_000]);
    wire.connection.tick(230_000);
    expect(wire.connection.closing).toBe('now');
  });
});

describe('what is rejected', () => {
  it.each([
    [0x10, 0x03],
    [0x03, 0x04],
    [0x1f, 0x05],
    [0x21, 0x05],
  ])('opcode 0x%s with reason %s', (opcode, reason) => {
    const wire = join(createBench());
    const [reject] = wire.send({
      fields: [
        [0, 1, 0x40 | opcode],
        [16, 4, 0xabc],
      ],
    });
    expect([reject!.opcode, reject!.at(2, 1), reject!.data.length]).toEqual([OPCODES.reject, reason, 48]);
    expect(wire.connection.closing).toBe('no');
  });

  it('a data segment longer than declared drops the connection', () => {
    const wire = join(createBench());
    expect(
      wire.send({
        fields: [
          [0, 1, 0x41],
          [5, 3, 262145],
        ],
      }),
    ).toEqual([]);
    expect(wire.connection.closing).toBe('now');
  });
});

describe('a lost connection', () => {
  it('aborts its tasks and ends its nexus, once', () => {
    const bench = createBench();
    const wire = join(bench);
    wire.command({ tag: 1, flags: READ, length: 4 });
    wire.command({ tag: 2, flags: WRITE, length: 4 });
    const task = wire.tasks[0]!;
    wire.connection.lost();
    wire.connection.lost();
    expect(task.aborted).toBe(true);
    expect(bench.calls).toEqual([`opened ${NEXUS}`, `lost ${NEXUS}`]);
    expect(wire.complete(wire.tasks[0]!, { status: 0 })).toEqual([]);
  });
});

describe('every way to cut the stream', () => {
  it('gives the same answers', () => {
    const build = (wire: Wire): Uint8Array =>
      Buffer.concat([
        slowPdu(wire.commandPdu({ tag: 1, flags: READ, length: 8 })),
        slowPdu(wire.commandPdu({ tag: 2, flags: WRITE, length: 6, data: Uint8Array.of(1, 2, 3, 4, 5, 6) })),
        slowPdu(wire.commandPdu({ tag: 3, flags: WRITE, length: 4 })),
        slowPdu({
          fields: [
            [0, 1, 5],
            [1, 1, 0x80],
            [16, 4, 3],
            [20, 4, 1],
            [36, 4, 0],
            [40, 4, 0],
          ],
          data: Uint8Array.of(9, 8, 7, 6),
        }),
      ]);
    const length = build(join(createBench())).length;
    for (let cut = 0; cut <= length; cut += 1) {
      const wire = join(createBench());
      const stream = build(wire);
      wire.connection.feed(stream.subarray(0, cut), 0);
      wire.connection.feed(stream.subarray(cut), 0);
      expect(
        wire.tasks.map((task) => [task.initiatorTaskTag, ...task.dataOut]),
        `cut at ${cut}`,
      ).toEqual([[1], [2, 1, 2, 3, 4, 5, 6], [3, 9, 8, 7, 6]]);
    }
  });
});
