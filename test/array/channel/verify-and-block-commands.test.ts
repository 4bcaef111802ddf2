import { describe, expect, it } from 'vitest';
import { readU32 } from '../../../src/base/bytes.ts';
import { blockCdb } from '../../../src/scsi/cdb.ts';
import { OPCODE } from '../../../src/scsi/opcode.ts';
import { channelFixture, memoryUnit, pattern } from './channel-fixture.ts';

const VERIFIES = [OPCODE.verify10, OPCODE.verify12, OPCODE.verify16];
const WRITE_AND_VERIFIES = [OPCODE.writeAndVerify10, OPCODE.writeAndVerify12, OPCODE.writeAndVerify16];
const WRITE_SAMES = [OPCODE.writeSame10, OPCODE.writeSame16];
const BYTE_CHECK = 0x02;
const DATA = pattern(1024);

async function filled() {
  const unit = memoryUnit();
  unit.content.set(DATA, 5 * 512);
  return { unit, ...(await channelFixture([unit])) };
}

describe.each(VERIFIES)('VERIFY %i', (opcode) => {
  it('without BYTCHK reads the medium and wants no data', async () => {
    const { send, unit } = await filled();
    expect(await send(blockCdb(opcode, 5, 2))).toMatchObject({ verdict: 'good', wantedDataOut: 0 });
    expect(unit.calls).toEqual(['read 5+2']);
  });

  it('with BYTCHK compares every byte', async () => {
    const { send } = await filled();
    expect(await send(blockCdb(opcode, 5, 2, BYTE_CHECK), { data: DATA })).toMatchObject({
      verdict: 'good',
      wantedDataOut: 1024,
    });
    for (const at of [0, 1, 511, 512, 1023]) {
      const other = DATA.slice();
      other[at]! ^= 0x80;
      const reply = await send(blockCdb(opcode, 5, 2, BYTE_CHECK), { data: other });
      expect(reply.verdict).toBe('e/1d/00');
      expect([reply.sense![0], readU32(reply.sense!, 3)]).toEqual([0xf0, at]);
    }
  });

  it('with BYTCHK 3 compares each block with one', async () => {
    const { send, unit } = await filled();
    const block = DATA.subarray(0, 512);
    unit.content.set(block, 6 * 512);
    const verified = await send(blockCdb(opcode, 5, 2, 0x06), { data: block });
    expect(verified).toMatchObject({ verdict: 'good', wantedDataOut: 512 });
    unit.content[6 * 512 + 3]! ^= 1;
    const reply = await send(blockCdb(opcode, 5, 2, 0x06), { data: block });
    expect([reply.verdict, readU32(reply.sense!, 3)]).toEqual(['e/1d/00', 3]);
    expect((await send(blockCdb(opcode, 5, 2, 0x06), { data: block.subarray(0, 511) })).verdict).toBe('5/24/00');
    expect(await send(blockCdb(opcode, 5, 0, 0x06), { data: block })).toMatchObject({ verdict: 'good' });
  });

  it('knows no BYTCHK 2', async () => {
    const { send } = await filled();
    expect((await send(blockCdb(opcode, 5, 2, 0x04), { data: DATA })).verdict).toBe('5/24/00');
  });
});

describe('VERIFY', () => {
  it('of a long range reads in pieces; with BYTCHK it has the limit of a transfer', async () => {
    const unit = memoryUnit({ blockCount: 100_000, read: async (_lba, count) => new Uint8Array(count * 512) });
    const { send } = await channelFixture([unit]);
    expect((await send(blockCdb(OPCODE.verify16, 1, 4097))).verdict).toBe('good');
    expect(unit.calls).toEqual(['read 1+2048', 'read 2049+2048', 'read 4097+1']);
    expect((await send(blockCdb(OPCODE.verify16, 0, 65537))).verdict).toBe('good');
    expect((await send(blockCdb(OPCODE.verify16, 0, 65537, BYTE_CHECK))).verdict).toBe('5/24/00');
  });

  it('stops between two pieces when it is aborted', async () => {
    const abort = new AbortController();
    const unit = memoryUnit({
      blockCount: 100_000,
      read: async (_lba, count) => {
        abort.abort();
        return new Uint8Array(count * 512);
      },
    });
    const { send } = await channelFixture([unit]);
    expect((await send(blockCdb(OPCODE.verify16, 0, 65536), { signal: abort.signal })).verdict).toBe('status 40');
    expect(unit.calls.length).toBe(1);
  });
});

describe.each(WRITE_AND_VERIFIES)('WRITE AND VERIFY %i', (opcode) => {
  it('writes through and reads back', async () => {
    for (const options of [0, BYTE_CHECK]) {
      const unit = memoryUnit();
      const { send } = await channelFixture([unit]);
      expect(await send(blockCdb(opcode, 5, 2, options), { data: DATA })).toMatchObject({
        verdict: 'good',
        wantedDataOut: 1024,
      });
      expect(unit.calls).toEqual(['write 5+2 fua', 'read 5+2']);
    }
  });

  it('notices a medium that does not keep what was written', async () => {
    const { send } = await channelFixture([memoryUnit({ read: async (_lba, count) => new Uint8Array(count * 512) })]);
    expect((await send(blockCdb(opcode, 5, 2, BYTE_CHECK), { data: DATA })).verdict).toBe('e/1d/00');
  });

  it('knows no other BYTCHK, and writes nothing then', async () => {
    const { send, unit } = await filled();
    for (const options of [0x04, 0x06])
      expect((await send(blockCdb(opcode, 5, 2, options), { data: DATA })).verdict).toBe('5/24/00');
    expect(unit.calls).toEqual([]);
  });
});

describe.each(WRITE_SAMES)('WRITE SAME %i', (opcode) => {
  const block = pattern(512, 9);

  it('writes one block everywhere, in pieces of 1 MiB', async () => {
    const unit = memoryUnit({ blockCount: 10_000 });
    const { send } = await channelFixture([unit]);
    expect(await send(blockCdb(opcode, 3, 5000), { data: block })).toMatchObject({
      verdict: 'good',
      wantedDataOut: 512,
    });
    expect(unit.calls).toEqual(['write 3+2048', 'write 2051+2048', 'write 4099+904']);
    expect(unit.content.subarray(0, 3 * 512).every((byte) => byte === 0)).toBe(true);
    for (const lba of [3, 4, 2051, 5002]) expect(unit.content.subarray(lba * 512, (lba + 1) * 512)).toEqual(block);
    expect(unit.content.subarray(5003 * 512).every((byte) => byte === 0)).toBe(true);
  });

  it('of 0 blocks reaches to the end, unless that is more than the limit', async () => {
    const unit = memoryUnit({ blockCount: 70_000 });
    const { send } = await channelFixture([unit]);
    expect((await send(blockCdb(opcode, 69_990, 0), { data: block })).verdict).toBe('good');
    expect(unit.calls).toEqual(['write 69990+10']);
    expect((await send(blockCdb(opcode, 70_000, 0), { data: block })).verdict).toBe('good');
    expect((await send(blockCdb(opcode, 4_464, 0), { data: block })).verdict).toBe('good');
    expect((await send(blockCdb(opcode, 4_463, 0), { data: block })).verdict).toBe('5/24/00');
  });

  it('of 0 blocks at the end gives nothing back', async () => {
    const unit = memoryUnit({ thin: true });
    const { send } = await channelFixture([unit]);
    expect((await send(blockCdb(opcode, 64, 0, 0x08), { data: new Uint8Array(512) })).verdict).toBe('good');
    expect(unit.calls).toEqual([]);
  });

  it('refuses UNMAP, ANCHOR, PBDATA, LBDATA and data that are not one block', async () => {
    const { send, unit } = await filled();
    for (const options of [0x08, 0x10, 0x18, 0x04, 0x02, 0x06])
      expect((await send(blockCdb(opcode, 0, 1, options), { data: block })).verdict).toBe('5/24/00');
    for (const length of [0, 256, 1024])
      expect((await send(blockCdb(opcode, 0, 1), { data: pattern(length) })).verdict).toBe('5/24/00');
    expect(unit.calls).toEqual([]);
  });
});

describe('WRITE SAME(16)', () => {
  it('with NDOB writes zeros, and wants no data', async () => {
    const { send, unit } = await filled();
    const reply = await send(blockCdb(OPCODE.writeSame16, 5, 1, 0x01));
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 0 });
    expect(unit.calls).toEqual(['write 5+1']);
    expect([unit.content[5 * 512], unit.content[6 * 512]]).toEqual([0, DATA[512]]);
    const withData = await send(blockCdb(OPCODE.writeSame16, 5, 1, 0x01), { data: new Uint8Array(512) });
    expect(withData.verdict).toBe('5/24/00');
  });
});

describe('ORWRITE', () => {
  it('adds bits and takes none away', async () => {
    const { send, unit } = await filled();
    const bits = pattern(1024, 77);
    const reply = await send(blockCdb(OPCODE.orWrite16, 5, 2, 0x08), { data: bits });
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 1024 });
    expect(unit.calls).toEqual(['read 5+2', 'write 5+2 fua']);
    for (let at = 0; at < 1024; at++) expect(unit.content[5 * 512 + at]).toBe(DATA[at]! | bits[at]!);
  });

  it('changes as much as the initiator announced of data that it cut short', async () => {
    const { send, unit } = await filled();
    const before = unit.content.slice();
    expect((await send(blockCdb(OPCODE.orWrite16, 5, 2), { data: new Uint8Array(800).fill(0xff) })).verdict).toBe(
      'good',
    );
    expect(unit.calls).toEqual(['read 5+2', 'write 5+2']);
    before.fill(0xff, 5 * 512, 5 * 512 + 800);
    expect(unit.content).toEqual(before);
  });

  /** Each of 8 commands adds its own bit; one that read before another wrote would lose it. */
  it('is atomic against every other command on its blocks', async () => {
    const content = new Uint8Array(512);
    const unit = memoryUnit({
      read: async () => {
        const seen = content.slice();
        await Promise.resolve();
        return seen;
      },
      write: async (_lba, data) => {
        await Promise.resolve();
        content.set(data);
      },
    });
    const { send } = await channelFixture([unit]);
    const bits = Array.from({ length: 8 }, (_unused, bit) => new Uint8Array(512).fill(1 << bit));
    await Promise.all(bits.map((data) => send(blockCdb(OPCODE.orWrite16, 0, 1), { data })));
    expect(content.every((byte) => byte === 0xff)).toBe(true);
  });
});

describe('WRITE ATOMIC', () => {
  it('is one write, and nothing where data are missing or the limit is passed', async () => {
    const unit = memoryUnit({ blockCount: 1000, atomicWriteBlocks: 64 });
    const { send } = await channelFixture([unit]);
    const write = (blockCount: number, length = blockCount * 512) => {
      return send(blockCdb(OPCODE.writeAtomic16, 5, blockCount, 0x08), { data: pattern(length) });
    };
    expect(await write(64)).toMatchObject({ verdict: 'good', wantedDataOut: 64 * 512 });
    expect((await write(0)).verdict).toBe('good');
    expect((await write(65)).verdict).toBe('5/24/00');
    expect((await write(2, 512)).verdict).toBe('5/24/00');
    const boundary = blockCdb(OPCODE.writeAtomic16, 5, 1);
    boundary[11] = 8;
    expect((await send(boundary, { data: pattern(512) })).verdict).toBe('5/24/00');
    expect(unit.calls).toEqual(['write 5+64 fua atomic']);
  });

  it('takes whole physical blocks only, where these are larger', async () => {
    const unit = { ...memoryUnit({ blockCount: 1000, atomicWriteBlocks: 64 }), physicalBlockSize: 4096 };
    const { send } = await channelFixture([unit]);
    const verdict = async (lba: number, blockCount: number) =>
      (await send(blockCdb(OPCODE.writeAtomic16, lba, blockCount), { data: pattern(blockCount * 512) })).verdict;
    expect(await verdict(8, 16)).toBe('good');
    expect(await verdict(9, 8)).toBe('5/24/00');
    expect(await verdict(8, 9)).toBe('5/24/00');
    expect(unit.calls).toEqual(['write 8+16 atomic']);
  });
});

describe('COMPARE AND WRITE', () => {
  const next = pattern(1024, 5);
  const both = (compare: Uint8Array, write: Uint8Array) => new Uint8Array(Buffer.concat([compare, write]));

  it('writes where everything is equal', async () => {
    const { send, unit } = await filled();
    const reply = await send(blockCdb(OPCODE.compareAndWrite, 5, 2, 0x08), { data: both(DATA, next) });
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 2048 });
    expect(unit.content.subarray(5 * 512, 7 * 512)).toEqual(next);
    expect(unit.calls).toEqual(['read 5+2', 'write 5+2 fua']);
  });

  it('says where the first difference is, at every byte, and writes nothing', async () => {
    const { send, unit } = await filled();
    for (let at = 0; at < 1024; at++) {
      const other = DATA.slice();
      other[at]! ^= 0x01;
      other[1023]! ^= 0x02;
      const reply = await send(blockCdb(OPCODE.compareAndWrite, 5, 2), { data: both(other, next) });
      expect([reply.verdict, reply.sense![0], readU32(reply.sense!, 3)]).toEqual(['e/1d/00', 0xf0, at]);
    }
    expect(unit.content.subarray(5 * 512, 7 * 512)).toEqual(DATA);
  });

  it('wants exactly twice the blocks', async () => {
    const { send, unit } = await filled();
    for (const announced of [0, 512, 2047, 2049, 4096]) {
      const reply = await send(blockCdb(OPCODE.compareAndWrite, 5, 2), { data: pattern(announced), announced });
      expect(reply.verdict).toBe('5/24/00');
    }
    // 256 blocks do not fit into the length byte: they go out as 0 with all their data.
    expect((await send(blockCdb(OPCODE.compareAndWrite, 0, 0), { data: pattern(256 * 1024) })).verdict).toBe('5/24/00');
    expect((await send(blockCdb(OPCODE.compareAndWrite, 0, 0))).verdict).toBe('good');
    expect(unit.calls).toEqual([]);
  });

  /** A counter that 60 commands of two nexuses raise by one, each only from the value that it has seen. */
  it('is atomic against every other command on its blocks', async () => {
    const content = new Uint8Array(512);
    const unit = memoryUnit({
      read: async () => {
        const seen = content.slice();
        await Promise.resolve();
        return seen;
      },
      write: async (_lba, data) => {
        await Promise.resolve();
        content.set(data);
      },
    });
    const { send, settle } = await channelFixture([unit]);
    await settle('b');
    const raise = async (nexus: string): Promise<void> => {
      for (let attempt = 0; attempt < 1000; attempt++) {
        const before = (await send(blockCdb(OPCODE.read10, 0, 1), { nexus })).dataIn!.slice();
        const after = before.slice();
        after[0]!++;
        if (
          (await send(blockCdb(OPCODE.compareAndWrite, 0, 1), { nexus, data: both(before, after) })).verdict === 'good'
        )
          return;
      }
      throw new Error('never won');
    };
    await Promise.all(Array.from({ length: 60 }, (_unused, index) => raise(index % 2 ? 'a' : 'b')));
    expect(content[0]).toBe(60);
  });
});
