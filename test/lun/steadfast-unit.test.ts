import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createDiskServer, fixedSense, type DiskServer } from '../support/disk-server.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTransport } from '../support/memory-transport.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** A LUN whose place another one takes while it is in use. */

const TARGET = 'iqn.2026-11.example:disks';
const block = (fill: number): Uint8Array => new Uint8Array(512).fill(fill);

let clock: FakeClock;
let server: DiskServer;
let portal: Portal;
let opener: PathOpener;
let lun: Lun;

beforeEach(async () => {
  clock = createFakeClock();
  const parts = { transport: createMemoryTransport(), clock, random: createSeededRandom(7) };
  server = createDiskServer();
  portal = await createPortal({ ...parts, host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: server });
  opener = createLunOpener({ ...parts, initiatorName: 'iqn.2026-11.example:host', timeoutMs: 10_000 });
  lun = await opener.open(`iscsi://127.0.0.1:${portal.port}/${TARGET}/1`, { steadfast: true });
});

afterEach(async () => {
  await opener.close();
  await portal.close();
});

/** From now on the unit bears this serial number. */
function become(serial: string): void {
  server.intercept = ({ cdb }) => {
    const isSerial = cdb[0] === 0x12 && cdb[1] === 1 && cdb[2] === 0x80;
    if (!isSerial) return undefined;
    return {
      status: 0,
      dataIn: new Uint8Array(Buffer.concat([Uint8Array.of(0, 0x80, 0, serial.length), Buffer.from(serial)])),
    };
  };
}

/** The next command of this operation code is answered so; every other as before. */
function once(opcode: number, asc: number, ascq: number): void {
  const { intercept } = server;
  let answered = false;
  server.intercept = (task) => {
    if (answered || task.cdb[0] !== opcode) return intercept?.(task);
    answered = true;
    return fixedSense(6, asc, ascq);
  };
}

const lose = (): void => portal.drop(() => true);
const disk = (): Uint8Array => server.disks.get(1)!;

describe('after a lost connection', () => {
  it('the same unit is written to as before', async () => {
    await lun.write(0, block(1));
    expect(lun.interruptions!()).toBe(0);
    lose();
    await lun.write(1, block(2));
    expect([disk()[0], disk()[512]]).toEqual([1, 2]);
    expect(lun.interruptions!()).toBe(1);
  });

  it('another unit is neither written to nor read', async () => {
    await lun.write(0, block(1));
    become('SERIAL-0002');
    lose();
    for (const attempt of [
      () => lun.write(1, block(2), { repeatable: true }),
      () => lun.read(1, 1),
      () => lun.flush(),
    ]) {
      const refused = await attempt().catch((error: unknown) => error);
      expect(refused).toMatchObject({ kind: 'refused-for-safety', outcome: 'not-done', about: 'other-unit' });
      expect((refused as Error).message).toMatch(/serial SERIAL-0002 .*it was .*serial SERIAL-0001/);
    }
    expect(disk()[512]).toBe(0);
    become('SERIAL-0001');
    await lun.write(1, block(2));
    expect(disk()[512]).toBe(2);
  });

  it('many at once ask once, and none of them is sent to another unit', async () => {
    become('SERIAL-0002');
    lose();
    const before = server.seen.length;
    const all = await Promise.allSettled([1, 2, 3, 4].map((lba) => lun.write(lba, block(lba), { repeatable: true })));
    expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
    expect(disk().every((byte) => byte === 0)).toBe(true);
    expect(server.seen.slice(before).filter((opcode) => opcode === 0x2a)).toEqual([]);
  });
});

describe('while the unit is asked who it is', () => {
  it('the time of whoever asks first is not the time of all who wait', async () => {
    await lun.capacity();
    lose();
    let unanswered = true;
    server.intercept = ({ cdb }) => {
      if (cdb[0] !== 0x12 || !unanswered) return undefined;
      unanswered = false;
      return new Promise<never>(() => undefined);
    };
    const hasty = lun.read(0, 1, { timeoutMs: 100 }).catch((error: unknown) => error);
    const patient = lun.read(1, 1, { timeoutMs: 60_000 });
    expect(await clock.run(hasty)).toMatchObject({ kind: 'timeout' });
    expect(await clock.run(patient)).toHaveLength(512);
  });
});

describe('after a unit attention', () => {
  it('the same unit is written to as before, and only a reset counts as an interruption', async () => {
    once(0x2a, 0x3f, 0x0e);
    await lun.write(0, block(1));
    expect([disk()[0], lun.interruptions!()]).toEqual([1, 0]);
    once(0x2a, 0x29, 0x00);
    await lun.write(1, block(2));
    expect([disk()[512], lun.interruptions!()]).toEqual([2, 1]);
  });

  it('another unit is not written to', async () => {
    become('SERIAL-0002');
    once(0x2a, 0x3f, 0x0e);
    await expect(lun.write(0, block(1), { repeatable: true })).rejects.toMatchObject({ kind: 'refused-for-safety' });
    expect(disk()[0]).toBe(0);
  });

  it('that comes with every command ends as one', async () => {
    server.intercept = ({ cdb }) => (cdb[0] === 0x2a ? fixedSense(6, 0x3f, 0x0e) : undefined);
    await expect(lun.write(0, block(1))).rejects.toMatchObject({ kind: 'unit-attention', outcome: 'not-done' });
  });
});
