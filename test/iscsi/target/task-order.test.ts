import { describe, expect, it } from 'vitest';
import { createBench, join, type Wire } from './wire.ts';

const READ = 0xc0;
const WRITE = 0xa0;
const [SIMPLE, ORDERED, HEAD] = [1, 2, 3];

/** Tags of the commands that the device server got, in their order. */
const begun = (wire: Wire) => wire.tasks.map((task) => task.initiatorTaskTag);
const read = (wire: Wire, tag: number, attribute: number, lun = '0005') =>
  wire.command({ tag, flags: READ | attribute, length: 4, lun });
const end = (wire: Wire, tag: number) =>
  wire.connection.complete(
    wire.tasks.find((task) => task.initiatorTaskTag === tag)!,
    { status: 0 },
  );

describe('a command with the attribute ORDERED', () => {
  it('comes after all before it and before all behind it, on its unit', () => {
    const wire = join(createBench());
    read(wire, 1, SIMPLE);
    read(wire, 2, 0);
    read(wire, 3, ORDERED);
    read(wire, 4, SIMPLE);
    read(wire, 5, SIMPLE, '0006');
    read(wire, 6, SIMPLE, '4005');
    expect(begun(wire)).toEqual([1, 2, 5]);
    end(wire, 2);
    expect(begun(wire)).toEqual([1, 2, 5]);
    end(wire, 1);
    expect(begun(wire)).toEqual([1, 2, 5, 3]);
    end(wire, 3);
    expect(begun(wire)).toEqual([1, 2, 5, 3, 4, 6]);
    read(wire, 7, SIMPLE);
    expect(begun(wire)).toEqual([1, 2, 5, 3, 4, 6, 7]);
  });

  it('waits for a write that waits for its data, and asks for its own only then', () => {
    const wire = join(createBench());
    const [r2t] = wire.command({ tag: 1, flags: WRITE | SIMPLE, length: 4 });
    expect(wire.command({ tag: 2, flags: WRITE | ORDERED, length: 4 })).toEqual([]);
    expect(wire.command({ tag: 3, flags: WRITE | ORDERED, length: 4, data: new Uint8Array(4) })).toEqual([]);
    const data = { dataSn: 0, offset: 0, data: new Uint8Array(4), final: true };
    wire.dataOut({ tag: 1, transferTag: r2t!.at(20, 4), ...data });
    expect(begun(wire)).toEqual([1]);
    end(wire, 1);
    const [, second] = wire.output();
    expect([second!.opcode, second!.at(16, 4)]).toEqual([0x31, 2]);
    wire.dataOut({ tag: 2, transferTag: second!.at(20, 4), ...data });
    end(wire, 2);
    expect(begun(wire)).toEqual([1, 2, 3]);
  });

  it('keeps to the order of all nexuses', () => {
    const bench = createBench();
    const [wire, other] = [join(bench), join(bench, 1)];
    read(other, 1, SIMPLE);
    read(wire, 1, ORDERED);
    read(other, 2, SIMPLE);
    expect([begun(wire), begun(other)]).toEqual([[], [1]]);
    end(other, 1);
    expect([begun(wire), begun(other)]).toEqual([[1], [1]]);
    wire.connection.lost();
    end(wire, 1);
    expect(begun(other)).toEqual([1, 2]);
  });

  it('does not keep back one with HEAD OF QUEUE, which waits for nobody', () => {
    const wire = join(createBench());
    read(wire, 1, SIMPLE);
    read(wire, 2, ORDERED);
    read(wire, 3, HEAD);
    expect(begun(wire)).toEqual([1, 3]);
    end(wire, 1);
    expect(begun(wire)).toEqual([1, 3, 2]);
  });

  it("is in nobody's way once it is aborted", () => {
    const wire = join(createBench());
    read(wire, 1, SIMPLE);
    read(wire, 2, ORDERED);
    read(wire, 3, SIMPLE);
    expect(wire.manage({ tag: 9, function: 1, referenced: 2 })[0]!.at(2, 1)).toBe(0);
    expect(begun(wire)).toEqual([1, 3]);
    end(wire, 1);
    expect(begun(wire)).toEqual([1, 3]);
  });
});
