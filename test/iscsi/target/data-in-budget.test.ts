import { describe, expect, it } from 'vitest';
import { createBench, join, type Wire } from './wire.ts';

const MIB = 1024 * 1024;
const GOOD = { status: 0 };

function reader(): Wire {
  const wire = createBench().connect();
  wire.login(['MaxRecvDataSegmentLength=262144']);
  return wire;
}

function read(wire: Wire, tag: number, length: number): void {
  wire.command({ tag, flags: 0xc0, length });
}

/** The data of a reply without looking at the output, as a transport that is not ready does. */
function answer(wire: Wire, index: number, byteLength: number): void {
  wire.connection.complete(wire.tasks[index]!, { ...GOOD, dataIn: new Uint8Array(byteLength) });
}

describe('Data-In of one connection', () => {
  it('is bounded: reads beyond 64 MiB wait until what was read has been taken', () => {
    const wire = reader();
    for (let tag = 1; tag <= 10; tag += 1) read(wire, tag, 16 * MIB);
    expect(wire.tasks).toHaveLength(4);
    answer(wire, 0, 16 * MIB);
    answer(wire, 1, 16 * MIB);
    expect(wire.tasks).toHaveLength(4);
    wire.connection.takeOutput();
    expect(wire.tasks).toHaveLength(4);
    wire.connection.outputSent();
    expect(wire.tasks).toHaveLength(6);
    expect(wire.tasks.map((task) => task.initiatorTaskTag)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('counts what was produced, not what was expected, once a read has ended', () => {
    const wire = reader();
    for (let tag = 1; tag <= 5; tag += 1) read(wire, tag, 16 * MIB);
    answer(wire, 0, 512);
    expect(wire.tasks).toHaveLength(4);
    answer(wire, 1, 512);
    expect(wire.tasks).toHaveLength(5);
  });

  it('of one read may be more than that, when it is alone', () => {
    const wire = reader();
    read(wire, 1, 512);
    read(wire, 2, 100 * MIB);
    read(wire, 3, 512);
    expect(wire.tasks).toHaveLength(1);
    answer(wire, 0, 512);
    expect(wire.tasks).toHaveLength(1);
    wire.output();
    expect(wire.tasks).toHaveLength(2);
    answer(wire, 1, 0);
    expect(wire.tasks).toHaveLength(3);
  });

  it('is shared: with 16 sessions each has 16 MiB', () => {
    const bench = createBench();
    const wires = Array.from({ length: 16 }, (_, index) => join(bench, index + 1));
    for (const wire of wires) for (let tag = 1; tag <= 5; tag += 1) read(wire, tag, 4 * MIB);
    expect(wires.map((wire) => wire.tasks.length)).toEqual(wires.map(() => 4));
    for (const wire of wires.slice(1)) wire.connection.lost();
    wires[0]!.connection.complete(wires[0]!.tasks[0]!, GOOD);
    expect(wires[0]!.tasks).toHaveLength(5);
  });

  it('holds nothing else back', () => {
    const wire = reader();
    read(wire, 1, 64 * MIB);
    wire.command({ tag: 2, flags: 0x80 });
    expect(wire.tasks).toHaveLength(2);
  });

  it('is not asked for by a command that was aborted while it waited', () => {
    const wire = reader();
    read(wire, 1, 64 * MIB);
    read(wire, 2, MIB);
    const [done] = wire.send({
      fields: [
        [0, 1, 0x42],
        [1, 1, 0x81],
        [8, 8, '0005'],
        [16, 4, 9],
        [20, 4, 2],
        [24, 4, wire.cmdSn],
      ],
    });
    expect([done!.opcode, done!.at(2, 1)]).toEqual([0x22, 0]);
    wire.connection.complete(wire.tasks[0]!, GOOD);
    wire.output();
    expect(wire.tasks).toHaveLength(1);
  });

  it('is not asked for any more once the connection is lost', () => {
    const wire = reader();
    read(wire, 1, 64 * MIB);
    read(wire, 2, MIB);
    wire.connection.lost();
    wire.connection.complete(wire.tasks[0]!, GOOD);
    expect(wire.tasks).toHaveLength(1);
  });

  it('keeps of a longer answer only what is sent', () => {
    const wire = reader();
    read(wire, 1, 512);
    answer(wire, 0, 16 * MIB);
    const kept = wire.connection.takeOutput().map((chunk) => chunk.buffer.byteLength);
    expect(Math.max(...kept)).toBeLessThan(MIB);
  });
});
