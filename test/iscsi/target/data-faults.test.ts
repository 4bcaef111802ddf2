import { describe, expect, it } from 'vitest';
import { seededBytes } from '../../support/seeded-random.ts';
import { slowPdu } from '../slow-pdu.ts';
import { createBench, join, loggedIn, OPCODES, outcomeOf, type Wire } from './wire.ts';
import { shareOfRoom, shareOfUnaskedRoom } from '../../../src/iscsi/target/fair-share.ts';

const MIB = 1024 * 1024;
const READ = 0xc0;
const WRITE = 0xa0;
const WRITE_MORE = 0x20;
const UNSOLICITED = 0xffff_ffff;

describe('faults in the data of a write', () => {
  const SEQUENCE = '0b/4b/00';
  const AMOUNT = '0b/0c/0d';

  it.each([
    ['a DataSN too high', { dataSn: 27 }, SEQUENCE],
    ['a DataSN of -1', { dataSn: 0xffff_ffff }, SEQUENCE],
    ['a wrong offset', { offset: 512 }, SEQUENCE],
    ['an offset beyond the transfer', { offset: 0xffff_fe00 }, SEQUENCE],
    ['more data than asked for', { data: seededBytes(1028) }, AMOUNT],
    ['less data than asked for', { data: seededBytes(1020) }, AMOUNT],
  ])('%s ends it with CHECK CONDITION', (_name, wrong, sense) => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 1024 });
    const right = { tag: 7, transferTag: r2t!.at(20, 4), dataSn: 0, offset: 0, data: seededBytes(1024), final: true };
    expect(outcomeOf(wire.dataOut({ ...right, ...wrong })[0])).toMatchObject({ status: 2, sense });
    expect(wire.tasks).toEqual([]);
    wire.command({ tag: 8, flags: READ, length: 4 });
    expect(wire.tasks).toHaveLength(1);
  });

  it('a repeated DataSN is found; the answer waits for the end of the burst', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 1024 });
    const part = { tag: 7, transferTag: r2t!.at(20, 4), data: seededBytes(256) };
    expect(wire.dataOut({ ...part, dataSn: 0, offset: 0 })).toEqual([]);
    expect(wire.dataOut({ ...part, dataSn: 0, offset: 256 })).toEqual([]);
    expect(wire.dataOut({ ...part, dataSn: 2, offset: 512 })).toEqual([]);
    expect(outcomeOf(wire.dataOut({ ...part, dataSn: 3, offset: 768, final: true })[0])).toMatchObject({
      status: 2,
      sense: SEQUENCE,
    });
  });

  it('data that belongs to nothing is ignored', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const stray = { transferTag: 99, dataSn: 0, offset: 0, data: seededBytes(16), final: true };
    expect(wire.dataOut({ ...stray, tag: 1234 })).toEqual([]);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 16 });
    expect(wire.dataOut({ ...stray, tag: 7 })).toEqual([]);
    wire.dataOut({ ...stray, tag: 7, transferTag: r2t!.at(20, 4) });
    expect(wire.tasks).toHaveLength(1);
    expect(wire.dataOut({ ...stray, tag: 7, transferTag: r2t!.at(20, 4) })).toEqual([]);
  });

  it.each([
    ['immediate data where none was agreed', ['ImmediateData=No'], WRITE, 512, 512, '0b/0c/0c'],
    ['immediate data on a read', [], READ, 512, 512, '0b/0c/0c'],
    ['more immediate data than the first burst', ['FirstBurstLength=512'], WRITE, 2048, 1024, AMOUNT],
    ['more immediate data than announced', [], WRITE, 512, 1024, AMOUNT],
    ['more than any command may carry', [], WRITE, 0xffff_ffff, 4, '05/24/00'],
  ])('%s', (_name, keys, flags, length, sent, sense) => {
    const wire = loggedIn(keys);
    expect(outcomeOf(wire.command({ tag: 7, flags, length, data: seededBytes(sent) })[0])).toMatchObject({
      status: 2,
      sense,
    });
    expect(wire.tasks).toEqual([]);
  });

  it('unsolicited Data-Out where R2T was agreed is taken to its end and then refused', () => {
    const wire = loggedIn(['InitialR2T=Yes']);
    expect(wire.command({ tag: 7, flags: WRITE_MORE, length: 1024 })).toEqual([]);
    const [response] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 0,
      offset: 0,
      data: seededBytes(512),
      final: true,
    });
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: '0b/0c/0c' });
  });

  it('unsolicited data beyond the first burst', () => {
    const wire = loggedIn(['InitialR2T=No', 'FirstBurstLength=512']);
    wire.command({ tag: 7, flags: WRITE_MORE, length: 4096, data: seededBytes(512) });
    const [response] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 0,
      offset: 512,
      data: seededBytes(4),
      final: true,
    });
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: AMOUNT });
  });
});

describe('memory', () => {
  it('is bounded: solicited writes beyond 64 MiB wait their turn', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const length = 24 * 1024 * 1024;
    const answers = [1, 2, 3, 4].map((tag) => wire.command({ tag, flags: WRITE, length }).map((pdu) => pdu.at(16, 4)));
    expect(answers).toEqual([[1], [2], [], []]);
    const [management, next] = wire.manage({ tag: 90, function: 1, referenced: 1 });
    expect(new Set([management!.opcode, next?.opcode])).toEqual(new Set([OPCODES.management, OPCODES.r2t]));
  });

  it('of an aborted write is free only when the device server has let go of its data', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [r2t] = wire.command({ tag: 1, flags: WRITE, length: 512 });
    wire.dataOut({ tag: 1, transferTag: r2t!.at(20, 4), dataSn: 0, offset: 0, data: seededBytes(512), final: true });
    expect(wire.tasks).toHaveLength(1);
    expect(wire.command({ tag: 2, flags: WRITE, length: 64 * MIB })).toEqual([]);
    expect(wire.manage({ tag: 90, function: 1, referenced: 1 })).toEqual([]);
    const opcodes = wire.complete(wire.tasks[0]!, { status: 0 }).map((pdu) => pdu.opcode);
    expect(new Set(opcodes)).toEqual(new Set([OPCODES.management, OPCODES.r2t]));
  });

  it('is shared: the more sessions there are the less has each, but always one transfer', () => {
    const bench = createBench();
    const wires = Array.from({ length: 16 }, (_, index) => {
      const wire = bench.connect();
      expect(wire.login(['InitialR2T=Yes', 'ImmediateData=No'], [[8, 6, `8000000000${index + 16}`]]).status).toBe(0);
      return wire;
    });
    const asked = wires.map((wire) =>
      [1, 2, 3].map((tag) => wire.command({ tag, flags: WRITE, length: 8 * MIB }).length),
    );
    expect(asked).toEqual(wires.map(() => [1, 1, 0]));
    expect(shareOfRoom(128)).toBe(2 * MIB);
    expect(shareOfRoom(0)).toBe(64 * MIB);
  });

  it('has no room for unsolicited data without end: a command beyond it is answered TASK SET FULL', () => {
    const bench = createBench();
    const others = Array.from({ length: 127 }, (_, index) => join(bench, index + 1));
    const wire = bench.connect();
    wire.login(['InitialR2T=No', 'FirstBurstLength=262144', 'MaxRecvDataSegmentLength=262144']);
    const data = seededBytes(512);
    const fits = shareOfUnaskedRoom(128) / (MIB / 4);
    for (let tag = 1; tag <= fits; tag += 1) {
      expect(wire.command({ tag, flags: WRITE_MORE, length: MIB, data })).toEqual([]);
    }
    expect(wire.command({ tag: 90, flags: WRITE_MORE, length: MIB, data })).toEqual([]);
    const more = { tag: 90, transferTag: UNSOLICITED, dataSn: 0, offset: 512, data: seededBytes(512), final: true };
    expect(outcomeOf(wire.dataOut(more)[0])).toMatchObject({ status: 0x28, sense: '' });
    expect(outcomeOf(wire.command({ tag: 91, flags: WRITE, length: 512, data: seededBytes(512) })[0]).status).toBe(
      0x28,
    );
    expect(wire.tasks).toEqual([]);
    wire.manage({ tag: 99, function: 1, referenced: 1 });
    wire.command({ tag: 92, flags: WRITE, length: 512, data: seededBytes(512) });
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([92]);
    expect(others.every((other) => other.connection.closing === 'no')).toBe(true);
  });

  it('is not made for a transfer that no command of this array can have', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [answer] = wire.command({ tag: 1, flags: WRITE, length: 64 * MIB + 512 });
    expect(outcomeOf(answer)).toMatchObject({ status: 2, sense: '05/24/00' });
  });
});

describe('digests', () => {
  const keys = ['HeaderDigest=CRC32C', 'DataDigest=CRC32C'];

  function withDigests(): Wire {
    const wire = createBench().connect();
    expect(wire.login([...keys, 'InitialR2T=No']).text).toEqual(expect.arrayContaining(keys));
    wire.digests = { header: true, data: true };
    return wire;
  }

  it('protect both directions from the first PDU after the login', () => {
    const wire = withDigests();
    wire.command({ tag: 7, flags: READ, length: 510 });
    const [dataIn] = wire.complete(wire.tasks[0]!, { status: 0, dataIn: seededBytes(510) });
    expect([...dataIn!.data]).toEqual([...seededBytes(510)]);
    wire.command({ tag: 8, flags: WRITE, length: 5, data: seededBytes(5) });
    expect([...wire.tasks[1]!.dataOut]).toEqual([...seededBytes(5)]);
  });

  it('drop the connection where a header is damaged', () => {
    const wire = withDigests();
    const bad = slowPdu({ fields: [[0, 1, 0x40]], headerDigest: true });
    bad[20]! ^= 1;
    expect(wire.feed(bad)).toEqual([]);
    expect(wire.connection.closing).toBe('now');
  });

  it('reject damaged data and end its command', () => {
    const wire = withDigests();
    const command = wire.commandPdu({ tag: 7, flags: WRITE, length: 512, data: seededBytes(512) });
    const bad = slowPdu({ ...command, headerDigest: true, dataDigest: true });
    bad[100]! ^= 1;
    const [reject, response] = wire.feed(bad);
    expect([reject!.opcode, reject!.at(2, 1), reject!.data.length]).toEqual([OPCODES.reject, 2, 48]);
    expect(Buffer.from(reject!.data).toString('hex').slice(32, 40)).toBe('00000007');
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: '0b/47/05' });
    expect(wire.tasks).toEqual([]);
    wire.command({ tag: 8, flags: READ, length: 4 });
    expect(wire.tasks).toHaveLength(1);
  });

  it('reject a damaged Data-Out and end the command when its burst is over', () => {
    const wire = withDigests();
    wire.command({ tag: 7, flags: WRITE_MORE, length: 1024 });
    const part = {
      fields: [
        [0, 1, 5],
        [16, 4, 7],
        [20, 4, UNSOLICITED],
      ] as const,
      data: seededBytes(512),
    };
    const bad = slowPdu({ ...part, headerDigest: true, dataDigest: true });
    bad[60]! ^= 1;
    expect(wire.feed(bad).map((pdu) => pdu.opcode)).toEqual([OPCODES.reject]);
    const [response] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 1,
      offset: 512,
      data: seededBytes(512),
      final: true,
    });
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: '0b/47/05' });
  });
});
