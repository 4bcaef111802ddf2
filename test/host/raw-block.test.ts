import { describe, expect, it } from 'vitest';
import { decodeSlot, encodeRequestPart } from '../../src/interface-block/block.ts';
import { sendRawBlock, type RawAnswer } from '../../src/host/raw-block.ts';
import { readLabel } from '../../src/host/label-check.ts';
import { LunError } from '../../src/lun/lun.ts';
import { createUnitLun, type LunFaults } from '../support/unit-lun.ts';
import { failureOf, hostBench, lost, type HostBench } from './bench.ts';

const block = (more: { editedDataWanted?: boolean; arraySerial?: string } = {}): Uint8Array =>
  encodeRequestPart({
    process: 0x12,
    editedDataWanted: true,
    requestId: 'ef'.repeat(16),
    arraySerial: 'TOKYO',
    admissionNumber: 0,
    page: 0,
    host: 'by hand',
    input: new Uint8Array(32),
    ...more,
  });

function send(bench: HostBench, bytes: Uint8Array, faults: LunFaults = {}, serial = 'TOKYO'): Promise<RawAnswer> {
  const lun = createUnitLun('one', () => bench.array.device(), faults);
  return sendRawBlock({ array: 'tokyo', serial, lun, block: bytes, slot: 62, clock: bench.clock, timeoutMs: 2_000 });
}

describe('sending a block as it is', () => {
  it('writes it once and gives back the slot', async () => {
    const bench = hostBench();
    const { slot, answer, label } = await bench.clock.run(send(bench, block()));
    expect(slot).toBe(62);
    expect(label.arraySerial).toBe('TOKYO');
    expect(decodeSlot(answer!)).toMatchObject({ ok: true, value: { state: 'complete', status: 0, host: 'by hand' } });
  });

  it('shows what the array says to a torn one', async () => {
    const bench = hostBench();
    const { answer } = await bench.clock.run(send(bench, block().with(200, 1)));
    expect(decodeSlot(answer!)).toMatchObject({ ok: true, value: { status: 1 } });
    expect(bench.array.executed).toEqual([]);
  });

  it('has no answer where none was wanted', async () => {
    const bench = hostBench();
    expect((await bench.clock.run(send(bench, block({ editedDataWanted: false })))).answer).toBeUndefined();
    expect(bench.array.effects.length).toBe(1);
  });

  it('takes the next slots where some are occupied', async () => {
    const bench = hostBench();
    let conflicts = 0;
    const beforeWrite = (): void => {
      if (conflicts++ < 3) throw new LunError('reservation-conflict', 'one', 'occupied');
    };
    expect((await bench.clock.run(send(bench, block(), { beforeWrite }))).slot).toBe(1);
  });

  it('takes other slots where the path has no name for an occupied one, and proves the device again before each', async () => {
    const bench = hostBench();
    const order: string[] = [];
    let failures = 3;
    const faults: LunFaults = {
      beforeWrite() {
        order.push('write');
        if (failures-- > 0) throw new LunError('io-error', 'one', 'EIO', { outcome: 'unknown' });
      },
      afterRead(data) {
        order.push('read');
        return data;
      },
    };
    expect((await bench.clock.run(send(bench, block(), faults))).slot).toBe(1);
    expect(order.slice(0, 8)).toEqual(['read', 'write', 'read', 'write', 'read', 'write', 'read', 'write']);
    order.length = 0;
    failures = Number.POSITIVE_INFINITY;
    expect(await failureOf(bench.clock, send(bench, block(), faults))).toMatchObject({ kind: 'outcome-unknown' });
    expect(order.filter((what) => what === 'write').length).toBe(9);
  });

  it('writes nothing to what is not proven', async () => {
    const bench = hostBench();
    let writes = 0;
    const beforeWrite = (): void => void writes++;
    expect(await failureOf(bench.clock, send(bench, block(), { beforeWrite }, 'OSAKA'))).toMatchObject({
      kind: 'wrong-array',
    });
    const zeros = { beforeWrite, afterRead: (data: Uint8Array) => new Uint8Array(data.length) };
    expect(await failureOf(bench.clock, send(bench, block(), zeros))).toMatchObject({ kind: 'not-a-command-device' });
    expect(writes).toBe(0);
  });

  it('fails by kinds', async () => {
    const bench = hostBench();
    const throwing = (error: LunError) => () => {
      throw error;
    };
    const occupied = { beforeWrite: throwing(new LunError('reservation-conflict', 'one', 'occupied')) };
    expect(await failureOf(bench.clock, send(bench, block(), occupied))).toMatchObject({ kind: 'busy' });
    const refused = { beforeWrite: throwing(new LunError('check-condition', 'one', 'invalid field')) };
    expect(await failureOf(bench.clock, send(bench, block(), refused))).toMatchObject({ kind: 'refused' });
    expect(await failureOf(bench.clock, send(bench, block().with(0, 0)))).toMatchObject({
      kind: 'refused',
      message: 'the data written is no interface block',
    });
    const gone = { beforeWrite: throwing(new LunError('no-path', 'one', 'one: refused')) };
    expect(await failureOf(bench.clock, send(bench, block(), gone))).toMatchObject({ kind: 'no-path' });
    expect(await failureOf(bench.clock, send(bench, block(), { afterWrite: throwing(lost('one')) }))).toMatchObject({
      kind: 'outcome-unknown',
    });
    const never = hostBench({ decide: () => new Promise<never>(() => undefined) });
    expect(await failureOf(never.clock, send(never, block()))).toMatchObject({ kind: 'outcome-unknown' });
    await expect(send(bench, new Uint8Array(512))).rejects.toThrow(RangeError);
  });
});

describe('reading a label', () => {
  it('reads only', async () => {
    const bench = hostBench({ blockSize: 4096 });
    const lun = createUnitLun('one', () => bench.array.device());
    expect(await readLabel(lun)).toMatchObject({ ok: true, value: { arrayName: 'tokyo', blockSize: 4096 } });
  });

  it('says what is missing', async () => {
    const bench = hostBench();
    const lun = createUnitLun('one', () => bench.array.device(), { afterRead: (data) => data.with(3, 0) });
    expect(await readLabel(lun)).toMatchObject({ ok: false, violation: { field: 'label.magic' } });
  });
});
