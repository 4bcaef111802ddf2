import { describe, expect, it } from 'vitest';
import {
  answered,
  decodeSlot,
  encodeRequestPart,
  type RequestBlock,
  type SlotContent,
} from '../../../src/interface-block/block.ts';
import { decodeLabel } from '../../../src/interface-block/label.ts';
import { decodeRefusal } from '../../../src/interface-block/message.ts';
import { STATUS } from '../../../src/interface-block/status.ts';
import { SCSI_STATUS, ScsiFault } from '../../../src/scsi/fault.ts';
import { createCommandDevice } from '../../../src/array/command-device/command-device.ts';
import { refusal } from '../../../src/array/command-device/request-table.ts';
import type { CommandOutcome, CommandRequest } from '../../../src/array/command-device/types.ts';
import { createFakeClock, settle, type FakeClock } from '../../support/fake-clock.ts';

const EDITED = new TextEncoder().encode('edited data of the answer');

interface Bench {
  readonly clock: FakeClock;
  readonly device: ReturnType<typeof createCommandDevice>;
  readonly requests: CommandRequest[];
  /** Ends the oldest execution that is under way. */
  readonly finish: (outcome?: CommandOutcome) => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
  readonly write: (slot: number, block: Uint8Array) => Promise<void>;
  readonly read: (slot: number) => Promise<Uint8Array>;
}

function bench(blockSize: 512 | 4096 = 512): Bench {
  const clock = createFakeClock();
  const requests: CommandRequest[] = [];
  const underWay: { resolve: (outcome: CommandOutcome) => void; reject: (error: Error) => void }[] = [];
  const device = createCommandDevice({
    lun: 3,
    name: 'cmd',
    serial: 'TOKYO0003',
    worldWideName: new Uint8Array(16).fill(6),
    arraySerial: 'TOKYO',
    arrayName: 'tokyo',
    blockSize,
    clock,
    commandNumber: () => requests.length + 40,
    execute: (request) => {
      requests.push(request);
      return new Promise((resolve, reject) => underWay.push({ resolve, reject }));
    },
  });
  return {
    clock,
    device,
    requests,
    async finish(outcome = { status: 0, editedData: EDITED }) {
      underWay.shift()!.resolve(outcome);
      await settle();
    },
    async fail(error) {
      underWay.shift()!.reject(error);
      await settle();
    },
    write: (slot, block) => device.write((16384 + slot * 16384) / blockSize, block, { forceUnitAccess: false }),
    read: (slot) => device.read((16384 + slot * 16384) / blockSize, 16384 / blockSize),
  };
}

function request(number: number, more: Partial<RequestBlock> = {}): RequestBlock {
  return {
    process: 0x20,
    editedDataWanted: true,
    requestId: number.toString(16).padStart(32, '0'),
    arraySerial: 'TOKYO',
    admissionNumber: 40,
    page: 0,
    host: 'test',
    input: new TextEncoder().encode('oradb'.padEnd(32, '\0')),
    ...more,
  };
}

const block = (number: number, more: Partial<RequestBlock> = {}): Uint8Array =>
  encodeRequestPart(request(number, more));

async function contentOf(reading: Promise<Uint8Array>): Promise<SlotContent> {
  const slot = decodeSlot(await reading);
  if (!slot.ok || slot.value.state === 'free') throw new Error(`not occupied: ${JSON.stringify(slot)}`);
  return slot.value;
}

async function isFree(reading: Promise<Uint8Array>): Promise<boolean> {
  return (await reading).every((byte) => byte === 0);
}

async function faultOf(io: Promise<unknown>): Promise<ScsiFault> {
  return io.then(
    () => Promise.reject(new Error('no fault')),
    (error: unknown) => (error instanceof ScsiFault ? error : Promise.reject(error)),
  );
}

describe('the label', () => {
  it.each([512, 4096] as const)('is made for every READ, with %i-byte blocks', async (blockSize) => {
    const { device, write } = bench(blockSize);
    const before = decodeLabel(await device.read(0, 4096 / blockSize));
    await write(0, block(1));
    const after = decodeLabel(await device.read(0, 4096 / blockSize));
    expect(before).toMatchObject({
      ok: true,
      value: { arraySerial: 'TOKYO', arrayName: 'tokyo', blockSize, commandNumber: 40 },
    });
    expect(after).toMatchObject({ ok: true, value: { commandNumber: 41, memory: 4096 } });
  });

  it('reads the same in any cut', async () => {
    const { device } = bench();
    const whole = await device.read(0, 16);
    const blocks = await Promise.all(Array.from({ length: 16 }, (_, lba) => device.read(lba, 1)));
    expect(Buffer.concat(blocks)).toEqual(Buffer.from(whole));
  });

  it('leaves zeros between itself and the slots, and in free slots', async () => {
    const { device } = bench();
    const whole = await device.read(0, device.blockCount);
    expect(whole.length).toBe(16384 + 64 * 16384);
    expect(whole.subarray(4096).every((byte) => byte === 0)).toBe(true);
  });
});

describe('WRITE', () => {
  it('hands the command to the executor and is answered before its end', async () => {
    const { write, requests } = bench();
    await write(5, block(1, { editedDataWanted: true }));
    const { input, inputCrc, ...rest } = requests[0]!;
    expect(rest).toEqual({
      requestId: '0'.repeat(31) + '1',
      process: 0x20,
      admissionNumber: 40,
      host: 'test',
      editedDataWanted: true,
    });
    expect(new TextDecoder().decode(input)).toBe('oradb'.padEnd(32, '\0'));
    expect(inputCrc).toBeGreaterThan(0);
  });

  it.each([
    ['the label', 0, 4096],
    ['the padding behind the label', 4096, 4096],
    ['the middle of a slot', 16384 + 4096, 4096],
    ['half a block at a slot', 16384, 2048],
    ['two blocks at a slot', 16384, 8192],
    ['behind the last slot', 16384 + 64 * 16384, 4096],
  ])('to %s stores nothing: INVALID FIELD IN CDB', async (_where, offset, length) => {
    const { device, requests } = bench();
    const data = new Uint8Array(length);
    data.set(block(1).subarray(0, length));
    const fault = await faultOf(device.write(offset / 512, data, { forceUnitAccess: false }));
    expect(fault).toMatchObject({ status: SCSI_STATUS.checkCondition, sense: { key: 5, asc: 0x24, ascq: 0 } });
    expect(requests).toEqual([]);
    expect((await device.read(32, device.blockCount - 32)).every((byte) => byte === 0)).toBe(true);
  });

  it('of what is no interface block stores nothing: INVALID FIELD IN PARAMETER LIST', async () => {
    const { write, read, requests } = bench();
    for (let at = 0; at < 8; at++) {
      const data = block(1);
      data[at]! ^= 0x20;
      expect(await faultOf(write(0, data))).toMatchObject({ sense: { key: 5, asc: 0x26, ascq: 0 } });
    }
    expect(requests).toEqual([]);
    expect(await isFree(read(0))).toBe(true);
  });

  it('of a torn block is never executed, whichever byte is wrong', async () => {
    const { write, read, requests } = bench();
    const sound = block(1);
    for (let at = 8; at < 256 + 32 + 8; at++) {
      const data = sound.slice();
      data[at]! ^= 1;
      await write(at % 64, data);
      const answer = await contentOf(read(at % 64));
      expect(answer).toMatchObject({ state: 'complete', status: STATUS['bad-block'], arraySerial: 'TOKYO' });
      expect(decodeRefusal(answer.editedPage)).toMatch(/expected/);
    }
    expect(requests).toEqual([]);
  });

  it('for another array is never executed', async () => {
    const { write, read, requests } = bench();
    await write(0, block(1, { arraySerial: 'OSAKA' }));
    const answer = await contentOf(read(0));
    expect(answer).toMatchObject({
      status: STATUS['wrong-array'],
      arraySerial: 'TOKYO',
      requestId: request(1).requestId,
    });
    expect(decodeRefusal(answer.editedPage)).toBe('this is array TOKYO, not OSAKA');
    expect(requests).toEqual([]);
  });

  it('does not look at the array that was written after the call', async () => {
    const { write, read, finish, requests } = bench();
    const data = Buffer.from(block(1));
    await write(0, data);
    data.fill(0xff);
    await finish();
    expect(await contentOf(read(0))).toMatchObject({ host: 'test', status: 0, input: request(1).input });
    expect(requests[0]!.input).toEqual(request(1).input);
  });
});

describe('an occupied slot', () => {
  it('answers another request with RESERVATION CONFLICT and keeps its own', async () => {
    const { write, read, finish, requests } = bench();
    await write(7, block(1));
    expect(await faultOf(write(7, block(2)))).toMatchObject({ status: SCSI_STATUS.reservationConflict });
    await finish();
    expect(await faultOf(write(7, block(2)))).toMatchObject({ status: SCSI_STATUS.reservationConflict });
    expect(requests.length).toBe(1);
    expect((await contentOf(read(7))).requestId).toBe(request(1).requestId);
  });

  it('takes the same block again without a second execution', async () => {
    const { write, finish, requests, read } = bench();
    await write(7, block(1));
    await write(7, block(1));
    expect(requests.length).toBe(1);
    await finish();
    expect((await contentOf(read(7))).editedPage).toEqual(EDITED);
  });

  it('refuses the same request id with other content while it is executing', async () => {
    const { write } = bench();
    await write(7, block(1));
    expect(await faultOf(write(7, block(1, { process: 0x21 })))).toMatchObject({
      status: SCSI_STATUS.reservationConflict,
    });
  });

  it('is not taken by a torn block', async () => {
    const { write, read, finish } = bench();
    await write(7, block(1));
    const torn = block(1);
    torn[300] = 9;
    expect(await faultOf(write(7, torn))).toMatchObject({ status: SCSI_STATUS.reservationConflict });
    await finish();
    expect((await contentOf(read(7))).status).toBe(0);
  });

  it('may be taken 60 seconds after an answer that nobody read, and not before', async () => {
    const { write, read, finish, clock } = bench();
    await write(7, block(1));
    await finish();
    await clock.advance(59_999);
    expect(await faultOf(write(7, block(2)))).toMatchObject({ status: SCSI_STATUS.reservationConflict });
    await clock.advance(1);
    await write(7, block(2));
    await finish();
    expect((await contentOf(read(7))).requestId).toBe(request(2).requestId);
  });

  it('is never taken while its command is being executed', async () => {
    const { write, clock } = bench();
    await write(7, block(1));
    await clock.advance(3_600_000);
    expect(await faultOf(write(7, block(2)))).toMatchObject({ status: SCSI_STATUS.reservationConflict });
  });
});

describe('READ of an unfinished slot', () => {
  it('is held and answered the moment the result is there', async () => {
    const { write, read, finish, clock } = bench();
    await write(2, block(1));
    const reading = contentOf(read(2));
    await clock.advance(100);
    await finish();
    expect(await reading).toMatchObject({ state: 'complete', editedPage: EDITED });
    expect(clock.monotonicMs()).toBe(100);
    expect(clock.pending()).toBe(0);
  });

  it('shows the unfinished block after 500 ms', async () => {
    const { write, read, clock } = bench();
    await write(2, block(1));
    const reading = contentOf(read(2));
    let answered = false;
    void reading.then(() => (answered = true));
    await clock.advance(499);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(await reading).toMatchObject({ state: 'executing', status: 0, editedLength: 0, input: request(1).input });
  });

  it('gives the answer to all who wait for it', async () => {
    const { write, read, finish } = bench();
    await write(2, block(1));
    const readings = [contentOf(read(2)), contentOf(read(2))];
    await finish();
    for (const answer of await Promise.all(readings)) expect(answer.editedPage).toEqual(EDITED);
    expect(await isFree(read(2))).toBe(true);
  });

  it('waits in bounded number', async () => {
    const { write, read, clock } = bench();
    await write(2, block(1));
    const readings = Array.from({ length: 300 }, () => contentOf(read(2)));
    await settle();
    expect(clock.pending()).toBe(256);
    await clock.advance(500);
    expect((await Promise.all(readings)).every((answer) => answer.state === 'executing')).toBe(true);
  });

  it('does not wait where it covers only a part, or an answer that is ready', async () => {
    const { device, write, read, finish, clock } = bench();
    await write(2, block(1));
    expect((await device.read((16384 * 3) / 512, 8)).length).toBe(4096);
    await write(3, block(2));
    await finish();
    const both = await device.read((16384 * 3) / 512, 64);
    expect(decodeSlot(both.subarray(0, 16384))).toMatchObject({ ok: true, value: { state: 'complete' } });
    expect(decodeSlot(both.subarray(16384))).toMatchObject({ ok: true, value: { state: 'executing' } });
    expect(await isFree(read(2))).toBe(true);
    expect(clock.monotonicMs()).toBe(0);
  });
});

describe('S905-S906', () => {
  it('deletes the block once a READ has delivered the whole slot', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1));
    await finish();
    expect((await contentOf(read(4))).editedPage).toEqual(EDITED);
    expect(await isFree(read(4))).toBe(true);
  });

  it('keeps the block where a READ delivered only parts', async () => {
    const { device, write, read, finish } = bench();
    await write(4, block(1));
    await finish();
    const parts = [await device.read((16384 * 5) / 512, 16), await device.read((16384 * 5) / 512 + 16, 16)];
    expect(decodeSlot(Buffer.concat(parts))).toMatchObject({ ok: true, value: { state: 'complete' } });
    expect((await contentOf(read(4))).state).toBe('complete');
  });

  it('deletes the block at completion where no edited data is wanted', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1, { editedDataWanted: false }));
    const reading = read(4);
    await finish();
    expect(await isFree(reading)).toBe(true);
  });

  it('answers a refusal even where no edited data is wanted', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1, { editedDataWanted: false }));
    await finish(refusal('not-found', 'no group oradb'));
    const answer = await contentOf(read(4));
    expect(answer.status).toBe(STATUS['not-found']);
    expect(decodeRefusal(answer.editedPage)).toBe('no group oradb');
  });
});

describe('what the executor does wrong', () => {
  it('becomes status internal where it rejects', async () => {
    const { write, read, fail } = bench();
    await write(4, block(1));
    await fail(new Error('a mistake'));
    const answer = await contentOf(read(4));
    expect(answer.status).toBe(STATUS.internal);
    expect(decodeRefusal(answer.editedPage)).toBe('a mistake');
  });

  it('becomes status internal where the status does not exist', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1));
    await finish({ status: 70_000, editedData: EDITED });
    expect((await contentOf(read(4))).status).toBe(STATUS.internal);
  });

  it('becomes limit-reached where the edited data is too large', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1));
    await finish({ status: 0, editedData: new Uint8Array(16 * 1024 * 1024 + 1) });
    expect((await contentOf(read(4))).status).toBe(STATUS['limit-reached']);
  });

  it('is cut to one page where a message is too long', async () => {
    const { write, read, finish } = bench();
    await write(4, block(1));
    await finish({ status: STATUS.unsafe, editedData: new Uint8Array(20_000).fill(0x41) });
    expect((await contentOf(read(4))).editedPage.length).toBe(12_288);
  });
});

describe('paging', () => {
  const large = Uint8Array.from({ length: 30_000 }, (_, index) => index % 251);

  it('delivers every page from one execution', async () => {
    const { write, read, finish, requests } = bench();
    await write(0, block(1));
    await finish({ status: 0, editedData: large });
    const pages = [await contentOf(read(0))];
    for (const page of [1, 2]) {
      await write(page, block(1, { page }));
      pages.push(await contentOf(read(page)));
    }
    expect(requests.length).toBe(1);
    expect(Buffer.concat(pages.map((page) => page.editedPage))).toEqual(Buffer.from(large));
    expect(pages.map((page) => page.page)).toEqual([0, 1, 2]);
    expect(new Set(pages.map((page) => page.wholeCrc)).size).toBe(1);
  });

  it('delivers page 0 again without executing again', async () => {
    const { write, read, finish, requests } = bench();
    await write(0, block(1));
    await finish({ status: 0, editedData: large });
    await read(0);
    await write(9, block(1));
    expect((await contentOf(read(9))).pageCount).toBe(3);
    expect(requests.length).toBe(1);
  });

  it('refuses a page that does not exist, another content, and a forgotten request', async () => {
    const { write, read, finish } = bench();
    await write(0, block(1));
    await finish({ status: 0, editedData: large });
    await read(0);
    await write(1, block(1, { page: 3 }));
    expect(await contentOf(read(1))).toMatchObject({ status: STATUS['bad-parameter'], page: 0, pageCount: 1 });
    await write(2, block(1, { page: 1, process: 2 }));
    expect((await contentOf(read(2))).status).toBe(STATUS['request-reused']);
    await write(3, block(2, { page: 1 }));
    expect((await contentOf(read(3))).status).toBe(STATUS['request-expired']);
  });

  it('forgets the oldest of more than 64 results', async () => {
    const { write, read, finish } = bench();
    for (let number = 1; number <= 65; number++) {
      await write(0, block(number));
      await finish({ status: 0, editedData: large });
      await read(0);
    }
    await write(0, block(1, { page: 1 }));
    expect((await contentOf(read(0))).status).toBe(STATUS['request-expired']);
    await write(0, block(2, { page: 1 }));
    expect((await contentOf(read(0))).page).toBe(1);
  });
});

it('answers what the block codec says it should', async () => {
  const { write, read, finish } = bench();
  await write(0, block(1));
  await finish();
  expect(await contentOf(read(0))).toEqual(answered(request(1), 0, EDITED));
});
