import { describe, expect, it } from 'vitest';
import { seededBytes } from '../../support/seeded-random.ts';
import type { SeenPdu } from '../slow-pdu.ts';
import { loggedIn, OPCODES, outcomeOf } from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;
const WRITE_MORE = 0x20;
const UNSOLICITED = 0xffff_ffff;

describe('reads', () => {
  it('come in one Data-In with the status', () => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: READ, length: 512 });
    const [task] = wire.tasks;
    expect(task).toMatchObject({
      expectedDataIn: 512,
      expectedDataOut: 0,
      nexus: 'iqn.2026-11.test:host,i,0x80a1b2c3d4e5',
    });
    expect([...task!.lun]).toEqual([0, 5, 0, 0, 0, 0, 0, 0]);
    expect([...task!.cdb.subarray(0, 2)]).toEqual([0x28, 0]);
    const [dataIn, ...rest] = wire.complete(task!, { status: 0, dataIn: seededBytes(512) });
    expect(rest).toEqual([]);
    expect([dataIn!.opcode, dataIn!.flags, dataIn!.at(3, 1), dataIn!.at(16, 4), dataIn!.at(36, 4)]).toEqual([
      0x25, 0x81, 0, 7, 0,
    ]);
    expect([...dataIn!.data]).toEqual([...seededBytes(512)]);
  });

  it('are cut by what the initiator takes, in bursts, and StatSN is used once', () => {
    const wire = loggedIn(['MaxRecvDataSegmentLength=1024', 'MaxBurstLength=2560']);
    wire.command({ tag: 7, flags: READ, length: 6000 });
    const seen = wire.complete(wire.tasks[0]!, { status: 0, dataIn: seededBytes(6000) });
    expect(seen.map((pdu) => [pdu.at(40, 4), pdu.data.length, pdu.at(36, 4), pdu.flags])).toEqual([
      [0, 1024, 0, 0],
      [1024, 1024, 1, 0],
      [2048, 512, 2, 0x80],
      [2560, 1024, 3, 0],
      [3584, 1024, 4, 0],
      [4608, 512, 5, 0x80],
      [5120, 880, 6, 0x81],
    ]);
    expect(new Set(seen.map((pdu) => pdu.at(24, 4)))).toEqual(new Set([101]));
    expect(Buffer.concat(seen.map((pdu) => pdu.data))).toEqual(Buffer.from(seededBytes(6000)));
    const [nop] = wire.send({
      fields: [
        [0, 1, 0x40],
        [1, 1, 0x80],
        [16, 4, 9],
        [20, 4, UNSOLICITED],
      ],
    });
    expect(nop!.at(24, 4)).toBe(102);
  });

  it('that fail after data send the status by itself, with the count of Data-In PDUs', () => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: READ, length: 1024 });
    const sense = Uint8Array.of(0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0);
    const [dataIn, response] = wire.complete(wire.tasks[0]!, { status: 2, dataIn: seededBytes(512), sense });
    expect([dataIn!.flags, dataIn!.data.length]).toEqual([0x80, 512]);
    expect(outcomeOf(response)).toEqual({ status: 2, residual: 'U512', sense: '03/11/00' });
    expect(response!.at(36, 4)).toBe(1);
    expect([...response!.data]).toEqual([0, 18, ...sense]);
  });

  /** EDTL, bytes produced, what arrives, residual. */
  const RESIDUALS: readonly [number, number, number, string][] = [
    [512, 512, 512, '-0'],
    [0, 512, 0, 'O512'],
    [200, 512, 200, 'O312'],
    [10000, 512, 512, 'U9488'],
    [10000, 1024, 1024, 'U8976'],
    [512, 0, 0, 'U512'],
    [0, 0, 0, '-0'],
    [0xffff_ffff, 4, 4, 'U4294967291'],
  ];
  it.each(RESIDUALS)('expecting %i of %i bytes give %i, residual %s', (length, produced, arrives, residual) => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: READ, length });
    const seen = wire.complete(wire.tasks[0]!, { status: 0, dataIn: seededBytes(produced) });
    expect(seen).toHaveLength(1);
    const [pdu] = seen;
    if (arrives > 0) {
      const kind = pdu!.flags & 0x04 ? 'O' : pdu!.flags & 0x02 ? 'U' : '-';
      expect([pdu!.opcode, pdu!.data.length, `${kind}${pdu!.at(44, 4)}`]).toEqual([OPCODES.dataIn, arrives, residual]);
    } else {
      expect(outcomeOf(pdu)).toMatchObject({ status: 0, residual });
    }
  });
});

describe('commands without data', () => {
  it('get a SCSI Response', () => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: 0x80 });
    expect(outcomeOf(wire.complete(wire.tasks[0]!, { status: 0x18 })[0])).toEqual({
      status: 0x18,
      residual: '-0',
      sense: '',
    });
  });

  it('that want data nobody announced say how much', () => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: 0x80 });
    expect(outcomeOf(wire.complete(wire.tasks[0]!, { status: 0, wantedDataOut: 1024 })[0]).residual).toBe('O1024');
  });
});

describe('writes', () => {
  it('come with all their data in the command', () => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: WRITE, length: 510, data: seededBytes(510) });
    expect([...wire.tasks[0]!.dataOut]).toEqual([...seededBytes(510)]);
    expect(outcomeOf(wire.complete(wire.tasks[0]!, { status: 0, wantedDataOut: 510 })[0])).toMatchObject({
      residual: '-0',
    });
  });

  it.each([
    [512, 1024, 'O512'],
    [1024, 512, 'U512'],
    [200, 512, 'O312'],
    [512, undefined, '-0'],
  ])('of %i bytes where %s were wanted: residual %s', (length, wantedDataOut, residual) => {
    const wire = loggedIn();
    wire.command({ tag: 7, flags: WRITE, length, data: seededBytes(length) });
    const reply = wantedDataOut === undefined ? { status: 0 } : { status: 0, wantedDataOut };
    expect(outcomeOf(wire.complete(wire.tasks[0]!, reply)[0]).residual).toBe(residual);
  });

  it('are asked for by R2T, burst by burst', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No', 'MaxBurstLength=1024']);
    const data = seededBytes(2500);
    let seen = wire.command({ tag: 7, flags: WRITE, length: 2500 });
    const asked: number[][] = [];
    while (seen[0]?.opcode === OPCODES.r2t) {
      const [r2t] = seen as [SeenPdu];
      const [transferTag, offset, length] = [r2t.at(20, 4), r2t.at(40, 4), r2t.at(44, 4)];
      asked.push([r2t.at(36, 4), offset, length, r2t.at(24, 4)]);
      expect(r2t.hex.slice(16, 32)).toBe('0005000000000000');
      const half = Math.floor(length / 2);
      expect(
        wire.dataOut({ tag: 7, transferTag, dataSn: 0, offset, data: data.subarray(offset, offset + half) }),
      ).toEqual([]);
      seen = wire.dataOut({
        tag: 7,
        transferTag,
        dataSn: 1,
        offset: offset + half,
        data: data.subarray(offset + half, offset + length),
        final: true,
      });
    }
    // The R2T carries the StatSN that comes next and uses none.
    expect(asked).toEqual([
      [0, 0, 1024, 101],
      [1, 1024, 1024, 101],
      [2, 2048, 452, 101],
    ]);
    expect(Buffer.from(wire.tasks[0]!.dataOut)).toEqual(Buffer.from(data));
    const [response] = wire.complete(wire.tasks[0]!, { status: 0 });
    expect([response!.at(24, 4), response!.at(36, 4)]).toEqual([101, 3]);
  });

  it('come immediate, unsolicited and solicited in one command', () => {
    const wire = loggedIn(['InitialR2T=No', 'FirstBurstLength=1024']);
    const data = seededBytes(3000);
    expect(wire.command({ tag: 7, flags: WRITE_MORE, length: 3000, data: data.subarray(0, 300) })).toEqual([]);
    expect(
      wire.dataOut({ tag: 7, transferTag: UNSOLICITED, dataSn: 0, offset: 300, data: data.subarray(300, 800) }),
    ).toEqual([]);
    const [r2t] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 1,
      offset: 800,
      data: data.subarray(800, 1024),
      final: true,
    });
    expect([r2t!.opcode, r2t!.at(40, 4), r2t!.at(44, 4)]).toEqual([OPCODES.r2t, 1024, 1976]);
    wire.dataOut({
      tag: 7,
      transferTag: r2t!.at(20, 4),
      dataSn: 0,
      offset: 1024,
      data: data.subarray(1024),
      final: true,
    });
    expect(Buffer.from(wire.tasks[0]!.dataOut)).toEqual(Buffer.from(data));
  });

  it('of more than a mebibyte, immediate, unsolicited and solicited', () => {
    const wire = loggedIn([
      'InitialR2T=No',
      'FirstBurstLength=1024',
      'MaxRecvDataSegmentLength=262144',
      'MaxBurstLength=1048576',
    ]);
    const data = seededBytes(1_200_000);
    wire.command({ tag: 7, flags: WRITE_MORE, length: data.length, data: data.subarray(0, 500) });
    let seen = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 0,
      offset: 500,
      data: data.subarray(500, 1024),
      final: true,
    });
    for (let offset = 1024, dataSn = 0, left = 0; offset < data.length; dataSn += 1) {
      if (left === 0) [left, dataSn] = [seen[0]!.at(44, 4), 0];
      const length = Math.min(200_000, left);
      left -= length;
      const transferTag = seen[0]!.at(20, 4);
      const answer = wire.dataOut({
        tag: 7,
        transferTag,
        dataSn,
        offset,
        data: data.subarray(offset, offset + length),
        final: left === 0,
      });
      if (answer.length > 0) seen = answer;
      offset += length;
    }
    expect(Buffer.compare(wire.tasks[0]!.dataOut, data)).toBe(0);
  });

  it('that were final although data is missing are asked for the rest', () => {
    const wire = loggedIn(['InitialR2T=No', 'FirstBurstLength=65536']);
    const [r2t] = wire.command({ tag: 7, flags: WRITE, length: 3000, data: seededBytes(1000) });
    expect([r2t!.at(40, 4), r2t!.at(44, 4)]).toEqual([1000, 2000]);
  });

  it('may end their unsolicited data early', () => {
    const wire = loggedIn(['InitialR2T=No']);
    wire.command({ tag: 7, flags: WRITE_MORE, length: 3000 });
    const [r2t] = wire.dataOut({
      tag: 7,
      transferTag: UNSOLICITED,
      dataSn: 0,
      offset: 0,
      data: seededBytes(4),
      final: true,
    });
    expect([r2t!.at(40, 4), r2t!.at(44, 4)]).toEqual([4, 2996]);
  });

  it('of many commands at once stay apart', () => {
    const wire = loggedIn(['InitialR2T=Yes', 'ImmediateData=No']);
    const tags = Array.from({ length: 20 }, (_, at) => at + 1);
    const transferTags = tags.map((tag) => wire.command({ tag, flags: WRITE, length: 8 })[0]!.at(20, 4));
    expect(new Set(transferTags).size).toBe(20);
    for (const [at, tag] of [...tags.entries()].toReversed()) {
      wire.dataOut({
        tag,
        transferTag: transferTags[at]!,
        dataSn: 0,
        offset: 0,
        data: new Uint8Array(8).fill(tag),
        final: true,
      });
    }
    expect(wire.tasks.map((task) => task.dataOut[0])).toEqual(tags.toReversed());
  });
});
