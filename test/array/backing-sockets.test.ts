import { afterEach, describe, expect, it } from 'vitest';
import type { LunOpener } from '../../src/lun/lun.ts';
import { createMemoryLun } from '../../src/lun/memory-lun.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import type { LogicalUnit, UnitWriteOptions } from '../../src/array/logical-unit.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { serveTestArray, type ServedArray } from '../support/served-array.ts';

/** One array in front of another, over real sockets. */

const common = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };
const block = (fill: number, blocks = 1): Uint8Array => new Uint8Array(512 * blocks).fill(fill);
const SAFE = { forceUnitAccess: false };

const stopping: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const stop of stopping.splice(0).toReversed()) await stop();
});

async function served(settings: Parameters<typeof serveTestArray>[0] = {}): Promise<ServedArray> {
  const array = await serveTestArray(settings);
  stopping.push(() => array.stop());
  return array;
}

function backings(): PathOpener {
  const initiatorName = 'iqn.2026-11.io.cdctl:front.backing';
  const opener = createLunOpener({ ...common, initiatorName, reconnectPausesMs: [], bindToConnection: true });
  stopping.push(() => opener.close());
  return opener;
}

const FRONT = {
  format: 1,
  serial: 'FRONT',
  name: 'front',
  targetName: 'iqn.2026-11.io.cdctl:front',
  listen: { host: '127.0.0.1', port: 0 },
  remotes: [],
  lunMap: [],
  commandDevices: [],
} as const;

async function frontOf(
  path: string,
  opener: LunOpener = backings(),
): Promise<{ front: ServedArray; unit: LogicalUnit }> {
  const volume = { lun: 5, name: 'data', kind: 'volume', blockSize: 512, blockCount: 256, backing: path } as const;
  const front = await served({
    storage: createMemoryStorage(),
    parts: { description: { ...FRONT, volumes: [volume] }, backings: opener },
  });
  return { front, unit: front.array.units.unit(5)! };
}

describe('an array in front of another', () => {
  it('shows the data that was there, writes through, and outlives broken connections in mid-write', async () => {
    const back = await served();
    const inner = back.array.units.unit(10)!;
    await inner.write(3, block(33), SAFE);
    const { front, unit } = await frontOf(`${back.url}/10`);
    expect((await unit.read(3, 1))[0]).toBe(33);
    for (let round = 0; round < 20; round += 1) {
      const writes = Array.from({ length: 8 }, (_, at) => unit.write(8 + at, block(round * 8 + at), SAFE));
      back.portal.drop(() => true);
      await Promise.all(writes);
      for (let at = 0; at < 8; at += 1) expect((await unit.read(8 + at, 1))[0]).toBe((round * 8 + at) & 0xff);
    }
    await unit.flush();
    for (let at = 0; at < 8; at += 1) expect((await inner.read(8 + at, 1))[0]).toBe((19 * 8 + at) & 0xff);
    await unit.deallocate!(8, 2);
    expect(await inner.read(8, 2)).toEqual(block(0, 2));
    expect(front.array.management.show().backings).toMatchObject([{ lun: 5, condition: 'ready', why: '' }]);
  });

  it('gives room back to a thin unit behind it, which then reads as zeros', async () => {
    const back = await served();
    const inner = back.array.units.unit(10)!;
    await inner.write(0, block(7, 256), SAFE);
    const { unit } = await frontOf(`${back.url}/10`);
    await unit.deallocate!(0, 130);
    await unit.flush();
    expect(await inner.read(0, 130)).toEqual(block(0, 130));
    expect(await inner.read(130, 126)).toEqual(block(7, 126));
    expect(await inner.allocation!(0, 256)).toEqual([
      { lba: 0, blockCount: 130, mapped: false },
      { lba: 130, blockCount: 126, mapped: true },
    ]);
  });

  it('is thin where what is behind it is, and tells what that one has allocated', async () => {
    const back = await served();
    const inner = back.array.units.unit(10)!;
    await inner.write(128, block(7, 128), SAFE);
    const { front } = await frontOf(`${back.url}/10`);
    const ask = (cdb: string) => front.send('iqn.2026-11.example:host', 5, Buffer.from(cdb, 'hex'));
    const status = async (): Promise<string> => {
      const { verdict, dataIn } = await ask('9e12000000000000000000000400' + '0000');
      return verdict === 'good' ? Buffer.from(dataIn.subarray(8)).toString('hex') : verdict;
    };
    const capacity = await ask('9e10000000000000000000000020' + '0000');
    expect(capacity.dataIn[14]! & 0xc0, 'LBPME, LBPRZ').toBe(0xc0);
    expect(await status()).toBe('00000000000000000000008001000000' + '00000000000000800000008000000000');
    await front.array.units.unit(5)!.write(3, block(1), SAFE);
    expect(await front.array.units.unit(5)!.allocation!(0, 256)).toEqual(await inner.allocation!(0, 256));
    expect(await inner.allocation!(3, 1)).toEqual([{ lba: 3, blockCount: 1, mapped: true }]);
    await front.array.units.unit(5)!.deallocate!(0, 256);
    expect(await status()).toBe('00000000000000000000010001000000');
    // The chunks of the array behind are of 64 KiB.
    const limits = await ask('1201b000400' + '0');
    expect(Buffer.from(limits.dataIn).readUInt32BE(28)).toBe(128);
  });

  it('writes atomically where what is behind it does, by one command of that one', async () => {
    const back = await served();
    const inner = back.array.units.unit(10)!;
    const seen: UnitWriteOptions[] = [];
    const write = inner.write.bind(inner);
    inner.write = (lba, data, options) => {
      seen.push(options);
      return write(lba, data, options);
    };
    const { front } = await frontOf(`${back.url}/10`);
    const ask = (cdb: string, data?: Uint8Array) =>
      front.send('iqn.2026-11.example:host', 5, Buffer.from(cdb, 'hex'), data);
    await front.array.units.unit(5)!.prepare!();
    const { dataIn } = await ask('1201b0004000');
    expect(Buffer.from(dataIn).readUInt32BE(44)).toBe(inner.atomicWriteBlocks);
    expect((await ask('9c000000000000000008000000100000', block(9, 16))).verdict).toBe('good');
    expect(seen).toMatchObject([{ atomic: true }]);
    expect(await inner.read(8, 16)).toEqual(block(9, 16));
  });

  it('is not thin where what is behind it does not say what it holds', async () => {
    const capacity = { blockSize: 512, blockCount: 256 };
    const behind = createMemoryLun({ path: '/dev/behind', capacity, identity: { serial: 'DISK-1' } });
    const { front } = await frontOf('/dev/behind', { open: async () => behind });
    const unit = front.array.units.unit(5)!;
    await unit.prepare!();
    const ask = (cdb: string, data?: Uint8Array) =>
      front.send('iqn.2026-11.example:host', 5, Buffer.from(cdb, 'hex'), data);
    const told = await ask('9e10000000000000000000000020' + '0000');
    expect(told.dataIn[14]! & 0x80, 'LBPME').toBe(0);
    expect((await ask('9e12000000000000000000000400' + '0000')).verdict).toBe('5/24/0');
    expect((await ask('42000000000000000000')).verdict, 'UNMAP').toBe('5/20/0');
    expect((await ask('1201b2004000')).dataIn[5], 'LBPU, LBPWS').toBe(0);
    expect((await ask('9c000000000000000008000000100000', block(9, 16))).verdict, 'WRITE ATOMIC').toBe('5/20/0');
  });

  it('starts without its backing, says NOT READY, and refuses itself and what is too small', async () => {
    const { front, unit } = await frontOf('iscsi://127.0.0.1:1/iqn.2026-11.io.cdctl:nobody/1');
    expect(unit.access()).toBe('none');
    await expect(unit.prepare!()).rejects.toThrow(/no connection/);
    const more = { lun: 6, name: 'more', kind: 'volume', blockSize: 512 } as const;
    const { management } = front.array;
    const back = await served();
    const add = (path: string, blockCount: number) => management.addVolume({ ...more, blockCount, backing: path });
    await expect(add(`${front.url}/5`, 0)).rejects.toThrow(/no LUN|this array itself/);
    await expect(add(`${back.url}/10`, 257)).rejects.toThrow(/has 256 blocks/);
    await add(`${back.url}/10`, 0);
    expect(front.array.units.unit(6)).toMatchObject({ blockCount: 256 });
    await expect(management.addVolume({ ...more, lun: 7, blockCount: 0, backing: `${back.url}/10` })).rejects.toThrow(
      /LUN 6 already/,
    );
  });
});
