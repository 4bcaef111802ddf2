import { describe, expect, it } from 'vitest';
import { textData, textOf, type SeenPdu } from '../slow-pdu.ts';
import {
  createBench,
  INITIATOR,
  ISID,
  join,
  NO_TAG,
  nopOut,
  OPCODES,
  sn,
  TARGET,
  windowOf,
  type Wire,
} from './wire.ts';

const READ = 0xc0;
const NEXUS = `${INITIATOR},i,0x${ISID}`;

describe('text', () => {
  const text = (
    wire: Wire,
    pairs: string[],
    changes: { flags?: number; transferTag?: number; data?: Uint8Array } = {},
  ): SeenPdu =>
    wire.send({
      fields: [
        [0, 1, 0x44],
        [1, 1, changes.flags ?? 0x80],
        [16, 4, 3],
        [20, 4, changes.transferTag ?? NO_TAG],
      ],
      data: changes.data ?? textData(...pairs),
    })[0]!;
  const SELF = [`TargetName=${TARGET}`, 'TargetAddress=127.0.0.1:3260,1'];

  function discovering(): Wire {
    const wire = createBench().connect();
    const {
      status,
      tsih,
      text: answers,
    } = wire.loginStep([1, 3], [`InitiatorName=${INITIATOR}`, 'SessionType=Discovery']);
    expect([status, tsih > 0, answers.some((pair) => pair.startsWith('TargetPortalGroupTag'))]).toEqual([
      0,
      true,
      false,
    ]);
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
    expect(textOf(Buffer.concat(parts.map((part) => part.data)))).toEqual(
      keys.map((key) => key.replace('=1', '=NotUnderstood')),
    );
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
    // Its number is used up: what comes next does not wait for ever.
    expect(windowOf(wire)[0]).toBe(sn(1));
    wire.connection.lost();
    expect([wire.tasks, bench.calls]).toEqual([[], []]);
  });
});

describe('logout', () => {
  const logout = (wire: Wire, reason: number, connectionId = 1): SeenPdu =>
    wire.send({
      fields: [
        [0, 1, 0x46],
        [1, 1, 0x80 | reason],
        [16, 4, 4],
        [20, 2, connectionId],
        [24, 4, wire.cmdSn],
      ],
    })[0]!;

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
    expect([message!.opcode, message!.at(36, 1), message!.at(42, 2), message!.at(16, 4)]).toEqual([
      OPCODES.async,
      1,
      3,
      NO_TAG,
    ]);
    expect(wire.connection.deadlineMs()).toBe(8000);
    wire.connection.tick(8000);
    expect(wire.connection.closing).toBe('now');
  });
});
