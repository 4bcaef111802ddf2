import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBlockDevice } from '../../src/lun/block-device.ts';
import { LunError } from '../../src/lun/lun.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { mount } from './support-raw/filesystem.ts';
import { loopOver, run, type LoopDevice } from './support-raw/raw-device.ts';

/** Needs root and a free loop device: run by CI, not by `npm test`. */
const SIZE = 8 << 20;
const clock = createRealClock();

let directory: string;
let backing: string;
let loop: LoopDevice;
let device: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'cdctl-loop-'));
  backing = join(directory, 'disk');
  fs.writeFileSync(backing, '');
  fs.truncateSync(backing, SIZE);
  loop = loopOver(backing, '--direct-io=off');
  ({ device } = loop);
});

afterEach(async () => {
  await loop.remove();
  fs.rmSync(directory, { recursive: true });
});

async function kindOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof LunError) return error.kind;
    throw error;
  }
  return 'done';
}

describe('a loop device', () => {
  it('is read and written past the page cache', async () => {
    const lun = await openBlockDevice({ clock }, device);
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: SIZE / 512 });
    const data = Uint8Array.from({ length: 3 << 20 }, (_, index) => (index * 31) & 0xff);
    await lun.write(7, data);
    await lun.write(7 + data.length / 512, new Uint8Array(4096).fill(9), { forceUnitAccess: true });
    await lun.flush();
    expect(Buffer.compare(await lun.read(7, data.length / 512), data)).toBe(0);
    const stored = fs.readFileSync(backing);
    expect(Buffer.compare(stored.subarray(7 * 512, 7 * 512 + data.length), data)).toBe(0);
    expect(stored[7 * 512 + data.length]).toBe(9);
    await lun.close();
  });

  it('is opened by several at once, as two runs of cdctl would', async () => {
    const luns = await Promise.all(Array.from({ length: 4 }, () => openBlockDevice({ clock }, device)));
    for (const lun of luns) await lun.close();
  });

  it('is no LUN where it is a partition', async () => {
    run('addpart', device, '1', '2048', '4096');
    try {
      const failure = await openBlockDevice({ clock }, `${device}p1`).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        kind: 'refused-for-safety',
        message: expect.stringContaining('is not a LUN') as string,
      });
    } finally {
      run('delpart', device, '1');
    }
  });

  it('may change its size while it is open', async () => {
    const lun = await openBlockDevice({ clock }, device);
    const resize = (bytes: number): void => {
      fs.truncateSync(backing, bytes);
      run('losetup', '--set-capacity', device);
    };
    resize(SIZE / 2);
    const last = SIZE / 512 - 8;
    await expect(lun.write(last, new Uint8Array(4096))).rejects.toMatchObject({
      outcome: 'unknown',
      message: expect.stringContaining(`it has ${SIZE / 1024} blocks now`) as string,
    });
    expect(await kindOf(lun.read(last, 8))).toBe('io-error');
    resize(2 * SIZE);
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: (2 * SIZE) / 512 });
    await lun.write(last, new Uint8Array(4096).fill(7), { onlyAsLastRead: true });
    expect(await lun.read(last, 8)).toEqual(new Uint8Array(4096).fill(7));
    await lun.close();
  });

  it('is refused while it is mounted or held exclusively', async () => {
    const holder = fs.openSync(device, fs.constants.O_RDWR | fs.constants.O_EXCL);
    expect(await kindOf(openBlockDevice({ clock }, device))).toBe('refused-for-safety');
    fs.closeSync(holder);
    run('mkfs.ext4', '-q', device);
    const mounted = await mount(device, 'ext4');
    try {
      expect(await kindOf(openBlockDevice({ clock }, device))).toBe('refused-for-safety');
    } finally {
      await mounted.unmount();
    }
    expect(await kindOf(openBlockDevice({ clock }, device).then((lun) => lun.close()))).toBe('done');
  });
});
