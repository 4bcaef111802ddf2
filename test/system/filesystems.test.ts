import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../support/seeded-random.ts';
import { FileWork } from './support-raw/file-work.ts';
import { lacking, mount, tool, type MountedFilesystem } from './support-raw/filesystem.ts';
import { obstacle, run, type RawDevice } from './support-raw/raw-device.ts';
import { RawLab } from './support-raw/raw-lab.ts';

/**
 * LUNs of the array under Linux' block layer: ext4 and xfs on the kernel's block device, by themselves and as primary
 * volumes under replication, discard, and the array killed in mid-write. Debian: qemu-utils, qemu-block-extra,
 * qemu-system-common, e2fsprogs, xfsprogs; root. Elsewhere every test is counted as skipped and says why.
 */

interface Kind {
  readonly type: 'ext4' | 'xfs';
  readonly lun: number;
  readonly make: readonly [string, ...string[]];
  /** Changes nothing; fails where anything is wrong. */
  readonly check: readonly [string, ...string[]];
}

const EXT4: Kind = { type: 'ext4', lun: 10, make: ['mkfs.ext4', '-q', '-F'], check: ['e2fsck', '-fn'] };
const XFS: Kind = { type: 'xfs', lun: 11, make: ['mkfs.xfs', '-q', '-f'], check: ['xfs_repair', '-n'] };
const KINDS = [EXT4, XFS];
const MIB = 2 ** 20;
/** mkfs.xfs makes none below 300 MiB. */
const VOLUME_MIB = 320;
const OPERATIONS = 400;
const BEFORE_KILL = 60;

const lab = new RawLab();
const mounted = new Set<MountedFilesystem>();
const obstacleHere =
  lacking(['ext4', 'xfs'], ['mkfs.ext4', 'e2fsck', 'mkfs.xfs', 'xfs_repair', 'fstrim']) ??
  (await obstacle(lab.directory));
if (obstacleHere !== undefined) process.stderr.write(`file systems are NOT tested: ${obstacleHere}\n`);

beforeAll(async () => {
  if (obstacleHere === undefined) await lab.up(`${VOLUME_MIB}MiB`, '64MiB');
});

beforeEach((context) => {
  if (obstacleHere !== undefined) context.skip(obstacleHere);
});

afterEach(async () => {
  for (const filesystem of mounted) await filesystem.abandon();
  mounted.clear();
});

afterAll(async () => {
  expect(await lab.end()).toEqual([]);
});

async function mounting({ type }: Kind, device: RawDevice, options?: string): Promise<MountedFilesystem> {
  const filesystem = await mount(device.device, type, options);
  mounted.add(filesystem);
  return filesystem;
}

/** Bytes that are mapped, as the array itself says (GET LBA STATUS). */
function mappedBytes(lun: number): number {
  const extents = JSON.parse(run('qemu-img', 'map', '--output=json', '-f', 'raw', lab.url('tokyo', lun))) as {
    length: number;
    data: boolean;
  }[];
  return extents.filter(({ data }) => data).reduce((sum, { length }) => sum + length, 0);
}

/** Until so many more operations are durable; rejects if the work ends before. */
async function untilDurable(work: FileWork, more: number, ended: Promise<unknown>): Promise<void> {
  const early = ended.then((error) => Promise.reject(error ?? new Error('the work has ended')));
  await Promise.race([work.durable(more), early]);
}

async function madeAndPrepared(kind: Kind, device: RawDevice, work: FileWork): Promise<MountedFilesystem> {
  await tool(...kind.make, device.device);
  const filesystem = await mounting(kind, device);
  await work.prepare(filesystem.path);
  return filesystem;
}

describe.each(KINDS)('a file system: $type', (kind) => {
  it('is made, worked with, trimmed, checked and read again', async () => {
    const device = await lab.attach('tokyo', kind.lun);
    const junk = join(lab.directory, 'junk');
    fs.writeFileSync(junk, randomBytes(32 * MIB));
    await tool('dd', `if=${junk}`, `of=${device.device}`, 'bs=1M', 'seek=128', 'oflag=direct', 'conv=fsync');
    expect(mappedBytes(kind.lun)).toBeGreaterThanOrEqual(32 * MIB);
    const work = new FileWork(createSeededRandom(kind.lun));
    const filesystem = await madeAndPrepared(kind, device, work);
    // mkfs discards the whole device before it writes.
    expect(mappedBytes(kind.lun)).toBeLessThan(80 * MIB);
    expect(await tool('cmp', '-n', String(MIB), '-i', String(140 * MIB), device.device, '/dev/zero')).toBe('');

    fs.copyFileSync(junk, join(filesystem.path, 'junk'));
    for (let operation = 0; operation < OPERATIONS; operation += 1) await work.step(filesystem.path);
    await filesystem.run('sync');
    expect(fs.readFileSync(join(filesystem.path, 'junk')).equals(fs.readFileSync(junk))).toBe(true);
    const full = mappedBytes(kind.lun);
    fs.rmSync(join(filesystem.path, 'junk'));
    await filesystem.run('sync');
    await filesystem.run('fstrim', filesystem.inside);
    expect(mappedBytes(kind.lun)).toBeLessThan(full - 24 * MIB);
    await filesystem.unmount();

    await tool(...kind.check, device.device);
    await device.remove();
    const again = await lab.attach('tokyo', kind.lun);
    const second = await mounting(kind, again, 'ro');
    expect(await work.check(second.path)).toEqual([]);
    await second.unmount();
    await again.remove();
  });
});

describe.each([
  { where: 'on volumes of their own', replicated: false },
  { where: 'on primary volumes, under replication', replicated: true },
])('file systems $where', ({ replicated }) => {
  beforeAll(async () => {
    if (obstacleHere !== undefined || !replicated) return;
    await lab.json(['pair', 'create', 'oradb', '--primary', 'tokyo']);
    lab.serve(['replicate', 'oradb', '--interval', '100ms']);
  });

  it.each(KINDS)('$type: the array is killed in mid-write and comes back, and work goes on', async (kind) => {
    const device = await lab.attach('tokyo', kind.lun);
    const work = new FileWork(createSeededRandom(kind.lun + 1));
    const filesystem = await madeAndPrepared(kind, device, work);
    const stop = new AbortController();
    const ended = work.run(filesystem.path, stop.signal);
    for (let kills = 0; kills < 2; kills += 1) {
      await untilDurable(work, BEFORE_KILL, ended);
      lab.kill('tokyo');
      await lab.startAgain('tokyo');
    }
    await untilDurable(work, BEFORE_KILL, ended);
    stop.abort();
    expect(await ended).toBe(undefined);
    await filesystem.unmount();
    await tool(...kind.check, device.device);
    const second = await mounting(kind, device, 'ro');
    expect(await work.check(second.path)).toEqual([]);
    await second.unmount();
    await device.remove();
  });

  it.each(KINDS)('$type: the array is killed and the device lost; what was durable is there', async (kind) => {
    const work = new FileWork(createSeededRandom(kind.lun + 2));
    let device = await lab.attach('tokyo', kind.lun);
    let filesystem = await madeAndPrepared(kind, device, work);
    for (let losses = 0; losses < 2; losses += 1) {
      const ended = work.run(filesystem.path, new AbortController().signal);
      await untilDurable(work, BEFORE_KILL, ended);
      lab.kill('tokyo');
      await device.breakOff();
      expect(await ended).toMatchObject({ code: expect.stringMatching(/^E(IO|ROFS)$/) as string });
      await filesystem.abandon();
      await device.remove();
      await lab.startAgain('tokyo');
      device = await lab.attach('tokyo', kind.lun);
      // Mounting replays its journal.
      filesystem = await mounting(kind, device);
      expect(await work.check(filesystem.path)).toEqual([]);
      await work.adopt(filesystem.path);
      await filesystem.unmount();
      await tool(...kind.check, device.device);
      filesystem = await mounting(kind, device);
    }
    await filesystem.unmount();
    await device.remove();
  });
});
