import { describe, expect, it } from 'vitest';
import { FIRST_CMD_SN, hexOf, LUN, NO_TAG, OP, pattern, Script } from './initiator-script.ts';
import type { CommandOutcome, ManagementOutcome } from '../../src/iscsi/initiator.ts';
import { slowPdu, textData, textOf } from './slow-pdu.ts';

const GOOD = { kind: 'answered', status: 0, sense: undefined, receivedLength: 0, residual: { kind: 'none', count: 0 } };

describe('a command', () => {
  it('goes out byte by byte as RFC 7143 section 11.3 says', () => {
    const script = new Script().logIn();
    const [command] = script.submit({ dataIn: new Uint8Array(512) });
    expect(command!.hex).toBe(
      [
        '01c10000',
        '00000000',
        LUN,
        '00000001',
        '00000200',
        'fffffffe',
        '000001f5',
        '28000000000100000100',
        '000000000000',
      ].join(''),
    );
  });

  it('without data is answered with its status and sense', () => {
    const script = new Script().logIn();
    const [command] = script.submit();
    expect([command!.flags, command!.at(20, 4)]).toEqual([0x81, 0]);
    script.play(script.checkCondition(command!.at(16, 4), '700006000000000a00000000290000000000'));
    expect(script.outcomes).toMatchObject([{ kind: 'answered', status: 2 }]);
    const [outcome] = script.outcomes;
    expect(outcome!.kind === 'answered' && hexOf(outcome!.sense!)).toBe('700006000000000a00000000290000000000');
  });

  it('takes CmdSN over the edge of 32 bits, and says in ExpStatSN what it has heard', () => {
    const script = new Script().logIn();
    const numbers = Array.from({ length: 4 }, () => {
      const [command] = script.submit();
      script.play(script.response(command!.at(16, 4)));
      return [command!.at(24, 4), command!.at(28, 4)];
    });
    expect(numbers).toEqual([
      [FIRST_CMD_SN, 501],
      [0xffff_ffff, 502],
      [0, 503],
      [1, 504],
    ]);
    expect(script.outcomes).toEqual([GOOD, GOOD, GOOD, GOOD]);
  });

  it("waits for the target's window, in order", () => {
    const script = new Script();
    script.window = 2;
    script.logIn();
    const sent = Array.from({ length: 4 }, () => script.submit()).flat();
    expect(sent.map((pdu) => pdu.at(24, 4))).toEqual([FIRST_CMD_SN, 0xffff_ffff]);
    expect(script.play(script.response(sent[1]!.at(16, 4))).map((pdu) => pdu.at(24, 4))).toEqual([0]);
    script.window = 4;
    expect(script.play(script.response(sent[0]!.at(16, 4))).map((pdu) => pdu.at(24, 4))).toEqual([1]);
  });

  it('waits for its own limit of commands in flight', () => {
    const script = new Script({ limits: { commandsInFlight: 1 } }).logIn();
    const [first] = script.submit();
    expect(script.submit()).toEqual([]);
    expect(script.play(script.response(first!.at(16, 4)))).toHaveLength(1);
  });

  it('ignores a window that goes back or contradicts itself', () => {
    const script = new Script().logIn();
    script.play(
      script.other(
        OP.nopIn,
        NO_TAG,
        [
          [20, 4, NO_TAG],
          [28, 4, 100],
          [32, 4, 50],
        ],
        undefined,
        false,
      ),
    );
    expect(script.submit()).toHaveLength(1);
    expect(script.ends).toEqual([]);
  });
});

describe('Data-In', () => {
  const data = pattern(1000);

  it('lands in its place, in several PDUs, with the status in the last', () => {
    const script = new Script().logIn();
    const room = new Uint8Array(1000);
    const tag = script.submit({ dataIn: room })[0]!.at(16, 4);
    script.play(
      script.dataIn(tag, { dataSn: 0, offset: 0, data: data.subarray(0, 300) }),
      script.dataIn(tag, { dataSn: 1, offset: 300, data: data.subarray(300, 301) }),
      script.dataIn(tag, { dataSn: 2, offset: 301, data: data.subarray(301), flags: 0x81 }),
    );
    expect(script.outcomes).toEqual([{ ...GOOD, receivedLength: 1000 }]);
    expect(hexOf(room)).toBe(hexOf(data));
  });

  it('with a response of its own, and less than there was room for', () => {
    const script = new Script().logIn();
    const tag = script.submit({ dataIn: new Uint8Array(1000) })[0]!.at(16, 4);
    script.play(
      script.dataIn(tag, { dataSn: 0, offset: 0, data: data.subarray(0, 36), flags: 0x80 }),
      script.response(tag, [
        [1, 1, 0x82],
        [44, 4, 964],
      ]),
    );
    expect(script.outcomes).toEqual([{ ...GOOD, receivedLength: 36, residual: { kind: 'underflow', count: 964 } }]);
  });

  it('of several commands may be mixed', () => {
    const script = new Script().logIn();
    const rooms = [new Uint8Array(8), new Uint8Array(8)];
    const tags = rooms.map((room) => script.submit({ dataIn: room })[0]!.at(16, 4));
    const part = (index: number, dataSn: number, flags = 0) =>
      script.dataIn(tags[index]!, { dataSn, offset: dataSn * 4, data: Uint8Array.of(index, dataSn, 7, 7), flags });
    script.play(part(1, 0), part(0, 0), part(1, 1, 0x81), part(0, 1, 0x81));
    expect(rooms.map(hexOf)).toEqual(['0000070700010707', '0100070701010707']);
    expect(script.outcomes).toHaveLength(2);
  });

  it.each([
    ['a gap', { dataSn: 0, offset: 4, length: 4 }],
    ['a DataSN out of order', { dataSn: 1, offset: 0, length: 4 }],
    ['more than there is room for', { dataSn: 0, offset: 0, length: 12 }],
    ['an offset of 2^32 - 1', { dataSn: 0, offset: 0xffff_ffff, length: 4 }],
  ])('with %s ends the session', (_name, { dataSn, offset, length }) => {
    const script = new Script().logIn();
    const room = new Uint8Array(8);
    const tag = script.submit({ dataIn: room })[0]!.at(16, 4);
    script.play(script.dataIn(tag, { dataSn, offset, data: pattern(length).fill(0xee) }));
    expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'connection-lost', sent: true }]);
    expect(hexOf(room)).toBe('00'.repeat(8));
  });

  it('for a command that writes, or for a tag never given out, ends the session', () => {
    for (const tag of [1, 77]) {
      const script = new Script().logIn();
      script.submit({ dataOut: new Uint8Array(8) });
      script.play(script.dataIn(tag, { dataSn: 0, offset: 0, data: pattern(4) }));
      expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
    }
  });

  it('over every split of its PDUs gives the same bytes', () => {
    const reference = new Script().logIn();
    const first = reference.dataIn(1, { dataSn: 0, offset: 0, data: data.subarray(0, 37) });
    const last = reference.dataIn(1, { dataSn: 1, offset: 37, data: data.subarray(37, 100), flags: 0x81 });
    const stream = Buffer.concat([slowPdu(first), slowPdu(last)]);
    for (let split = 1; split < stream.length; split++) {
      const script = new Script().logIn();
      const room = new Uint8Array(100);
      script.submit({ dataIn: room });
      script.feed(stream.subarray(0, split));
      expect(script.outcomes).toEqual([]);
      script.feed(stream.subarray(split));
      expect(script.outcomes).toHaveLength(1);
      expect(hexOf(room)).toBe(hexOf(data.subarray(0, 100)));
    }
  });
});

describe('Data-Out', () => {
  const data = pattern(10_000);
  /** Type, F bit, tag, transfer tag, DataSN, offset and length of what goes out. */
  const seen = (pdus: ReturnType<Script['sent']>) =>
    pdus.map((pdu) =>
      pdu.opcode === OP.command
        ? `command F${pdu.flags >> 7} of ${pdu.at(20, 4)}: ${pdu.data.length}`
        : `data F${pdu.flags >> 7} ${pdu.at(20, 4).toString(16)} #${pdu.at(36, 4)} ${pdu.at(40, 4)}+${pdu.data.length}`,
    );

  it.each([
    [
      'immediate data alone',
      ['InitialR2T=Yes', 'ImmediateData=Yes', 'FirstBurstLength=4096', 'MaxRecvDataSegmentLength=8192'],
      ['command F1 of 10000: 4096'],
    ],
    ['neither', ['InitialR2T=Yes', 'ImmediateData=No'], ['command F1 of 10000: 0']],
    [
      'unsolicited data alone',
      ['InitialR2T=No', 'ImmediateData=No', 'FirstBurstLength=9000', 'MaxRecvDataSegmentLength=4096'],
      [
        'command F0 of 10000: 0',
        'data F0 ffffffff #0 0+4096',
        'data F0 ffffffff #1 4096+4096',
        'data F1 ffffffff #2 8192+808',
      ],
    ],
    [
      'both',
      ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=9000', 'MaxRecvDataSegmentLength=4096'],
      ['command F0 of 10000: 4096', 'data F0 ffffffff #0 4096+4096', 'data F1 ffffffff #1 8192+808'],
    ],
    [
      'everything at once',
      ['InitialR2T=No', 'ImmediateData=Yes', 'MaxRecvDataSegmentLength=65536'],
      ['command F1 of 10000: 10000'],
    ],
  ])('goes out unasked as negotiated: %s', (_name, keys, expected) => {
    const script = new Script().logIn(...keys);
    const sent = script.submit({ dataOut: data });
    expect(seen(sent)).toEqual(expected);
    const bytes = Buffer.concat(sent.map((pdu) => pdu.data));
    expect(hexOf(bytes)).toBe(hexOf(data.subarray(0, bytes.length)));
  });

  const SMALL = ['InitialR2T=Yes', 'ImmediateData=No', 'MaxBurstLength=4096', 'MaxRecvDataSegmentLength=3000'];

  it('answers R2Ts, several at a time, in segments that the target takes', () => {
    const script = new Script().logIn(...SMALL, 'MaxOutstandingR2T=2');
    const tag = script.submit({ dataOut: data })[0]!.at(16, 4);
    const sent = script.play(
      script.r2t(tag, { transferTag: 0xa0, sn: 0, offset: 0, length: 4096 }),
      script.r2t(tag, { transferTag: 0xa1, sn: 1, offset: 4096, length: 4096 }),
    );
    expect(seen(sent)).toEqual([
      'data F0 a0 #0 0+3000',
      'data F1 a0 #1 3000+1096',
      'data F0 a1 #0 4096+3000',
      'data F1 a1 #1 7096+1096',
    ]);
    expect(sent.every((pdu) => pdu.at(16, 4) === tag && pdu.hex.slice(16, 32) === LUN)).toBe(true);
    const rest = script.play(script.r2t(tag, { transferTag: 0xa2, sn: 2, offset: 8192, length: 1808 }));
    expect(hexOf(Buffer.concat([...sent, ...rest].map((pdu) => pdu.data)))).toBe(hexOf(data));
    script.play(script.response(tag));
    expect(script.outcomes).toEqual([GOOD]);
  });

  it.each([
    ['longer than a burst', { sn: 0, offset: 0, length: 4097 }],
    ['of nothing', { sn: 0, offset: 0, length: 0 }],
    ['beyond the data', { sn: 0, offset: 0, length: 0xffff_ffff }],
    ['out of order', { sn: 0, offset: 4096, length: 4096 }],
    ['with a number that is not its turn', { sn: 1, offset: 0, length: 4096 }],
  ])('ends the session at an R2T %s', (_name, part) => {
    const script = new Script().logIn(...SMALL);
    const tag = script.submit({ dataOut: data })[0]!.at(16, 4);
    expect(script.play(script.r2t(tag, { transferTag: 1, ...part }))).toEqual([]);
    expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
  });

  it('ends the session at an R2T for what has been sent already, or for a read', () => {
    const again = new Script().logIn(...SMALL);
    const tag = again.submit({ dataOut: data })[0]!.at(16, 4);
    again.play(again.r2t(tag, { transferTag: 1, sn: 0, offset: 0, length: 4096 }));
    again.play(again.r2t(tag, { transferTag: 2, sn: 1, offset: 0, length: 4096 }));
    expect(again.ends).toMatchObject([{ reason: 'protocol-error' }]);
    const read = new Script().logIn(...SMALL);
    read.play(
      read.r2t(read.submit({ dataIn: new Uint8Array(512) })[0]!.at(16, 4), {
        transferTag: 1,
        sn: 0,
        offset: 0,
        length: 1,
      }),
    );
    expect(read.ends).toMatchObject([{ reason: 'protocol-error' }]);
  });

  it('waits while the send buffer is full, and holds no more R2Ts than agreed', () => {
    const script = new Script().logIn(...SMALL);
    const tag = script.submit({ dataOut: data })[0]!.at(16, 4);
    script.engine.setCongested(true, script.nowMs);
    expect(script.play(script.r2t(tag, { transferTag: 1, sn: 0, offset: 0, length: 4096 }))).toEqual([]);
    expect(script.submit()).toEqual([]);
    script.engine.setCongested(false, script.nowMs);
    expect(script.sent().map((pdu) => pdu.opcode)).toEqual([OP.dataOut, OP.dataOut, OP.command]);
    script.engine.setCongested(true, script.nowMs);
    script.play(script.r2t(tag, { transferTag: 2, sn: 1, offset: 4096, length: 4096 }));
    script.play(script.r2t(tag, { transferTag: 3, sn: 2, offset: 8192, length: 1808 }));
    expect(script.ends).toMatchObject([
      { reason: 'protocol-error', message: expect.stringContaining('outstanding') as string },
    ]);
  });
});

describe('digests', () => {
  it('protect both directions once negotiated', () => {
    const script = new Script({ requireDigests: { header: true, data: true } });
    script.logIn('HeaderDigest=CRC32C', 'DataDigest=CRC32C', 'ImmediateData=Yes');
    script.digests = { header: true, data: true };
    expect(script.submit({ dataOut: pattern(513) })[0]!.data).toHaveLength(513);
    const room = new Uint8Array(5);
    const tag = script.submit({ dataIn: room })[0]!.at(16, 4);
    script.play(script.dataIn(tag, { dataSn: 0, offset: 0, data: pattern(5), flags: 0x81 }));
    expect(hexOf(room)).toBe(hexOf(pattern(5)));
    expect(script.outcomes).toHaveLength(1);
  });

  it.each([
    ['header', 3, false],
    ['data', 52, true],
  ])('end the session where the %s digest does not match', (_name, at, retriable) => {
    const script = new Script().logIn('HeaderDigest=CRC32C', 'DataDigest=CRC32C');
    script.digests = { header: true, data: true };
    const tag = script.submit({ dataIn: new Uint8Array(5) })[0]!.at(16, 4);
    const bytes = script.bytesOf(script.dataIn(tag, { dataSn: 0, offset: 0, data: pattern(5), flags: 0x81 }));
    bytes[at]! ^= 1;
    script.feed(bytes);
    expect(script.ends).toMatchObject([{ reason: 'protocol-error', retriable }]);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', sent: true }]);
  });
});

describe('pings', () => {
  it('of the target are answered', () => {
    const script = new Script().logIn();
    const [answer] = script.play(
      script.other(
        OP.nopIn,
        NO_TAG,
        [
          [8, 8, LUN],
          [20, 4, 0xbeef],
        ],
        undefined,
        false,
      ),
    );
    expect(answer!.hex).toBe(
      ['40800000', '00000000', LUN, 'ffffffff', '0000beef', 'fffffffe', '000001f5', '00'.repeat(16)].join(''),
    );
    expect(script.play(script.other(OP.nopIn, NO_TAG, [[20, 4, NO_TAG]], undefined, false))).toEqual([]);
  });

  it('without end, while the send buffer is full, end the session', () => {
    const script = new Script().logIn();
    script.engine.setCongested(true, script.nowMs);
    for (let count = 0; count < 17; count++)
      script.play(script.other(OP.nopIn, NO_TAG, [[20, 4, count]], undefined, false));
    expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
  });

  it('go out after a silence, and a silence after one means that the connection is dead', () => {
    const script = new Script().logIn();
    expect(script.engine.nextDeadlineMs()).toBe(script.nowMs + 5000);
    const [ping] = script.tick(5000);
    expect([ping!.opcode, ping!.at(0, 1), ping!.at(20, 4)]).toEqual([OP.nopOut, 0x40, NO_TAG]);
    script.play(script.other(OP.nopIn, ping!.at(16, 4), [[20, 4, NO_TAG]]));
    expect(script.ends).toEqual([]);
    expect(script.tick(5000)).toHaveLength(1);
    script.tick(5000);
    expect(script.ends).toMatchObject([{ reason: 'timeout', retriable: true }]);
    expect(script.engine.nextDeadlineMs()).toBe(Infinity);
  });
});

describe('a command that times out', () => {
  it('before it could go out has certainly not been done', () => {
    const script = new Script();
    script.window = 0;
    script.logIn();
    expect(script.submit()).toEqual([]);
    script.play(script.other(OP.nopIn, NO_TAG, [[20, 4, NO_TAG]], undefined, false));
    script.tick(4000);
    script.tick(1000);
    script.play(script.other(OP.nopIn, NO_TAG, [[20, 4, NO_TAG]], undefined, false));
    script.tick(5000);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'timeout', sent: false }]);
  });

  function timedOut(): { script: Script; tag: number; abort: number } {
    const script = new Script({ limits: { pingIntervalMs: 1e9 } }).logIn();
    const tag = script.submit({ dataIn: new Uint8Array(8) })[0]!.at(16, 4);
    const [abort] = script.tick(10_000);
    expect(abort!.hex.slice(0, 80)).toBe(
      ['42810000', '00000000', LUN, '00000002', '00000001', 'ffffffff', '000001f5', 'fffffffe', '00000000'].join(''),
    );
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'timeout', sent: true }]);
    return { script, tag, abort: abort!.at(16, 4) };
  }

  it.each([[0], [1]])('is aborted; the session lives on (TMF response %i)', (response) => {
    const { script, tag, abort } = timedOut();
    script.play(script.dataIn(tag, { dataSn: 0, offset: 0, data: pattern(4) }));
    script.play(script.other(OP.managementResponse, abort, [[2, 1, response]]));
    script.play(script.response(tag));
    expect(script.outcomes).toHaveLength(1);
    expect(script.submit()).toHaveLength(1);
    expect(script.ends).toEqual([]);
  });

  it('costs the session where the target does not abort it', () => {
    const refused = timedOut();
    refused.script.play(refused.script.other(OP.managementResponse, refused.abort, [[2, 1, 5]]));
    expect(refused.script.ends).toMatchObject([{ reason: 'timeout' }]);
    const silent = timedOut();
    silent.script.tick(5000);
    expect(silent.script.ends).toMatchObject([{ reason: 'timeout' }]);
    expect(silent.script.outcomes).toHaveLength(1);
  });
});

describe('a command that is given up', () => {
  const begin = (script: Script) => {
    const request = {
      lun: Buffer.from(LUN, 'hex'),
      cdb: Buffer.from('000000000000', 'hex'),
      deadlineMs: script.nowMs + 10_000,
      done: (outcome: CommandOutcome) => void script.outcomes.push(outcome),
    };
    script.engine.submit(request, script.nowMs);
    const [command] = script.sent();
    return { tag: command?.at(16, 4) ?? 0, giveUp: () => script.engine.giveUp(request, script.nowMs) };
  };

  it.each([[0], [1]])('ends when the target has said that nothing more is done for it (response %i)', (response) => {
    const script = new Script().logIn();
    const { giveUp } = begin(script);
    giveUp();
    giveUp();
    const [abort, ...more] = script.sent();
    expect([abort!.hex.slice(0, 4), abort!.at(20, 4), more]).toEqual(['4281', 1, []]);
    expect(script.outcomes).toEqual([]);
    script.play(script.other(OP.managementResponse, abort!.at(16, 4), [[2, 1, response]]));
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'given-up', sent: true }]);
    expect(script.ends).toEqual([]);
  });

  it('is answered where the answer was on its way', () => {
    const script = new Script().logIn();
    const { tag, giveUp } = begin(script);
    giveUp();
    const [abort] = script.sent();
    script.play(script.response(tag), script.other(OP.managementResponse, abort!.at(16, 4), [[2, 1, 1]]));
    expect(script.outcomes).toMatchObject([{ kind: 'answered', status: 0 }]);
    giveUp();
    expect(script.sent()).toEqual([]);
  });

  it('never goes out where it was waiting', () => {
    const script = new Script({ limits: { commandsInFlight: 1 } }).logIn();
    const { tag } = begin(script);
    const { giveUp } = begin(script);
    giveUp();
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'given-up', sent: false }]);
    expect(script.play(script.response(tag))).toEqual([]);
  });

  it('is aborted once, also where its time is over meanwhile', () => {
    const script = new Script({ limits: { abortTimeoutMs: 60_000, pingIntervalMs: 1e9 } }).logIn();
    begin(script).giveUp();
    expect(script.sent()).toHaveLength(1);
    expect(script.tick(10_000)).toEqual([]);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'timeout', sent: true }]);
  });
});

describe('LOGICAL UNIT RESET', () => {
  const begun = (limits = {}) => {
    const script = new Script({ limits: { pingIntervalMs: 1e9, ...limits } }).logIn();
    const outcomes: ManagementOutcome[] = [];
    const done = (outcome: ManagementOutcome) => void outcomes.push(outcome);
    script.engine.resetUnit(Buffer.from(LUN, 'hex'), script.nowMs + 5000, script.nowMs, done);
    const [request] = script.sent();
    return { script, outcomes, request: request! };
  };

  it('goes out as RFC 7143 section 11.5 says, and comes back with the response', () => {
    const { script, outcomes, request } = begun();
    const numbers = ['00000001', 'ffffffff', 'fffffffe', '000001f5', '00000000', '00000000'];
    expect(request.hex.slice(0, 80)).toBe(['42850000', '00000000', LUN, ...numbers].join(''));
    script.play(script.other(OP.managementResponse, request.at(16, 4), [[2, 1, 5]]));
    expect(outcomes).toEqual([{ kind: 'answered', response: 5 }]);
  });

  it('fails where it is not answered, is rejected, or the session ends', () => {
    const late = begun();
    late.script.tick(5000);
    expect(late.outcomes).toMatchObject([{ kind: 'failed', message: 'no answer to the reset in time' }]);
    expect(late.script.ends).toEqual([]);
    const lost = begun();
    lost.script.engine.connectionLost('gone', lost.script.nowMs);
    expect(lost.outcomes).toEqual([{ kind: 'failed', message: 'gone' }]);
    const after: ManagementOutcome[] = [];
    lost.script.engine.resetUnit(Buffer.from(LUN, 'hex'), 1e9, 1, (outcome) => void after.push(outcome));
    expect(after).toMatchObject([{ kind: 'failed' }]);
  });
});

describe('a Reject', () => {
  const rejecting = (script: Script, header: { opcode: number; tag: number }, reason = 4) =>
    script.other(
      OP.reject,
      NO_TAG,
      [[2, 1, reason]],
      slowPdu({
        fields: [
          [0, 1, header.opcode],
          [16, 4, header.tag],
        ],
      }),
    );

  it('of a command means that it was not done', () => {
    const script = new Script().logIn();
    const tag = script.submit({ dataOut: pattern(8) })[0]!.at(16, 4);
    script.play(rejecting(script, { opcode: OP.dataOut, tag }));
    expect(script.outcomes).toEqual([]);
    script.play(rejecting(script, { opcode: OP.command, tag }));
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'rejected', sent: false }]);
    script.play(rejecting(script, { opcode: OP.command, tag: 99 }));
    expect(script.ends).toEqual([]);
  });

  it('of a command whose number the target has not taken ends the session before the others wait for ever', () => {
    const script = new Script().logIn();
    const tag = script.submit({ dataOut: pattern(8) })[0]!.at(16, 4);
    script.submit();
    const [ping] = script.play(rejecting(script, { opcode: OP.command, tag }));
    expect([ping!.opcode, ping!.flags & 0x80]).toEqual([OP.nopOut, 0x80]);
    expect(script.ends).toEqual([]);
    script.play(script.other(OP.nopIn, ping!.at(16, 4)));
    expect(script.ends).toMatchObject([{ reason: 'protocol-error', retriable: true }]);
    expect(script.outcomes.slice(1)).toMatchObject([{ kind: 'failed' }]);
  });

  it('of a command whose number is used after all changes nothing for the others', () => {
    const script = new Script().logIn();
    const [first] = script.submit({ dataOut: pattern(8) });
    const [second] = script.submit();
    const [ping] = script.play(rejecting(script, { opcode: OP.command, tag: first!.at(16, 4) }));
    script.expCmdSn = 0;
    script.play(script.other(OP.nopIn, ping!.at(16, 4)));
    script.play(script.response(second!.at(16, 4)));
    expect(script.ends).toEqual([]);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'rejected' }, GOOD]);
  });

  it('that shows the number as used asks nothing more', () => {
    const script = new Script().logIn();
    const tag = script.submit({ dataOut: pattern(8) })[0]!.at(16, 4);
    script.expCmdSn = 0xffff_ffff;
    expect(script.play(rejecting(script, { opcode: OP.command, tag }))).toEqual([]);
  });

  it('of a ping is an answer all the same', () => {
    const script = new Script().logIn();
    const [ping] = script.tick(5000);
    script.play(rejecting(script, { opcode: OP.nopOut, tag: ping!.at(16, 4) }));
    expect(script.tick(4999)).toEqual([]);
    expect(script.ends).toEqual([]);
  });

  it('that waits for a logout gets one', () => {
    const script = new Script().logIn();
    const [logout] = script.play(rejecting(script, { opcode: OP.command, tag: 99 }, 0x0c));
    expect(logout!.opcode).toBe(OP.logout);
  });
});

describe('an asynchronous message', () => {
  it('0 hands its sense data up', () => {
    const script = new Script().logIn();
    script.play(
      script.other(
        OP.async,
        NO_TAG,
        [
          [8, 8, LUN],
          [36, 1, 0],
        ],
        Buffer.from('0002aabb', 'hex'),
      ),
    );
    expect(script.scsiEvents).toEqual([`${LUN} aabb`]);
  });

  it.each([[1], [4]])('%i is answered by a logout once nothing is in flight; what waits was not sent', (event) => {
    const script = new Script({ limits: { commandsInFlight: 1 } }).logIn();
    const tag = script.submit()[0]!.at(16, 4);
    script.submit();
    expect(
      script.play(
        script.other(OP.async, NO_TAG, [
          [36, 1, event],
          [42, 2, 10],
        ]),
      ),
    ).toEqual([]);
    const [logout] = script.play(script.response(tag));
    expect([logout!.opcode, logout!.flags]).toEqual([OP.logout, 0x80]);
    script.play(script.other(OP.logoutResponse, logout!.at(16, 4)));
    expect(script.outcomes).toMatchObject([GOOD, { kind: 'failed', sent: false }]);
    expect(script.ends).toMatchObject([{ reason: 'dropped-by-target', retriable: true }]);
  });

  it('1: what comes while this side leaves is handed back when it has left, or when its time is over', () => {
    const script = new Script().logIn();
    const [logout] = script.play(script.other(OP.async, NO_TAG, [[36, 1, 1]]));
    expect(script.submit()).toEqual([]);
    expect(script.outcomes).toEqual([]);
    script.play(script.other(OP.logoutResponse, logout!.at(16, 4)));
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'connection-lost', sent: false }]);
    const slow = new Script().logIn();
    slow.play(slow.other(OP.async, NO_TAG, [[36, 1, 1]]));
    slow.submit({ deadlineMs: slow.nowMs + 1000 });
    slow.tick(1000);
    expect(slow.outcomes).toMatchObject([{ kind: 'failed', reason: 'timeout', sent: false }]);
  });

  it('1 does not wait for ever for what is in flight', () => {
    const script = new Script().logIn();
    script.submit();
    script.play(
      script.other(OP.async, NO_TAG, [
        [36, 1, 1],
        [42, 2, 4],
      ]),
    );
    expect(script.tick(1999)).toEqual([]);
    expect(script.tick(1)[0]!.opcode).toBe(OP.logout);
  });

  it.each([[2], [3]])('%i ends the session and names the pause', (event) => {
    const script = new Script().logIn();
    script.submit();
    script.play(
      script.other(OP.async, NO_TAG, [
        [36, 1, event],
        [40, 2, 3],
      ]),
    );
    expect(script.ends).toMatchObject([{ reason: 'dropped-by-target', waitMs: 3000 }]);
    expect(script.outcomes).toMatchObject([{ kind: 'failed', sent: true }]);
  });
});

describe('the end', () => {
  it('by logout', () => {
    const script = new Script().logIn();
    script.engine.logout(script.nowMs);
    const [logout] = script.sent();
    expect(logout!.hex.slice(0, 40)).toBe('468000000000000000000000000000000000000100000000'.slice(0, 40));
    script.play(script.other(OP.logoutResponse, logout!.at(16, 4)));
    expect(script.ends).toMatchObject([{ reason: 'logged-out' }]);
    script.submit();
    expect(script.outcomes).toMatchObject([{ kind: 'failed', sent: false }]);
  });

  it('by logout where the target just closes, or says nothing', () => {
    const closed = new Script().logIn();
    closed.engine.logout(closed.nowMs);
    closed.engine.connectionLost('closed', closed.nowMs);
    expect(closed.ends).toMatchObject([{ reason: 'logged-out' }]);
    const silent = new Script().logIn();
    silent.engine.logout(silent.nowMs);
    silent.tick(5000);
    expect(silent.ends).toMatchObject([{ reason: 'logged-out' }]);
  });

  it('of the connection: what was sent is unknown, what was not was not done', () => {
    const script = new Script({ limits: { commandsInFlight: 1 } }).logIn();
    script.submit({ dataOut: pattern(8) });
    script.submit({ dataOut: pattern(8) });
    script.engine.connectionLost('reset', script.nowMs);
    expect(script.outcomes).toMatchObject([
      { kind: 'failed', reason: 'connection-lost', sent: true },
      { kind: 'failed', reason: 'connection-lost', sent: false },
    ]);
    expect(script.ends).toMatchObject([{ reason: 'connection-lost', retriable: true }]);
  });

  it('is told once, and nothing is taken after it', () => {
    const script = new Script().logIn();
    const tag = script.submit()[0]!.at(16, 4);
    script.play(script.other(0x3e, 0));
    script.play(script.response(tag));
    script.engine.connectionLost('reset', script.nowMs);
    script.tick(100_000);
    expect(script.ends).toHaveLength(1);
    expect(script.outcomes).toHaveLength(1);
  });

  it('comes where the target answers a command with a failure of its own: the command alone', () => {
    const script = new Script().logIn();
    script.play(script.response(script.submit()[0]!.at(16, 4), [[2, 1, 1]]));
    expect(script.outcomes).toMatchObject([{ kind: 'failed', reason: 'target-failure', sent: true }]);
    expect(script.ends).toEqual([]);
  });
});

describe('SendTargets', () => {
  const ask = (script: Script) => {
    script.engine.sendTargets(script.nowMs + 3000, script.nowMs, (outcome) => void script.texts.push(outcome));
    return script.sent();
  };

  it('collects an answer over several responses', () => {
    const script = new Script({}, 'discovery').logIn();
    const [request] = ask(script);
    expect([request!.opcode, request!.at(0, 1), request!.flags]).toEqual([OP.text, 0x44, 0x80]);
    expect(textOf(request!.data)).toEqual(['SendTargets=All']);
    const whole = textData(
      'TargetName=iqn.a',
      'TargetAddress=10.0.0.1:3260,1',
      'TargetAddress=[::1]:3260,2',
      'TargetName=iqn.b',
    );
    const tag = request!.at(16, 4);
    const [more] = script.play(
      script.other(
        OP.textResponse,
        tag,
        [
          [1, 1, 0x40],
          [20, 4, 0xfeed],
        ],
        whole.subarray(0, 20),
      ),
    );
    expect([more!.at(16, 4), more!.at(20, 4), more!.data.length]).toEqual([tag, 0xfeed, 0]);
    script.play(
      script.other(
        OP.textResponse,
        tag,
        [
          [1, 1, 0x80],
          [20, 4, NO_TAG],
        ],
        whole.subarray(20),
      ),
    );
    expect(script.texts).toEqual([
      {
        kind: 'answered',
        targets: [
          { name: 'iqn.a', addresses: ['10.0.0.1:3260,1', '[::1]:3260,2'] },
          { name: 'iqn.b', addresses: [] },
        ],
      },
    ]);
  });

  it('ends in time, with a Reject, or with the session', () => {
    const slow = new Script({}, 'discovery').logIn();
    ask(slow);
    slow.tick(3000);
    const rejected = new Script({}, 'discovery').logIn();
    const tag = ask(rejected)[0]!.at(16, 4);
    rejected.play(
      rejected.other(
        OP.reject,
        NO_TAG,
        [[2, 1, 5]],
        slowPdu({
          fields: [
            [0, 1, OP.text],
            [16, 4, tag],
          ],
        }),
      ),
    );
    const lost = new Script({}, 'discovery').logIn();
    ask(lost);
    lost.engine.connectionLost('reset', lost.nowMs);
    for (const { texts } of [slow, rejected, lost]) expect(texts).toMatchObject([{ kind: 'failed' }]);
  });

  it('keeps no more than 4 MiB of it', () => {
    const script = new Script({}, 'discovery').logIn();
    const tag = ask(script)[0]!.at(16, 4);
    const much = textData(...Array.from({ length: 800 }, (_, at) => `TargetName=iqn.${at}.${'x'.repeat(60)}`));
    const more = (): unknown =>
      script.play(
        script.other(
          OP.textResponse,
          tag,
          [
            [1, 1, 0],
            [20, 4, 1],
          ],
          much,
        ),
      );
    const allowed = Math.floor((4 << 20) / much.length);
    for (let count = 0; count < allowed; count++) more();
    expect(script.ends).toEqual([]);
    more();
    expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
  });

  it('does not go on for ever', () => {
    const script = new Script({}, 'discovery').logIn();
    const tag = ask(script)[0]!.at(16, 4);
    for (let count = 0; count <= 1024; count++) {
      script.play(
        script.other(
          OP.textResponse,
          tag,
          [
            [1, 1, 0],
            [20, 4, 1],
          ],
          textData('TargetName=iqn.a'),
        ),
      );
    }
    expect(script.ends).toMatchObject([{ reason: 'protocol-error' }]);
    expect(script.texts).toMatchObject([{ kind: 'failed' }]);
  });
});

describe('any 48 bytes', () => {
  it('are taken without an exception, and whatever they do is told once', () => {
    const seed = { value: 12345 };
    const next = (): number => (seed.value = (seed.value * 1103515245 + 12345) % 2 ** 31) >>> 16;
    const opcodes = Object.values(OP);
    for (let round = 0; round < 1000; round++) {
      const script = new Script().logIn(
        'MaxBurstLength=4096',
        'FirstBurstLength=512',
        'ImmediateData=No',
        'InitialR2T=Yes',
      );
      script.submit({ dataIn: new Uint8Array(64) });
      script.submit({ dataOut: pattern(8192) });
      const header = Uint8Array.from({ length: 48 }, () => (next() % 3 === 0 ? next() & 0xff : 0));
      header.set([opcodes[next() % opcodes.length]!, next() & 0xff, next() & 3, 0, 0, 0, 0, next() % 70]);
      header.set([0, 0, 0, next() % 4], 16);
      script.feed(Buffer.concat([header, new Uint8Array(72)]));
      script.engine.connectionLost('end', script.nowMs);
      expect(script.ends).toHaveLength(1);
      expect(script.outcomes).toHaveLength(2);
    }
  });
});
