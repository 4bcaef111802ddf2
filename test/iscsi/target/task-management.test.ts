import { describe, expect, it } from 'vitest';
import { createBench, FIRST_CMD_SN, join, OPCODES, outcomeOf, sn, windowOf } from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;

describe('task management', () => {
  it('aborts one task: no answer to it, function complete once it is not executed any more', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    const [task] = wire.tasks;
    let told = 0;
    task!.onceAborted(() => (told += 1));
    expect(wire.manage({ tag: 6, function: 1, referenced: 5 })).toEqual([]);
    expect([task!.aborted, told]).toEqual([true, 1]);
    const answers = wire.complete(task!, { status: 0, dataIn: new Uint8Array(4) });
    expect(answers.map((pdu) => [pdu.opcode, pdu.at(16, 4), pdu.at(2, 1)])).toEqual([[OPCODES.management, 6, 0]]);
  });

  it('keeps 32 functions waiting, and rejects more at once', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    wire.command({ tag: 1, flags: READ, length: 4 });
    for (let tag = 10; tag < 42; tag += 1) expect(other.manage({ tag, function: 5 })).toEqual([]);
    for (let tag = 42; tag < 60; tag += 1) {
      const [answer] = other.manage({ tag, function: 5 });
      expect([answer!.opcode, answer!.at(2, 1)]).toEqual([OPCODES.reject, 0x06]);
    }
    wire.complete(wire.tasks[0]!, { status: 0 });
    expect(other.output().map((pdu) => pdu.opcode)).toEqual(Array.from({ length: 32 }, () => OPCODES.management));
    expect(other.manage({ tag: 60, function: 5 })[0]!.opcode).toBe(OPCODES.management);
  });

  it('resets nothing in the name of a nexus that is gone', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    wire.command({ tag: 1, flags: READ, length: 4 });
    other.manage({ tag: 2, function: 5 });
    other.connection.lost();
    wire.complete(wire.tasks[0]!, { status: 0 });
    expect(bench.calls.filter((call) => call.startsWith('reset'))).toEqual([]);
  });

  it('tells a device server that looks late', () => {
    const wire = join(createBench());
    wire.command({ tag: 5, flags: READ, length: 4 });
    wire.manage({ tag: 6, function: 1, referenced: 5 });
    let told = 0;
    wire.tasks[0]!.onceAborted(() => (told += 1));
    expect([wire.tasks[0]!.aborted, told]).toEqual([true, 1]);
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
    // TASK ABORTED (TAS): it would wait for an answer for ever.
    expect(other.output().map((pdu) => [pdu.opcode, pdu.at(16, 4), pdu.at(3, 1)])).toEqual([
      [OPCODES.response, 1, 0x40],
    ]);
    expect(windowOf(other)).toEqual([sn(2), sn(128)]);
  });

  it('resets a LUN for who names it in the other way too', () => {
    for (const [mine, others] of [
      ['0005', '4005'],
      ['4005', '0005'],
    ] as const) {
      const bench = createBench();
      const [wire, other] = [join(bench), join(bench, 1)];
      other.command({ tag: 1, flags: READ, length: 4, lun: others });
      other.command({ tag: 2, flags: READ, length: 4, lun: '4105' });
      wire.command({ tag: 1, flags: READ, length: 4, lun: others });
      expect(wire.manage({ tag: 6, function: 2, lun: mine })).toEqual([]);
      expect(wire.complete(wire.tasks[0]!, { status: 0 })[0]!.at(2, 1)).toBe(0);
      expect(wire.manage({ tag: 7, function: 5, lun: mine })).toEqual([]);
      expect(other.tasks.map((task) => task.aborted)).toEqual([true, false]);
      other.complete(other.tasks[0]!, { status: 0 });
      expect(wire.output().map((pdu) => pdu.at(2, 1))).toEqual([0]);
    }
  });

  it('tells the host of a write that waits for data at once; what still comes is ignored', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    const [r2t] = other.command({ tag: 5, flags: WRITE, length: 1024 });
    expect(wire.manage({ tag: 6, function: 5 })[0]!.at(2, 1)).toBe(0);
    expect(other.output().map((pdu) => [pdu.at(16, 4), pdu.at(3, 1)])).toEqual([[5, 0x40]]);
    const data = { tag: 5, transferTag: r2t!.at(20, 4), dataSn: 0, offset: 0, data: new Uint8Array(1024), final: true };
    expect(other.dataOut(data)).toEqual([]);
    expect(other.tasks).toEqual([]);
  });

  it('of another nexus takes the answer from who aborts the command himself meanwhile', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    other.command({ tag: 1, flags: READ, length: 4 });
    wire.manage({ tag: 6, function: 5 });
    expect(other.manage({ tag: 2, function: 1, referenced: 1 })).toEqual([]);
    const answers = other.complete(other.tasks[0]!, { status: 0 });
    expect(answers.map((pdu) => [pdu.opcode, pdu.at(16, 4), pdu.at(2, 1)])).toEqual([[OPCODES.management, 2, 0]]);
    expect(wire.output().map((pdu) => pdu.at(2, 1))).toEqual([0]);
  });

  it('does not reach a command of another nexus whose turn has not come', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    other.command({ tag: 1, flags: READ, length: 4, cmdSn: sn(1) });
    expect(wire.manage({ tag: 6, function: 5 })[0]!.at(2, 1)).toBe(0);
    other.command({ tag: 2, flags: READ, length: 4, cmdSn: sn(0) });
    expect(other.tasks.map((task) => [task.initiatorTaskTag, task.aborted])).toEqual([
      [2, false],
      [1, false],
    ]);
  });

  it('clears the task set of a LUN for every nexus, which is no reset', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    wire.command({ tag: 1, flags: READ, length: 4 });
    other.command({ tag: 1, flags: READ, length: 4 });
    other.command({ tag: 2, flags: READ, length: 4, lun: '0006' });
    expect(wire.manage({ tag: 6, function: 4 })).toEqual([]);
    expect(other.tasks.map((task) => task.aborted)).toEqual([true, false]);
    expect(outcomeOf(other.complete(other.tasks[0]!, { status: 0 })[0]).status).toBe(0x40);
    expect(wire.complete(wire.tasks[0]!, { status: 0 }).map((pdu) => [pdu.opcode, pdu.at(2, 1)])).toEqual([
      [OPCODES.management, 0],
    ]);
    expect(bench.calls.filter((call) => call.startsWith('reset'))).toEqual([]);
  });

  it('clears no task set of a LUN that the nexus may not know of', () => {
    const bench = createBench();
    bench.host.mayReset = () => false;
    const [wire, other] = [join(bench), join(bench, 1)];
    other.command({ tag: 1, flags: READ, length: 4 });
    expect(wire.manage({ tag: 6, function: 4 })[0]!.at(2, 1)).toBe(2);
    expect(other.tasks[0]!.aborted).toBe(false);
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

  it.each([
    [3, 5],
    [8, 4],
    [99, 5],
  ])('function %i is answered %i', (code, response) => {
    expect(join(createBench()).manage({ tag: 6, function: code })[0]!.at(2, 1)).toBe(response);
  });

  it('answers a reset that takes time when it is done, or that it was not', async () => {
    const bench = createBench();
    const waiting: { done: () => void; failed: (error: Error) => void }[] = [];
    bench.host.reset = () => new Promise<void>((done, failed) => void waiting.push({ done, failed }));
    const wire = join(bench);
    expect(wire.manage({ tag: 6, function: 5 })).toEqual([]);
    waiting[0]!.done();
    await Promise.resolve();
    expect(wire.output().map((pdu) => [pdu.opcode, pdu.at(16, 4), pdu.at(2, 1)])).toEqual([[OPCODES.management, 6, 0]]);
    expect(wire.manage({ tag: 7, function: 6 })).toEqual([]);
    waiting[1]!.failed(new Error('far away'));
    await Promise.resolve();
    await Promise.resolve();
    expect(wire.output().map((pdu) => [pdu.at(16, 4), pdu.at(2, 1)])).toEqual([[7, 255]]);
  });
});
