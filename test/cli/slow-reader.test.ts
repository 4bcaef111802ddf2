import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LunAccess } from '../../src/cli/services.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createPortal, type Portal } from '../../src/lun/iscsi-portal.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { createDiskServer, type DiskServer } from '../support/disk-server.ts';
import { run } from './support/run-in-process.ts';
import { ended, start } from './support/run-program.ts';

/** `lun read --output -` into a pipe whose reader takes its time, or has seen enough. */

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const TARGET = 'iqn.2026-11.example:disks';
let server: DiskServer;
let portal: Portal;

beforeAll(async () => {
  server = createDiskServer({ 1: SIZE });
  portal = await createPortal({
    transport: createTcpTransport(),
    clock: createRealClock(),
    random: createRealRandom(),
    host: '127.0.0.1',
    port: 0,
    targetName: TARGET,
    deviceServer: server,
  });
});

afterAll(() => portal.close());

it('nothing is read ahead but one piece while what was read is not taken', async () => {
  let reads = 0;
  const lun = {
    path: '/dev/sdx',
    capacity: async () => ({ blockSize: 512, blockCount: SIZE / 512 }),
    read: async (_lba: number, blockCount: number) => {
      reads += 1;
      return new Uint8Array(blockCount * 512);
    },
    close: async () => undefined,
  } as unknown as Lun;
  const access = { opener: { open: async () => lun }, close: async () => undefined } as unknown as LunAccess;
  const waiting: ((more: boolean) => void)[] = [];
  let asked = (): void => undefined;
  const taken = (): Promise<boolean> => new Promise((resolve) => (waiting.push(resolve), asked()));
  const nextAsked = (): Promise<void> => new Promise((resolve) => (asked = resolve));
  const first = nextAsked();
  const running = run(['lun', 'read', '/dev/sdx', '--output', '-'], { taken, services: { luns: async () => access } });
  await first;
  for (let turns = 0; turns < 100; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect([waiting.length, reads]).toEqual([1, 2]);
  const second = nextAsked();
  waiting[0]!(true);
  await second;
  waiting[1]!(false);
  expect((await running).code).toBe(0);
  expect(reads).toBeLessThanOrEqual(3);
});

it('a reader that has gone ends the reading', async () => {
  const url = `iscsi://127.0.0.1:${portal.port}/${TARGET}/1`;
  const child = start(['lun', 'read', url, '--output', '-']);
  const over = ended(child);
  child.stdout!.once('data', () => child.stdout!.destroy());
  expect(await over).toMatchObject({ code: 0, stderr: '' });
  expect(server.seen.filter((opcode) => opcode === 0x28).length).toBeLessThan(32);
});
