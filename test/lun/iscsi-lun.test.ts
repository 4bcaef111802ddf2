import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import type { Transport } from '../../src/base/transport.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener, type OpenerParts, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { BLOCK_SIZE, createDiskServer, type DiskServer } from '../support/disk-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTransport } from '../support/memory-transport.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const TARGET = 'iqn.2026-11.example:disks';

interface Bench {
  readonly server: DiskServer;
  readonly portal: Portal;
  readonly opener: PathOpener;
  readonly url: string;
}

async function bench(
  transport: Transport,
  clock: Clock,
  options: { sizes?: Record<number, number>; opener?: Partial<OpenerParts>; portal?: object } = {},
): Promise<Bench> {
  const random = createSeededRandom(7);
  const server = createDiskServer(options.sizes);
  const portal = await createPortal({
    transport,
    host: '127.0.0.1',
    port: 0,
    targetName: TARGET,
    deviceServer: server,
    clock,
    random,
    ...options.portal,
  });
  const opener = createLunOpener({
    transport,
    clock,
    random,
    initiatorName: 'iqn.2026-11.example:host',
    timeoutMs: 10_000,
    ...options.opener,
  });
  return { server, portal, opener, url: `iscsi://127.0.0.1:${portal.port}/${TARGET}` };
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 9)) & 0xff);
}

describe.each([
  ['in memory', () => createMemoryTransport(), () => createFakeClock()],
  [
    'in memory, cut into single bytes and odd pieces',
    () => createMemoryTransport({ cut: () => 333 }),
    () => createFakeClock(),
  ],
  ['over TCP', () => createTcpTransport(), () => createRealClock()],
])('a LUN of a target %s', (_name, createTransport, createClock) => {
  it('tells who it is, how large it is, reads what was written', async () => {
    const { server, portal, opener, url } = await bench(createTransport(), createClock());
    const lun = await opener.open(`${url}/1`);
    expect(await lun.identify()).toEqual({
      vendor: 'ACME',
      product: 'TEST DISK',
      revision: '0001',
      serial: 'SERIAL-0001',
      worldWideName: '5001405f01020304',
    });
    expect(await lun.capacity()).toEqual({ blockSize: BLOCK_SIZE, blockCount: 4096 });
    const data = pattern(3 * BLOCK_SIZE);
    await lun.write(5, data, { forceUnitAccess: true });
    await lun.flush();
    expect(Buffer.compare(await lun.read(5, 3), data)).toBe(0);
    expect(Buffer.compare(server.disks.get(1)!.subarray(5 * BLOCK_SIZE, 8 * BLOCK_SIZE), data)).toBe(0);
    await lun.close();
    expect(portal.sessions()).toEqual([]);
    await portal.close();
  });

  it('moves large transfers in pieces', async () => {
    const size = 6 << 20;
    const { server, portal, opener, url } = await bench(createTransport(), createClock(), { sizes: { 0: size } });
    const lun = await opener.open(`${url}/0`);
    const data = pattern(size - BLOCK_SIZE);
    await lun.write(1, data);
    expect(Buffer.compare(server.disks.get(0)!.subarray(BLOCK_SIZE), data)).toBe(0);
    expect(Buffer.compare(await lun.read(1, data.length / BLOCK_SIZE), data)).toBe(0);
    expect(server.seen.filter((opcode) => opcode === 0x2a)).toHaveLength(6);
    await lun.close();
    await portal.close();
  });

  it('lists targets and LUNs', async () => {
    const { portal, opener, url } = await bench(createTransport(), createClock(), {
      sizes: { 0: 512, 7: 512, 300: 512 },
    });
    const targets = await opener.listTargets(`127.0.0.1:${portal.port}`);
    expect(targets).toEqual([{ name: TARGET, addresses: [`127.0.0.1:${portal.port},1`] }]);
    expect(await opener.reportLuns(url)).toEqual([0, 7, 300]);
    await portal.close();
  });
});
