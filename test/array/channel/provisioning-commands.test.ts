import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { blockCdb } from '../../../src/scsi/cdb.ts';
import { taskAborted } from '../../../src/scsi/fault.ts';
import { OPCODE } from '../../../src/scsi/opcode.ts';
import { channelFixture, memoryUnit, pattern, type Fixture, type MemoryUnit } from './channel-fixture.ts';

/** Thin provisioning of a unit that can give blocks back; what one that cannot answers stands in the other tests. */

const BLOCK_COUNT = 3_000_000;

let unit: MemoryUnit;
let fixture: Fixture;

beforeEach(async () => {
  unit = memoryUnit({ thin: true, blockCount: BLOCK_COUNT });
  fixture = await channelFixture([unit]);
});

const range = (lba: number | string, blockCount: number) => {
  const text = typeof lba === 'string' ? lba : lba.toString(16).padStart(16, '0');
  return `${text}${blockCount.toString(16).padStart(8, '0')}00000000`;
};

async function unmap(...ranges: string[]) {
  const body = ranges.join('');
  const length = (extra: number) => (body.length / 2 + extra).toString(16).padStart(4, '0');
  const data = fromHex(`${length(6)}${length(0)}00000000${body}`);
  return fixture.send(`42000000000000${length(8)}00`, { data });
}

async function lbaStatus(lba: number, allocationLength = 1000): Promise<string[]> {
  const cdb = `9e12${lba.toString(16).padStart(16, '0')}${allocationLength.toString(16).padStart(8, '0')}0000`;
  const data = (await fixture.send(cdb)).dataIn!;
  expect(Number.parseInt(toHex(data.subarray(0, 4)), 16)).toBe(data.length - 4);
  return toHex(data.subarray(8)).match(/.{32}/g) ?? [];
}

describe('a thin unit', () => {
  it('says so', async () => {
    expect(toHex((await fixture.send('9e 10 0000000000000000 00000020 00 00')).dataIn!.subarray(12, 16))).toBe(
      '0000c000',
    );
    expect(toHex((await fixture.send('12 01 b2 00 08 00')).dataIn!)).toBe('00b2000400e40200');
    const limits = toHex((await fixture.send('12 01 b0 00 40 00')).dataIn!);
    expect(limits.slice(40, 72)).toBe('00100000000001000000000880000000');
  });

  it('tells of physical blocks larger than its own (512e)', async () => {
    fixture = await channelFixture([{ ...unit, physicalBlockSize: 4096 }]);
    expect((await fixture.send('9e 10 0000000000000000 00000020 00 00')).dataIn![13]).toBe(3);
    const limits = toHex((await fixture.send('12 01 b0 00 40 00')).dataIn!);
    expect(limits.slice(12, 16)).toBe('0008');
    expect((await unmap(range(1, 3))).verdict).toBe('good');
  });

  it('and one that is not says the opposite', async () => {
    const { send } = await channelFixture();
    expect((await send('9e 10 0000000000000000 00000020 00 00')).dataIn![14]).toBe(0);
    expect(toHex((await send('12 01 b2 00 08 00')).dataIn!)).toBe('00b2000400000000');
    expect(toHex((await send('12 01 b0 00 40 00')).dataIn!).slice(40, 72)).toBe('0'.repeat(32));
    expect((await send('42 00 00000000 00 0000 00')).verdict).toBe('5/20/00');
  });
});

describe('UNMAP', () => {
  it('gives ranges back, overlapping or empty ones too', async () => {
    await fixture.send(blockCdb(OPCODE.write16, 0, 8), { data: pattern(8 * 512) });
    unit.calls.length = 0;
    expect(await unmap(range(1, 3), range(2, 4), range(7, 0), range(BLOCK_COUNT, 0))).toMatchObject({
      verdict: 'good',
      wantedDataOut: 8 + 64,
    });
    expect(unit.calls).toEqual(['deallocate 1+3', 'deallocate 2+4']);
    expect(unit.content.subarray(512, 6 * 512).every((byte) => byte === 0)).toBe(true);
    expect(unit.content.subarray(0, 512)).toEqual(pattern(8 * 512).subarray(0, 512));
  });

  it('of nothing is good', async () => {
    expect((await fixture.send('42 00 00000000 00 0000 00')).verdict).toBe('good');
    expect((await unmap()).verdict).toBe('good');
  });

  it('does nothing where one range is outside the unit or the limits', async () => {
    for (const bad of [
      range(BLOCK_COUNT, 1),
      range(BLOCK_COUNT + 1, 0),
      range('ffffffffffffffff', 1),
      range('8000000000000000', 0),
      range(BLOCK_COUNT - 1, 2),
    ]) {
      expect((await unmap(range(0, 1), bad)).verdict, bad).toBe('5/21/00');
    }
    expect((await unmap(range(0, 1024 * 1024), range(0, 1))).verdict).toBe('5/26/00');
    expect((await unmap(...Array.from({ length: 257 }, () => range(0, 0)))).verdict).toBe('5/26/00');
    expect(unit.calls).toEqual([]);
    expect((await unmap(...Array.from({ length: 256 }, () => range(0, 4096)))).verdict).toBe('good');
  });

  it('refuses ANCHOR and lists that are cut', async () => {
    expect((await fixture.send('42 01 00000000 00 0000 00')).verdict).toBe('5/24/00');
    for (const length of [1, 7]) {
      const data = new Uint8Array(length);
      expect((await fixture.send(`4200000000000 0000${length}00`.replace(' ', ''), { data })).verdict).toBe('5/1a/00');
    }
    expect((await fixture.send('42 00 00000000 00 0018 00', { data: new Uint8Array(8) })).verdict).toBe('5/1a/00');
  });

  it('lets a unit that holds it know when its host gives it up', async () => {
    const controller = new AbortController();
    const thin = memoryUnit({ thin: true });
    unit = {
      ...thin,
      async deallocate(_lba, _count, options) {
        const before = options?.isAborted?.();
        controller.abort();
        thin.calls.push(`aborted ${before} then ${options?.isAborted?.()}`);
        throw taskAborted();
      },
    };
    fixture = await channelFixture([unit]);
    const list = fromHex(`00160010${'00'.repeat(4)}${range(1, 2)}`);
    const reply = await fixture.send('42000000000000001800', { data: list, signal: controller.signal });
    expect(reply.verdict).toBe('status 40');
    expect(unit.calls).toEqual(['aborted false then true']);
  });

  it('waits for an atomic command on its blocks, and keeps off a unit that became read-only', async () => {
    const order: string[] = [];
    unit = memoryUnit({
      thin: true,
      read: async (_lba, count) => {
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        return new Uint8Array(count * 512);
      },
    });
    fixture = await channelFixture([unit]);
    const compare = fixture
      .send(blockCdb(OPCODE.compareAndWrite, 0, 1), { data: new Uint8Array(1024) })
      .then(({ verdict }) => order.push(`compare ${verdict}`));
    const first = unmap(range(0, 2)).then(({ verdict }) => order.push(`unmap ${verdict}`));
    await Promise.all([compare, first]);
    expect(order).toEqual(['compare good', 'unmap good']);
    expect(unit.calls).toEqual(['read 0+1', 'write 0+1', 'deallocate 0+2']);
    const held = fixture.send(blockCdb(OPCODE.compareAndWrite, 0, 1), { data: new Uint8Array(1024) });
    const second = unmap(range(0, 2));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    unit.setAccess('read-only');
    expect([(await held).verdict, (await second).verdict]).toEqual(['7/27/00', '7/27/00']);
    expect(unit.calls.filter((call) => call.startsWith('deallocate'))).toHaveLength(1);
  });
});

describe.each([OPCODE.writeSame10, OPCODE.writeSame16])('WRITE SAME %i with UNMAP', (opcode) => {
  const UNMAP = 0x08;

  it('gives blocks back where they would hold zeros', async () => {
    const reply = await fixture.send(blockCdb(opcode, 5, 5000, UNMAP), { data: new Uint8Array(512) });
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 512 });
    expect(unit.calls).toEqual(['deallocate 5+5000']);
  });

  it('writes what would not read as it was sent', async () => {
    await fixture.send(blockCdb(opcode, 5, 2, UNMAP), { data: pattern(512) });
    expect(unit.calls).toEqual(['write 5+2']);
    expect(unit.content.subarray(6 * 512, 7 * 512)).toEqual(pattern(512));
  });

  it('still knows no ANCHOR', async () => {
    for (const options of [0x10, 0x18]) {
      const reply = await fixture.send(blockCdb(opcode, 5, 2, options), { data: new Uint8Array(512) });
      expect(reply.verdict).toBe('5/24/00');
    }
  });
});

describe('GET LBA STATUS', () => {
  it('tells mapped blocks from given back ones, from the LBA that was asked for', async () => {
    await fixture.send(blockCdb(OPCODE.write16, 10, 6), { data: pattern(6 * 512) });
    await unmap(range(12, 1));
    expect(await lbaStatus(8)).toEqual([
      '00000000000000080000000201000000',
      '000000000000000a0000000200000000',
      '000000000000000c0000000101000000',
      '000000000000000d0000000300000000',
      `0000000000000010${(BLOCK_COUNT - 16).toString(16).padStart(8, '0')}01000000`,
    ]);
    expect(await lbaStatus(11, 24)).toEqual(['000000000000000b0000000100000000']);
    expect(await lbaStatus(BLOCK_COUNT - 1)).toEqual(['00000000002dc6bf0000000101000000']);
  });

  it('refuses an LBA beyond the end', async () => {
    for (const lba of ['00000000002dc6c0', '8000000000000000', 'ffffffffffffffff']) {
      expect((await fixture.send(`9e12${lba}000000180000`)).verdict).toBe('5/21/00');
    }
  });

  it('is cut to the allocation length', async () => {
    const whole = (await fixture.send('9e12000000000000000000000018 0000'.replace(' ', ''))).dataIn!;
    for (let length = 0; length < 24; length++) {
      const cdb = fromHex('9e120000000000000000000000000000');
      cdb[13] = length;
      expect((await fixture.send(cdb)).dataIn).toEqual(whole.subarray(0, length));
    }
  });
});
