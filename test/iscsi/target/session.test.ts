import { describe, expect, it } from 'vitest';
import { slowPdu, textData, textOf, type SeenPdu } from '../slow-pdu.ts';
import { createBench, FIRST_CMD_SN, INITIATOR, ISID, LUN, OPCODES, outcomeOf, TARGET, type Bench, type Wire } from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;
const NO_TAG = 0xffff_ffff;
const NEXUS = `${INITIATOR},i,0x${ISID}`;
const isid = (last: number): string => `80000000${last.toString(16).padStart(4, '0')}`;

function join(bench: Bench, nexus = 0): Wire {
  const wire = bench.connect();
  expect(wire.login([], nexus === 0 ? [] : [[8, 6, isid(nexus)]]).status).toBe(0);
  return wire;
}

function nopOut(wire: Wire, options: { tag: number; immediate?: boolean; cmdSn?: number; data?: Uint8Array; transferTag?: number }): SeenPdu[] {
  return wire.send({
    fields: [
      [0, 1, options.immediate ? 0x40 : 0x00],
      [1, 1, 0x80],
      [8, 8, LUN],
      [16, 4, options.tag],
      [20, 4, options.transferTag ?? NO_TAG],
      [24, 4, options.cmdSn ?? wire.cmdSn],
    ],
    ...(options.data ? { data: options.data } : {}),
  });
}

/** ExpCmdSN and MaxCmdSN as the target sees them now. */
function windowOf(wire: Wire): [number, number] {
  const [nop] = nopOut(wire, { tag: 0x999, immediate: true });
  return [nop!.at(28, 4), nop!.at(32, 4)];
}

const sn = (steps: number): number => (FIRST_CMD_SN + steps) % 2 ** 32;

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
    for (let tag = 0; tag < 256; tag += 1) expect(wire.command({ tag, flags: READ, length: 4, immediate: true })).toEqual([]);
    const [reject] = wire.command({ tag: 256, flags: READ, length: 4, immediate: true });
    expect([reject!.opcode, reject!.at(2, 1)]).toEqual([OPCODES.reject, 6]);
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

describe('task management', () => {
  it('aborts one task: no answer to it, function complete once it is not executed any more', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    const [task] = wire.tasks;
    const { signal } = task!;
    expect(wire.manage({ tag: 6, function: 1, referenced: 5 })).toEqual([]);
    expect(signal.aborted).toBe(true);
    const answers = wire.complete(task!, { status: 0, dataIn: new Uint8Array(4) });
    expect(answers.map((pdu) => [pdu.opcode, pdu.at(16, 4), pdu.at(2, 1)])).toEqual([[OPCODES.management, 6, 0]]);
  });

  it('tells a device server that looks late', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    wire.manage({ tag: 6, function: 1, referenced: 5 });
    expect(wire.tasks[0]!.signal.aborted).toBe(true);
  });

  it('knows when there is no such task', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    wire.complete(wire.tasks[0]!, { status: 0 });
    const [answer] = wire.manage({ tag: 6, function: 1, referenced: 5, refCmdSn: FIRST_CMD_SN });
    expect([answer!.opcode, answer!.at(2, 1)]).toEqual([OPCODES.management, 1]);
  });

  it('takes a command that is still on its way as received and gone', () => {
    const wire = join(createBench());
    wire.cmdSn = sn(1);
    const [answer] = wire.manage({ tag: 6, function: 1, referenced: 5, refCmdSn: FIRST_CMD_SN });
    expect(answer!.at(2, 1)).toBe(0);
    expect(wire.command({ tag: 5, flags: READ, length: 4, cmdSn: FIRST_CMD_SN })).toEqual([]);
    expect(wire.tasks).toEqual([]);
  });

  it('aborts a write that waits for data; what still comes is ignored', () => {
    const wire = join(createBench());
    const [r2t] = wire.command({ tag: 5, flags: WRITE, length: 1024 });
    expect(wire.manage({ tag: 6, function: 1, referenced: 5 })[0]!.at(2, 1)).toBe(0);
    const data = { tag: 5, transferTag: r2t!.at(20, 4), dataSn: 0, offset: 0, data: new Uint8Array(1024), final: true };
    expect(wire.dataOut(data)).toEqual([]);
    expect(wire.tasks).toEqual([]);
    expect(windowOf(wire)).toEqual([sn(1), sn(128)]);
  });

  it('aborts a command that waits for its turn', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4, cmdSn: sn(1) });
    wire.manage({ tag: 6, function: 1, referenced: 5 });
    wire.command({ tag: 7, flags: READ, length: 4, cmdSn: sn(0) });
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([7]);
    expect(windowOf(wire)[0]).toBe(sn(2));
  });

  it('aborts the task set of this nexus on one LUN', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    wire.command({ tag: 1, flags: READ, length: 4 });
    wire.command({ tag: 2, flags: READ, length: 4, lun: '0006' });
    wire.command({ tag: 3, flags: READ, length: 4 });
    other.command({ tag: 1, flags: READ, length: 4 });
    expect(wire.manage({ tag: 6, function: 2 })).toEqual([]);
    expect(wire.tasks.map((task) => task.aborted)).toEqual([true, false, true]);
    expect(other.tasks[0]!.aborted).toBe(false);
    expect(wire.complete(wire.tasks[0]!, { status: 0 })).toEqual([]);
    expect(wire.complete(wire.tasks[2]!, { status: 0 })[0]!.at(2, 1)).toBe(0);
    expect(outcomeOf(wire.complete(wire.tasks[1]!, { status: 0 })[0]).status).toBe(0);
  });

  it('resets a LUN for every nexus, then answers', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    wire.command({ tag: 1, flags: READ, length: 4 });
    other.command({ tag: 1, flags: READ, length: 4 });
    other.command({ tag: 2, flags: READ, length: 4, lun: '0006' });
    expect(wire.manage({ tag: 6, function: 5 })).toEqual([]);
    expect(other.tasks.map((task) => task.aborted)).toEqual([true, false]);
    wire.connection.complete(wire.tasks[0]!, { status: 0 });
    expect(bench.calls.filter((call) => call.startsWith('reset'))).toEqual([]);
    other.connection.complete(other.tasks[0]!, { status: 0 });
    expect(bench.calls.at(-1)).toBe('reset logical-unit 0005000000000000');
    expect(wire.output().map((pdu) => [pdu.opcode, pdu.at(2, 1)])).toEqual([[OPCODES.management, 0]]);
    expect(other.output()).toEqual([]);
  });

  it('resets the target warm', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    other.command({ tag: 2, flags: WRITE, length: 4 });
    expect(wire.manage({ tag: 6, function: 6 })[0]!.at(2, 1)).toBe(0);
    expect(bench.calls.at(-1)).toBe('reset target 0005000000000000');
    expect([wire, other].map(({ connection }) => connection.closing)).toEqual(['no', 'no']);
  });

  it('resets the target cold: answers, then drops all connections', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    expect(wire.manage({ tag: 6, function: 7 })[0]!.at(2, 1)).toBe(0);
    expect([wire, other].map(({ connection }) => connection.closing)).toEqual(['after-output', 'after-output']);
    expect(bench.calls.filter((call) => call.startsWith('lost'))).toHaveLength(2);
  });

  it.each([[3, 5], [4, 5], [8, 4], [99, 5]])('function %i is answered %i', (code, response) => {
    expect(join(createBench()).manage({ tag: 6, function: code })[0]!.at(2, 1)).toBe(response);
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
});

describe('text', () => {
  const text = (wire: Wire, pairs: string[], changes: { flags?: number; transferTag?: number; data?: Uint8Array } = {}): SeenPdu =>
    wire.send({
      fields: [[0, 1, 0x44], [1, 1, changes.flags ?? 0x80], [16, 4, 3], [20, 4, changes.transferTag ?? NO_TAG]],
      data: changes.data ?? textData(...pairs),
    })[0]!;
  const SELF = [`TargetName=${TARGET}`, 'TargetAddress=127.0.0.1:3260,1'];

  function discovering(): Wire {
    const wire = createBench().connect();
    const { status, tsih, text: answers } = wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'SessionType=Discovery']);
    expect([status, tsih > 0, answers.some((pair) => pair.startsWith('TargetPortalGroupTag'))]).toEqual([0, true, false]);
    return wire;
  }

  it.each(['All', TARGET])('discovers by SendTargets=%s', (value) => {
    const pdu = text(discovering(), [`SendTargets=${value}`]);
    expect([pdu.opcode, pdu.flags, pdu.at(20, 4), textOf(pdu.data)]).toEqual([OPCODES.text, 0x80, NO_TAG, SELF]);
  });

  it.each(['All', TARGET, ''])('tells a normal session SendTargets=%s', (value) => {
    expect(textOf(text(join(createBench()), [`SendTargets=${value}`]).data)).toEqual(SELF);
  });

  it('rejects other targets and texts that cannot be read', () => {
    for (const data of [textData('SendTargets=iqn.x:y'), textData('SendTargets=all'), Buffer.from('SendTargets=All')]) {
      expect(text(discovering(), [], { data }).opcode).toBe(OPCODES.reject);
    }
    expect(text(discovering(), ['SendTargets=']).opcode).toBe(OPCODES.reject);
  });

  it('does not understand other keys', () => {
    expect(textOf(text(join(createBench()), ['sendtargets=All']).data)).toEqual(['sendtargets=NotUnderstood']);
  });

  it('puts a request together that was cut', () => {
    const wire = discovering();
    const whole = textData('SendTargets=All');
    const first = text(wire, [], { flags: 0x40, data: whole.subarray(0, 5) });
    expect([first.flags, first.data.length]).toEqual([0, 0]);
    const second = text(wire, [], { transferTag: first.at(20, 4), data: whole.subarray(5) });
    expect(textOf(second.data)).toEqual(SELF);
  });

  it('cuts a long answer and goes on when asked', () => {
    const wire = createBench().connect();
    wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'SessionType=Discovery', 'MaxRecvDataSegmentLength=512']);
    const keys = Array.from({ length: 60 }, (_, at) => `X-key-${at}=1`);
    const parts = [text(wire, keys)];
    while (parts.at(-1)!.flags === 0x40) parts.push(text(wire, [], { transferTag: parts.at(-1)!.at(20, 4) }));
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.at(-1)!.flags).toBe(0x80);
    expect(textOf(Buffer.concat(parts.map((part) => part.data)))).toEqual(keys.map((key) => key.replace('=1', '=NotUnderstood')));
  });

  it('takes a new MaxRecvDataSegmentLength', () => {
    const wire = join(createBench());
    expect(text(wire, ['MaxRecvDataSegmentLength=1024']).data.length).toBe(0);
    wire.command({ tag: 7, flags: READ, length: 2048 });
    expect(wire.complete(wire.tasks[0]!, { status: 0, dataIn: new Uint8Array(2048) })).toHaveLength(2);
    expect(text(wire, ['MaxRecvDataSegmentLength=1']).opcode).toBe(OPCODES.reject);
  });

  it('has no place for SCSI in a discovery session, nor a nexus', () => {
    const bench = createBench();
    const wire = bench.connect();
    wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'SessionType=Discovery']);
    expect(wire.command({ tag: 1, flags: READ, length: 4 })[0]!.opcode).toBe(OPCODES.reject);
    wire.connection.lost();
    expect([wire.tasks, bench.calls]).toEqual([[], []]);
  });
});

describe('logout', () => {
  const logout = (wire: Wire, reason: number, connectionId = 1): SeenPdu =>
    wire.send({ fields: [[0, 1, 0x46], [1, 1, 0x80 | reason], [16, 4, 4], [20, 2, connectionId], [24, 4, wire.cmdSn]] })[0]!;

  it.each([0, 1])('for reason %i ends the session after its answer', (reason) => {
    const bench = createBench();
    const wire = join(bench);
    wire.command({ tag: 1, flags: READ, length: 4 });
    const pdu = logout(wire, reason);
    expect([pdu.opcode, pdu.at(2, 1)]).toEqual([OPCODES.logout, 0]);
    expect(wire.connection.closing).toBe('after-output');
    expect(wire.tasks[0]!.aborted).toBe(true);
    expect(bench.calls).toEqual([`opened ${NEXUS}`, `lost ${NEXUS}`]);
    expect(wire.complete(wire.tasks[0]!, { status: 0 })).toEqual([]);
    expect(nopOut(wire, { tag: 1, immediate: true })).toEqual([]);
  });

  it('of a connection that does not exist, or for recovery, is refused', () => {
    const wire = join(createBench());
    expect(logout(wire, 1, 99).at(2, 1)).toBe(1);
    expect(logout(wire, 2).at(2, 1)).toBe(2);
    expect(wire.connection.closing).toBe('no');
  });

  it('is asked for before a shutdown', () => {
    const wire = join(createBench());
    wire.connection.requestLogout(5000, 3);
    const [message] = wire.output();
    expect([message!.opcode, message!.at(36, 1), message!.at(42, 2), message!.at(16, 4)]).toEqual([OPCODES.async, 1, 3, NO_TAG]);
    expect(wire.connection.deadlineMs()).toBe(8000);
    wire.connection.tick(8000);
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
    const [reject] = wire.send({ fields: [[0, 1, 0x40 | opcode], [16, 4, 0xabc]] });
    expect([reject!.opcode, reject!.at(2, 1), reject!.data.length]).toEqual([OPCODES.reject, reason, 48]);
    expect(wire.connection.closing).toBe('no');
  });

  it('a data segment longer than declared drops the connection', () => {
    const wire = join(createBench());
    expect(wire.send({ fields: [[0, 1, 0x41], [5, 3, 262145]] })).toEqual([]);
    expect(wire.connection.closing).toBe('now');
  });
});

describe('a lost connection', () => {
  it('aborts its tasks and ends its nexus, once', () => {
    const bench = createBench();
    const wire = join(bench);
    wire.command({ tag: 1, flags: READ, length: 4 });
    wire.command({ tag: 2, flags: WRITE, length: 4 });
    const { signal } = wire.tasks[0]!;
    wire.connection.lost();
    wire.connection.lost();
    expect(signal.aborted).toBe(true);
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
        slowPdu({ fields: [[0, 1, 5], [1, 1, 0x80], [16, 4, 3], [20, 4, 1], [36, 4, 0], [40, 4, 0]], data: Uint8Array.of(9, 8, 7, 6) }),
      ]);
    const length = build(join(createBench())).length;
    for (let cut = 0; cut <= length; cut += 1) {
      const wire = join(createBench());
      const stream = build(wire);
      wire.connection.feed(stream.subarray(0, cut), 0);
      wire.connection.feed(stream.subarray(cut), 0);
      expect(wire.tasks.map((task) => [task.initiatorTaskTag, ...task.dataOut]), `cut at ${cut}`).toEqual([
        [1],
        [2, 1, 2, 3, 4, 5, 6],
        [3, 9, 8, 7, 6],
      ]);
    }
  });
});
