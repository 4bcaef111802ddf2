import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { blockCdb } from '../../../src/scsi/cdb.ts';
import { checkCondition, SCSI_STATUS, ScsiFault } from '../../../src/scsi/fault.ts';
import { OPCODE } from '../../../src/scsi/opcode.ts';
import { channelFixture, memoryUnit, pattern } from './channel-fixture.ts';

const READS = [OPCODE.read6, OPCODE.read10, OPCODE.read12, OPCODE.read16];
const WRITES = [OPCODE.write6, OPCODE.write10, OPCODE.write12, OPCODE.write16];
const TWO_BLOCKS = pattern(1024);

describe('READ', () => {
  it.each(READS)('%i reaches the unit as one call', async (opcode) => {
    const unit = memoryUnit();
    unit.content.set(pattern(unit.content.length));
    const { send } = await channelFixture([unit]);
    const reply = await send(blockCdb(opcode, 5, 2));
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 0 });
    expect(reply.dataIn).toEqual(unit.content.slice(5 * 512, 7 * 512));
    expect(unit.calls).toEqual(['read 5+2']);
  });

  it('of 0 blocks touches nothing; a 0 in READ(6) means 256', async () => {
    const unit = memoryUnit({ blockCount: 256 });
    const { send } = await channelFixture([unit]);
    for (const opcode of READS.slice(1)) expect(await send(blockCdb(opcode, 0, 0))).toMatchObject({ verdict: 'good' });
    expect(unit.calls).toEqual([]);
    expect((await send('08 00 00 00 00 00')).dataIn!.length).toBe(256 * 512);
    expect(unit.calls).toEqual(['read 0+256']);
  });

  it('with FUA reads what has reached the medium', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    await send(blockCdb(OPCODE.read10, 0, 1, 0x08));
    expect(unit.calls).toEqual(['flush', 'read 0+1']);
  });

  it('reads no more than the initiator has room for, and says how much there was', async () => {
    const unit = memoryUnit();
    unit.content.set(pattern(unit.content.length));
    const { send } = await channelFixture([unit]);
    const answers = [];
    for (const room of [0, 200, 512, 513, 4096]) {
      const { dataIn, producedDataIn } = await send(blockCdb(OPCODE.read10, 5, 2), { room });
      if (dataIn) expect(dataIn).toEqual(unit.content.slice(5 * 512, 5 * 512 + dataIn.length));
      answers.push([dataIn?.length, producedDataIn]);
    }
    expect(answers).toEqual([undefined, 512, 512, 1024, 1024].map((length) => [length, 1024]));
    expect(unit.calls).toEqual(['read 5+1', 'read 5+1', 'read 5+2', 'read 5+2']);
  });

  it('takes 65536 blocks and 32 MiB, and not one block more', async () => {
    const read = async (_lba: number, count: number) => new Uint8Array(count);
    const { send } = await channelFixture([
      memoryUnit({ lun: 0, blockCount: 2 ** 30, read }),
      memoryUnit({ lun: 1, blockCount: 2 ** 30, blockSize: 4096, read }),
    ]);
    for (const [lun, limit] of [
      [0, 65536],
      [1, 8192],
    ] as const) {
      expect((await send(blockCdb(OPCODE.read16, 0, limit), { lun })).verdict).toBe('good');
      expect((await send(blockCdb(OPCODE.read16, 0, limit + 1), { lun })).verdict).toBe('5/24/00');
    }
  });
});

describe('WRITE', () => {
  it.each(WRITES)('%i reaches the unit as one call', async (opcode) => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    expect(await send(blockCdb(opcode, 5, 2), { data: TWO_BLOCKS })).toMatchObject({
      verdict: 'good',
      wantedDataOut: 1024,
    });
    expect(unit.content.subarray(5 * 512, 7 * 512)).toEqual(TWO_BLOCKS);
    expect(unit.calls).toEqual(['write 5+2']);
  });

  it('with FUA asks for durability; FUA_NV and a group number are let pass', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    await send(blockCdb(OPCODE.write16, 1, 2, 0x18), { data: TWO_BLOCKS });
    await send('2a 02 00000001 1f 0002 00', { data: TWO_BLOCKS });
    expect(unit.calls).toEqual(['write 1+2 fua', 'write 1+2']);
  });

  /** reference/iscsi.md 2.5: EDTL shorter than the CDB's length writes what came, longer only what the CDB names. */
  it.each([
    [0, ''],
    [200, 'read 5+1,write 5+1'],
    [512, 'write 5+1'],
    [1000, 'read 6+1,write 5+2'],
    [1024, 'write 5+2'],
    [10000, 'write 5+2'],
  ])('with %i bytes announced for two blocks', async (announced, call) => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    unit.content.fill(0xee);
    const data = pattern(announced);
    const reply = await send(blockCdb(OPCODE.write10, 5, 2), { data, announced });
    expect(reply).toMatchObject({ verdict: 'good', wantedDataOut: 1024 });
    expect(unit.calls.join()).toBe(call);
    const written = Math.min(announced, 1024);
    expect(unit.content.subarray(5 * 512, 5 * 512 + written)).toEqual(data.subarray(0, written));
    expect(unit.content.subarray(5 * 512 + written).every((byte) => byte === 0xee)).toBe(true);
  });

  /** Each of 8 hosts writes the first bytes of a block, one more than the one before; none may put back what another has written. */
  it('has the block for itself in which the data end', async () => {
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
    const opcodes = [...WRITES, OPCODE.writeAndVerify10].filter((opcode) => opcode !== OPCODE.write6);
    const lengths = opcodes.map((_opcode, index) => 100 - index);
    await Promise.all(
      opcodes.map((opcode, index) => {
        const data = new Uint8Array(lengths[index]!).fill(index + 1);
        return send(blockCdb(opcode, 0, 1), { data, announced: data.length });
      }),
    );
    const expected = new Uint8Array(512);
    lengths.forEach((length, index) => expected.fill(index + 1, 0, length));
    expect(content).toEqual(expected);
  });

  it('takes nothing from data that broke off', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    for (const opcode of [...WRITES, OPCODE.writeAndVerify10, OPCODE.verify10]) {
      const options = opcode === OPCODE.verify10 ? 2 : 0;
      const cdb = blockCdb(opcode, 5, 2, options);
      expect((await send(cdb, { data: TWO_BLOCKS.subarray(0, 700), announced: 1024 })).verdict).toBe('b/4b/00');
    }
    expect(unit.calls).toEqual([]);
  });

  it('does not start once the task is aborted', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    const reply = await send(blockCdb(OPCODE.write10, 5, 2), { data: TWO_BLOCKS, signal: AbortSignal.abort() });
    expect(reply.status).toBe(SCSI_STATUS.taskAborted);
    expect(unit.calls).toEqual([]);
  });
});

describe('faults of the unit', () => {
  it('are answered as they are', async () => {
    const faults: readonly [ScsiFault, string][] = [
      [new ScsiFault(SCSI_STATUS.reservationConflict, 'slot occupied'), 'status 18'],
      [new ScsiFault(SCSI_STATUS.busy, 'busy'), 'status 8'],
      [checkCondition(5, 0x26, 0, 'no interface block'), '5/26/00'],
    ];
    for (const [fault, verdict] of faults) {
      const failing = memoryUnit({ read: () => Promise.reject(fault), write: () => Promise.reject(fault) });
      const { send } = await channelFixture([failing]);
      expect((await send(blockCdb(OPCODE.read10, 0, 1))).verdict).toBe(verdict);
      expect((await send(blockCdb(OPCODE.write10, 0, 2), { data: TWO_BLOCKS })).verdict).toBe(verdict);
    }
  });

  it.each(['ENOSPC', 'EDQUOT'])(
    'is SPACE ALLOCATION FAILED where its disk is full (%s), and told to the array',
    async (code) => {
      const told: unknown[] = [];
      const full = Object.assign(new Error('no room'), { code });
      const unit = memoryUnit({ write: () => Promise.reject(full) });
      const { send } = await channelFixture([unit], { onInternalError: (...args) => told.push(args) });
      expect((await send(blockCdb(OPCODE.write10, 0, 2), { data: TWO_BLOCKS })).verdict).toBe('7/27/07');
      expect(told).toEqual([[full, 'WRITE(10)', 0]]);
    },
  );

  it('that nobody foresaw are INTERNAL TARGET FAILURE, and told to the array', async () => {
    const told: unknown[] = [];
    const unit = memoryUnit({ read: () => Promise.reject(new Error('EIO')) });
    const { send } = await channelFixture([unit], { onInternalError: (...args) => told.push(args) });
    expect((await send(blockCdb(OPCODE.read10, 0, 1))).verdict).toBe('4/44/00');
    expect(told).toEqual([[new Error('EIO'), 'READ(10)', 0]]);
  });
});

describe('concurrency', () => {
  it('lets nothing wait for a READ that is held', async () => {
    let answer: (data: Uint8Array) => void = () => undefined;
    const held = new Promise<Uint8Array>((resolve) => (answer = resolve));
    const unit = memoryUnit({
      kind: 'command-device',
      read: (lba) => (lba === 8 ? held : Promise.resolve(new Uint8Array(512))),
    });
    const { send } = await channelFixture([unit]);
    const reading = send(blockCdb(OPCODE.read10, 8, 1));
    expect((await send(blockCdb(OPCODE.read10, 9, 1))).verdict).toBe('good');
    expect((await send(blockCdb(OPCODE.write10, 8, 1), { data: pattern(512) })).verdict).toBe('good');
    expect((await send('00 00 00 00 00 00')).verdict).toBe('good');
    answer(pattern(512));
    expect(toHex((await reading).dataIn!)).toBe(toHex(pattern(512)));
  });

  it('starts commands in the order in which they came', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    await Promise.all(
      [0, 1, 2, 3].map((lba) =>
        send(blockCdb(lba % 2 ? OPCODE.read10 : OPCODE.write10, lba, 1), { data: pattern(lba % 2 ? 0 : 512) }),
      ),
    );
    expect(unit.calls).toEqual(['write 0+1', 'read 1+1', 'write 2+1', 'read 3+1']);
  });
});

describe('SYNCHRONIZE CACHE and PRE-FETCH', () => {
  it('flush, and do nothing', async () => {
    const unit = memoryUnit();
    const { send } = await channelFixture([unit]);
    for (const opcode of [OPCODE.synchronizeCache10, OPCODE.synchronizeCache16]) {
      for (const cdb of [blockCdb(opcode, 0, 0), blockCdb(opcode, 0, 64), blockCdb(opcode, 60, 4, 0x02)]) {
        expect((await send(cdb)).verdict).toBe('good');
      }
      expect((await send(blockCdb(opcode, 60, 5))).verdict).toBe('5/21/00');
    }
    expect(unit.calls).toEqual(Array.from({ length: 6 }, () => 'flush'));
    for (const opcode of [OPCODE.preFetch10, OPCODE.preFetch16]) {
      expect((await send(blockCdb(opcode, 0, 64, 0x02))).status).toBe(SCSI_STATUS.good);
      expect((await send(blockCdb(opcode, 1, 64))).verdict).toBe('5/21/00');
    }
    expect(unit.calls.length).toBe(6);
  });
});
