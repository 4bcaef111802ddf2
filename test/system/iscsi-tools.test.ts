import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createArray, type EmulatedArray } from '../../src/array/array.ts';
import { createPortal, type Portal, type PortalParts } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';

/** The tools of libiscsi and QEMU, unmodified, against an array behind portals of every kind that they can log in to. */

const TARGET = 'iqn.2026-11.io.cdctl:kyoto';
const BLOCKS = 65_536;
const SECRET = 'correcthorsebattery';
const TARGET_SECRET = 'anothersecrethere';

const parts = { transport: createTcpTransport(), clock: createRealClock(), random: createRealRandom() };
const opener = createLunOpener({ ...parts, initiatorName: 'iqn.2026-11.example:host' });
const portals: Portal[] = [];
let array: EmulatedArray;

const execute = promisify(execFile);

async function tool(environment: Readonly<Record<string, string>>, name: string, ...argv: string[]): Promise<string> {
  const { stdout, stderr } = await execute(name, argv, { env: { ...process.env, ...environment }, timeout: 60_000 });
  return stdout + stderr;
}

async function openPortal(more: Partial<PortalParts> = {}): Promise<Portal> {
  const own = { host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: array.deviceServer };
  const portal = await createPortal({ ...parts, ...own, ...more });
  portals.push(portal);
  return portal;
}

beforeAll(async () => {
  const volume = { kind: 'volume', blockSize: 512, blockCount: BLOCKS } as const;
  array = await createArray({
    ...parts,
    version: '0',
    storage: createMemoryStorage(),
    opener,
    description: {
      format: 1,
      serial: 'KY000001',
      name: 'kyoto',
      targetName: TARGET,
      listen: { host: '127.0.0.1', port: 0 },
      volumes: [
        { ...volume, lun: 1, name: 'data' },
        { ...volume, lun: 2, name: 'log' },
      ],
      remotes: [],
      lunMap: [],
      commandDevices: [],
    },
  });
});

afterAll(async () => {
  await opener.close();
  await Promise.all(portals.map((portal) => portal.close()));
  await array.stop();
});

interface Way {
  /** Where the tools log in: `[user%secret@]host:port`. */
  readonly authority: string;
  readonly environment: Readonly<Record<string, string>>;
}

const chap = { initiators: [{ name: 'hana', secret: SECRET }], target: { name: 'kyoto', secret: TARGET_SECRET } };

const WAYS: readonly (readonly [string, () => Promise<Way>])[] = [
  [
    'openly',
    async () => {
      const { port } = await openPortal();
      return { authority: `127.0.0.1:${port}`, environment: {} };
    },
  ],
  [
    'with header digests',
    async () => {
      const { port } = await openPortal({ values: { HeaderDigest: 'CRC32C' } });
      return { authority: `127.0.0.1:${port}`, environment: {} };
    },
  ],
  [
    'with CHAP',
    async () => {
      const { port } = await openPortal({ chap });
      return { authority: `hana%${SECRET}@127.0.0.1:${port}`, environment: {} };
    },
  ],
  [
    'with CHAP both ways',
    async () => {
      const { port } = await openPortal({ chap });
      const environment = {
        LIBISCSI_CHAP_USERNAME: 'hana',
        LIBISCSI_CHAP_PASSWORD: SECRET,
        LIBISCSI_CHAP_TARGET_USERNAME: 'kyoto',
        LIBISCSI_CHAP_TARGET_PASSWORD: TARGET_SECRET,
      };
      return { authority: `127.0.0.1:${port}`, environment };
    },
  ],
  [
    'by R2T only, in small segments',
    async () => {
      const values = {
        InitialR2T: 'Yes',
        ImmediateData: 'No',
        MaxRecvDataSegmentLength: '4096',
        MaxBurstLength: '8192',
      };
      const { port } = await openPortal({ values });
      return { authority: `127.0.0.1:${port}`, environment: {} };
    },
  ],
  [
    'after a redirect',
    async () => {
      const there = await openPortal();
      const address = `127.0.0.1:${there.port}`;
      const { port } = await openPortal({ movedTo: () => ({ address, permanent: false }) });
      return { authority: `127.0.0.1:${port}`, environment: {} };
    },
  ],
];

describe.each(WAYS)('tools that log in %s', (name, openWay) => {
  let way: Way;
  let lun: string;
  const run = (program: string, ...argv: string[]): Promise<string> => tool(way.environment, program, ...argv);

  beforeAll(async () => {
    way = await openWay();
    lun = `iscsi://${way.authority}/${TARGET}/1`;
  });

  it('find the target and its LUNs', async () => {
    const listed = await run('iscsi-ls', '-s', `iscsi://${way.authority}`);
    expect(listed).toContain(`Target:${TARGET} Portal:127.0.0.1:`);
    // Of a target that has moved iscsi-ls does not follow the redirect for the list of LUNs.
    if (name !== 'after a redirect') expect(listed.match(/^Lun:[12] +Type:DIRECT_ACCESS/gm)).toHaveLength(2);
  });

  it('read identity and capacity', async () => {
    expect(await run('iscsi-inq', lun)).toMatch(/^Vendor:CDCTL\s*$/m);
    expect(await run('iscsi-inq', '-e', '1', '-c', '131', lun)).toMatch(/NAA/);
    expect(await run('iscsi-readcapacity16', lun)).toMatch(new RegExp(`^Total size:${BLOCKS * 512}$`, 'm'));
  });

  it('write, discard and read with qemu-io', async () => {
    const commands = ['write -P 90 64k 640k', 'aio_write -P 91 1m 64k', 'aio_flush', 'discard 128k 64k', 'flush'];
    const checks = ['read -P 90 64k 64k', 'read -P 0 128k 64k', 'read -P 90 192k 512k', 'read -P 91 1m 64k'];
    const argv = [...commands, ...checks].flatMap((command) => ['-c', command]);
    const output = await run('qemu-io', '-f', 'raw', '-d', 'unmap', ...argv, lun);
    expect(output).not.toMatch(/fail|error|verif/i);
    expect(output.match(/^read /gm)).toHaveLength(checks.length);
  });

  it('stand a load of reads, writes and flushes', async () => {
    const bench = ['bench', '-t', 'none', '-f', 'raw', '-c', '400', '-d', '32', '-s', '4096'];
    for (const more of [[], ['-w'], ['-w', '--flush-interval=64']]) {
      expect(await run('qemu-img', ...bench, ...more, lun)).toMatch(/Run completed in/);
    }
    expect(await run('iscsi-perf', '-t', '1', '-b', '128', '-m', '16', lun)).toMatch(/iops average [1-9]/);
  });
});

describe('a tool without the right secret', () => {
  it('is not let in', async () => {
    const { port } = await openPortal({ chap });
    const url = (authority: string): string => `iscsi://${authority}127.0.0.1:${port}/${TARGET}/1`;
    await expect(tool({}, 'iscsi-inq', url(''))).rejects.toThrow();
    await expect(tool({}, 'iscsi-inq', url('hana%somethingelse@'))).rejects.toThrow();
    await expect(tool({}, 'qemu-io', '-f', 'raw', '-c', 'read 0 4k', url('otto%somethingelse@'))).rejects.toThrow();
    expect(portals.at(-1)!.sessions()).toEqual([]);
  });

  it('does not take a target for the right one that does not prove it', async () => {
    const { port } = await openPortal({ chap });
    const environment = {
      LIBISCSI_CHAP_USERNAME: 'hana',
      LIBISCSI_CHAP_PASSWORD: SECRET,
      LIBISCSI_CHAP_TARGET_USERNAME: 'kyoto',
      LIBISCSI_CHAP_TARGET_PASSWORD: 'what another one knows',
    };
    await expect(tool(environment, 'iscsi-inq', `iscsi://127.0.0.1:${port}/${TARGET}/1`)).rejects.toThrow();
  });
});

describe('the software write protection that iscsi-swp switches', () => {
  it('is known to QEMU and to our own initiator as such', async () => {
    const { port } = await openPortal();
    const url = `iscsi://127.0.0.1:${port}/${TARGET}/2`;
    const lun = await opener.open(url);
    const block = new Uint8Array(512).fill(7);
    await lun.write(0, block);
    await tool({}, 'iscsi-swp', '--swp', 'on', url);
    await expect(lun.write(0, new Uint8Array(512))).rejects.toMatchObject({
      kind: 'write-protected',
      outcome: 'not-done',
    });
    await expect(tool({}, 'qemu-io', '-f', 'raw', '-c', 'write 0 4k', url)).rejects.toThrow();
    expect(await lun.read(0, 1)).toEqual(block);
    await tool({}, 'iscsi-swp', '--swp', 'off', url);
    await lun.write(0, new Uint8Array(512));
    await lun.close();
  });
});
