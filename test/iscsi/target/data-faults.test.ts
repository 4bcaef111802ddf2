import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { slowPdu } from '../slow-pdu.ts';
import { createBench, OPCODES, outcomeOf, type Wire } from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;
const WRITE_MORE = 0x20;
const UNSOLICITED = 0xffff_ffff;
const bytes = (length: number): Uint8Array => createSeededRandom(length).bytes(length);

function loggedIn(keys: readonly string[] = []): Wire {
  const wire = createBench().connect();
  expect(wire.login(keys).status).toBe(0);
  return wire;
}

describe('faults in the data of a write', () => {
  const SEQUENCE = '0b/4b/00';
  const AMOUNT = '0b/0c/0d';

  it.each([
    ['a DataSN too high', { dataSn: 27 }, SEQUENCE],
    ['a DataSN of -1', { dataSn: 0xffff_ffff }, SEQUENCE],
    ['a wrong offset', { offset: 512 }, SEQUENCE],
    ['an offset beyond the transfer', { offset: 0xffff_fe00 }, SEQUENCE],
    ['more data than asked for', { data: bytes(1028) }, AMOUNT],
    ['less data than asked for', { data: bytes(1020) }, AMOUNT],
  ])('%s ends it with CHECK CONDITION', (_name, wrong, sense) => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 1024 });
    const right = { tag: 7, transferTag: r2t!.at(20, 4), dataSn: 0, offset: 0, data: bytes(1024), final: true };
    expect(outcomeOf(wire.dataOut({ ...right, ...wrong })[0])).toMatchObject({ status: 2, sense });
    expect(wire.tasks).toEqual([]);
    wire.command({ tag: 8, flags: READ, length: 4 });
    expect(wire.tasks).toHaveLength(1);
  });

  it('a repeated DataSN is found; the answer waits for the end of the burst', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 1024 });
    const part = { tag: 7, transferTag: r2t!.at(20, 4), data: bytes(256) };
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
    const stray = { transferTag: 99, dataSn: 0, offset: 0, data: bytes(16), final: true };
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
    expect(outcomeOf(wire.command({ tag: 7, flags, length, data: bytes(sent) })[0])).toMatchObject({
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
      data: bytes(512),
      final: true,
    });
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: '0b/0c/0c' });
  });

  it('unsolicited data beyond the first burst', () => {
    const wire = loggedIn(['InitialR2T=No', 'FirstBurstLength=512']);
    wire.command({ tag: 7, flags: WRITE_MORE, length: 4096, data: bytes(512) });
    const [response] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 0,
      offset: 512,
      data: bytes(4),
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

  it('lets a transfer that is larger than the whole budget go when it is alone', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    expect(wire.command({ tag: 1, flags: WRITE, length: 200 * 1024 * 1024 })[0]!.opcode).toBe(OPCODES.r2t);
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
    const [dataIn] = wire.complete(wire.tasks[0]!, { status: 0, dataIn: bytes(510) });
    expect([...dataIn!.data]).toEqual([...bytes(510)]);
    wire.command({ tag: 8, flags: WRITE, length: 5, data: bytes(5) });
    expect([...wire.tasks[1]!.dataOut]).toEqual([...bytes(5)]);
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
    const command = wire.commandPdu({ tag: 7, flags: WRITE, length: 512, data: bytes(512) });
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
      data: bytes(512),
    };
    const bad = slowPdu({ ...part, headerDigest: true, dataDigest: true });
    bad[60]! ^= 1;
    expect(wire.feed(bad).map((pdu) => pdu.opcode)).toEqual([OPCODES.reject]);
    const [response] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 1,
      offset: 512,
      data: bytes(512),
      final: true,
    });
    expect(outcomeOf(response)).toMatchObject({ status: 2, sense: '0b/47/05' });
  });
});
