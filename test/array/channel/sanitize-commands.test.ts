import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { blockCdb } from '../../../src/scsi/cdb.ts';
import { OPCODE } from '../../../src/scsi/opcode.ts';
import { decodeSense } from '../../../src/scsi/sense.ts';
import { sanitizeCdb } from '../../../src/scsi/sanitize.ts';
import { channelFixture, memoryUnit, sanitizerDouble } from './channel-fixture.ts';

const OVERWRITE = 0x01;
const BLOCK_ERASE = 0x02;
const EXIT = 0x1f;
const PATTERN = fromHex('81000002a55a');
const TEST_UNIT_READY = '000000000000';

async function erasable() {
  const double = sanitizerDouble();
  const fixture = await channelFixture([
    memoryUnit({ thin: true, sanitize: double.sanitizer }),
    memoryUnit({ lun: 1 }),
    memoryUnit({ lun: 2, thin: true, sanitize: double.sanitizer, encrypted: true }),
  ]);
  fixture.server.nexusOpened('b');
  await fixture.settle('b');
  return { ...fixture, ...double };
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe('SANITIZE', () => {
  it('is answered when it is done, with what it was asked for', async () => {
    const { send, state, goOn } = await erasable();
    const reply = send(sanitizeCdb(OVERWRITE, 6), { data: PATTERN });
    await turns();
    expect(state.begun).toEqual([
      { method: 'overwrite', passes: 1, invert: true, pattern: Uint8Array.of(0xa5, 0x5a), allowExit: false },
    ]);
    goOn({ state: 'running', progress: 0.5, allowExit: false });
    await turns();
    goOn(undefined);
    expect(await reply).toMatchObject({ verdict: 'good', wantedDataOut: 6 });
    expect((await send(sanitizeCdb(BLOCK_ERASE, 0, true))).verdict).toBe('good');
    expect(state.begun[1]).toMatchObject({ method: 'block-erase', allowExit: false });
  });

  it('by CRYPTO ERASE is for units that are encrypted only', async () => {
    const { send, state, units } = await erasable();
    const CRYPTO_ERASE = 0x03;
    expect((await send(sanitizeCdb(CRYPTO_ERASE))).verdict).toBe('5/24/00');
    expect((await send(sanitizeCdb(CRYPTO_ERASE, 8), { lun: 2, data: new Uint8Array(8) })).verdict).toBe('5/24/00');
    units[2]!.setAccess('read-only');
    expect((await send(sanitizeCdb(CRYPTO_ERASE), { lun: 2 })).verdict).toBe('7/27/00');
    expect(state.begun).toEqual([]);
    units[2]!.setAccess('read-write');
    expect((await send(sanitizeCdb(CRYPTO_ERASE, 0, true), { lun: 2 })).verdict).toBe('good');
    expect(state.begun).toMatchObject([{ method: 'crypto-erase', allowExit: false }]);
  });

  it('leaves INQUIRY, REPORT LUNS and REQUEST SENSE, which tells how far it is', async () => {
    const { send, goOn } = await erasable();
    await send(sanitizeCdb(BLOCK_ERASE, 0, true));
    goOn({ state: 'running', progress: 0.25, allowExit: false });
    const others = [
      TEST_UNIT_READY,
      blockCdb(OPCODE.read10, 0, 1),
      '1b0000000100',
      '1a003f00ff00',
      sanitizeCdb(BLOCK_ERASE),
    ];
    for (const cdb of others) {
      expect((await send(cdb)).verdict).toBe('2/04/1b');
      expect((await send(cdb, { nexus: 'b' })).verdict).toBe('2/04/1b');
    }
    expect((await send('120000002400')).verdict).toBe('good');
    expect((await send('a00000000000000000100000')).verdict).toBe('good');
    const sense = (await send('030000001200')).dataIn!;
    expect(toHex(sense)).toBe('70000200000000' + '0a00000000041b00804000');
    expect(decodeSense(sense)).toMatchObject({ value: { key: 2, progress: 0x4000 } });
    expect(decodeSense((await send('030100001200')).dataIn!)).toMatchObject({ value: { key: 2, progress: 0x4000 } });
    expect((await send(TEST_UNIT_READY, { lun: 1 })).verdict).toBe('good');
  });

  it('goes on when its command is aborted, its nexus lost, the unit or the target reset', async () => {
    const { send, server, state, goOn } = await erasable();
    const abort = new AbortController();
    const reply = send(sanitizeCdb(BLOCK_ERASE), { signal: abort.signal });
    await turns();
    abort.abort();
    goOn({ state: 'running', progress: 0.5, allowExit: false });
    expect((await reply).verdict).toBe('status 40');
    server.nexusLost('a');
    await server.reset('logical-unit', new Uint8Array(8), 'b');
    await server.reset('target', new Uint8Array(8), 'b');
    expect((await send(TEST_UNIT_READY, { nexus: 'b' })).verdict).toBe('6/29/00');
    expect((await send(TEST_UNIT_READY, { nexus: 'b' })).verdict).toBe('2/04/1b');
    expect(state.begun).toHaveLength(1);
  });

  it('that has failed leaves the unit to another one, or to EXIT FAILURE MODE where AUSE was set', async () => {
    const { send, goOn } = await erasable();
    const reply = send(sanitizeCdb(BLOCK_ERASE));
    await turns();
    goOn({ state: 'failed', progress: 0.5, allowExit: false });
    expect((await reply).verdict).toBe('3/31/03');
    expect((await send(TEST_UNIT_READY)).verdict).toBe('3/31/03');
    expect(toHex((await send('030000001200')).dataIn!.subarray(0, 3))).toBe('700003');
    expect((await send(sanitizeCdb(EXIT))).verdict).toBe('5/24/00');
    expect((await send('48a20000000000000000')).verdict).toBe('good');
    goOn({ state: 'failed', progress: 0, allowExit: true });
    expect((await send(sanitizeCdb(EXIT))).verdict).toBe('good');
    expect((await send(TEST_UNIT_READY)).verdict).toBe('good');
    expect((await send(sanitizeCdb(EXIT))).verdict).toBe('good');
  });

  it('begins nothing where a field is wrong, the unit is protected, or another nexus holds it', async () => {
    const { send, units, state } = await erasable();
    const data = new Uint8Array(1024);
    for (let length = 0; length < 5; length += 1) {
      expect((await send(sanitizeCdb(OVERWRITE, length), { data: data.subarray(0, length) })).verdict).toBe('5/24/00');
    }
    expect((await send(sanitizeCdb(OVERWRITE, 517), { data: data.subarray(0, 517) })).verdict).toBe('5/24/00');
    expect((await send(sanitizeCdb(OVERWRITE, 6), { data: fromHex('00000002a55a') })).verdict).toBe('5/26/00');
    for (const serviceAction of [BLOCK_ERASE, EXIT]) {
      expect((await send(sanitizeCdb(serviceAction, 8), { data: data.subarray(0, 8) })).verdict).toBe('5/24/00');
    }
    for (const serviceAction of [0x00, 0x03, 0x04, 0x1e]) {
      expect((await send(sanitizeCdb(serviceAction))).verdict).toBe('5/24/00');
    }
    expect((await send('48420000000000000000')).verdict).toBe('5/24/00');
    expect((await send(sanitizeCdb(BLOCK_ERASE), { lun: 1 })).verdict).toBe('5/20/00');
    expect((await send('160000000000', { nexus: 'b' })).verdict).toBe('good');
    expect((await send(sanitizeCdb(BLOCK_ERASE))).verdict).toBe('status 18');
    expect((await send('170000000000', { nexus: 'b' })).verdict).toBe('good');
    units[0]!.setAccess('read-only');
    expect((await send(sanitizeCdb(BLOCK_ERASE))).verdict).toBe('7/27/00');
    expect(state.begun).toEqual([]);
  });

  it('is told by VPD page B1h and by REPORT SUPPORTED OPERATION CODES', async () => {
    const { send } = await erasable();
    const page = async (lun: number) => toHex((await send('1201b1004000', { lun })).dataIn!.subarray(4, 8));
    expect([await page(0), await page(1), await page(2)]).toEqual(['00010040', '00010000', '00010050']);
    const supported = async (action: string, lun = 0) =>
      toHex((await send(`a30c0248${action}0000ffff0000`, { lun })).dataIn!.subarray(1, 2));
    expect([await supported('0002'), await supported('0003')]).toEqual(['03', '01']);
    expect([await supported('0002', 2), await supported('0003', 2)]).toEqual(['03', '03']);
  });
});
