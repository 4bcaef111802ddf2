import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { shareOfRoom } from '../../src/iscsi/target/fair-share.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { slowPdu, textData } from '../iscsi/slow-pdu.ts';
import { BLOCK_SIZE, createDiskServer, type DiskServer } from '../support/disk-server.ts';

/** Real sockets: what many, slow or deaf peers do to the one that behaves. */

const TARGET = 'iqn.2026-11.example:disks';
const FLOOD = 2000;
const AT_ONCE = 200;

let portal: Portal;
let server: DiskServer;
let opener: PathOpener;
let lun: Lun;
const events: string[] = [];

const login = slowPdu({
  fields: [
    [0, 1, 0x43],
    [1, 1, 0x87],
    [8, 6, '80000000ff01'],
    [16, 4, 1],
    [24, 4, 1],
  ],
  data: textData('InitiatorName=iqn.2026-11.example:deaf', `TargetName=${TARGET}`),
});

beforeAll(async () => {
  const parts = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };
  server = createDiskServer({ 1: 8192 * BLOCK_SIZE });
  server.disks.get(1)!.fill(7);
  const log = ({ kind }: { kind: string }): void => void events.push(kind);
  portal = await createPortal({ ...parts, host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: server, log });
  opener = createLunOpener({ ...parts, initiatorName: 'iqn.2026-11.example:host' });
  lun = await opener.open(`iscsi://127.0.0.1:${portal.port}/${TARGET}/1`);
});

afterAll(async () => {
  await lun.close();
  await opener.close();
  await portal.close();
});

/** A connection that says `first` and nothing more. */
function peer(first: Uint8Array): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(portal.port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.once('connect', () => socket.write(first, () => resolve(socket)));
    socket.once('close', () => resolve(socket));
  });
}

async function served(): Promise<void> {
  expect((await lun.read(5, 1, { timeoutMs: 20_000 }))[0]).toBe(7);
}

describe('who behaves is served', () => {
  it('while thousands begin a login and leave it half done', async () => {
    const open: Socket[] = [];
    for (let count = 0; count < FLOOD; count += AT_ONCE) {
      const half = login.subarray(0, 1 + ((count / AT_ONCE) % (login.length - 1)));
      open.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => peer(half)))));
      if (count % 2000 === 0) await served();
      open.splice(0, open.length - AT_ONCE).forEach((socket) => socket.destroy());
    }
    await served();
    const late = await opener.listTargets(`127.0.0.1:${portal.port}`, { timeoutMs: 20_000 });
    expect(late.map(({ name }) => name)).toEqual([TARGET]);
    expect(events).not.toContain('internal-failure');
    open.forEach((socket) => socket.destroy());
  });

  it('while another asks for more than it ever reads', async () => {
    const deaf = await peer(login);
    deaf.pause();
    const blocks = 4096;
    const length = blocks * BLOCK_SIZE;
    const asked = 100;
    server.seen.length = 0;
    for (let tag = 1; tag <= asked; tag += 1) {
      const fields = [
        [0, 1, 1],
        [1, 1, 0xc0],
        [8, 8, '0001'],
        [16, 4, tag],
        [20, 4, length],
        [24, 4, tag],
        [32, 1, 0x28],
        [39, 2, blocks],
      ] as const;
      deaf.write(slowPdu({ fields }));
    }
    for (let turn = 0; turn < 20; turn += 1) await served();
    const reads = server.seen.length - 20;
    expect(reads).toBeGreaterThan(0);
    // What the sockets' own buffers hold counts as taken.
    expect(reads * length).toBeLessThanOrEqual(shareOfRoom(1) + 16 * 1024 * 1024);
    deaf.destroy();
    await served();
  });

  it('while others send nonsense, one after the other', async () => {
    const random = createRealRandom();
    for (let count = 0; count < 50; count += 1) {
      const socket = await peer(random.bytes(1 + random.below(2000)));
      socket.destroy();
    }
    await served();
    expect(events).not.toContain('internal-failure');
  });
});
