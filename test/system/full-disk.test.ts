import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LunError } from '../../src/lun/lun.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { ended, lineOf, program, start, temporaryDirectory, type Ended } from '../cli/support/run-program.ts';
import { mount, type MountedFilesystem } from './support-raw/filesystem.ts';
import { encodeSector, SECTOR_BYTES } from './support/sectors.ts';

/** The file system under the primary's storage fills up while a host writes, and is given room again. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const LUN = 10;
const SECTORS_PER_WRITE = 64;
const VOLUME_SECTORS = 2 ** 23 / SECTOR_BYTES;
const at = (site: string) => ({ CDCTL_CONFIG: join(lab, `${site}.yaml`) });
let disk: MountedFilesystem;
let array: Promise<Ended>;
let stopArray: () => void = () => undefined;
let path: string;

/** Resolves once it serves. */
async function serve(): Promise<void> {
  const child = start(['array', 'serve', join(lab, 'tokyo'), '--json']);
  array = ended(child);
  stopArray = () => child.kill('SIGTERM');
  await lineOf(child, (line) => line.includes('"event":"ready"'));
}

async function cdctl(...argv: string[]): Promise<void> {
  const { code, stdout, stderr } = await program(argv, at('tokyo'));
  expect(code, `cdctl ${argv.join(' ')}: ${stderr}${stdout}`).toBe(0);
}

const opener = createLunOpener({
  transport: createTcpTransport(),
  clock: createRealClock(),
  random: createRealRandom(),
  initiatorName: 'iqn.2026-11.io.cdctl:filler',
  reconnectPausesMs: [],
});

const bytesOf = (counter: number): Buffer => {
  const lba = (counter - 1) * SECTORS_PER_WRITE;
  const sectors = Array.from({ length: SECTORS_PER_WRITE }, (_, index) =>
    encodeSector({ volume: LUN, lba: lba + index, counter }),
  );
  return Buffer.concat(sectors);
};

/** Writes on from `counter` until one fails or the volume is full: the first that was not acknowledged, and why. */
async function writeFrom(counter: number): Promise<{ readonly next: number; readonly failure?: unknown }> {
  const lun = await opener.open(path);
  let next = counter;
  try {
    for (; next * SECTORS_PER_WRITE <= VOLUME_SECTORS; next += 1) {
      await lun.write((next - 1) * SECTORS_PER_WRITE, bytesOf(next), { repeatable: false });
    }
    return { next };
  } catch (failure) {
    return { next, failure };
  } finally {
    await lun.close();
  }
}

async function expectWritesBefore(next: number): Promise<void> {
  const lun = await opener.open(path);
  try {
    for (let counter = 1; counter < next; counter += 1) {
      const bytes = await lun.read((counter - 1) * SECTORS_PER_WRITE, SECTORS_PER_WRITE);
      expect(Buffer.compare(bytes, bytesOf(counter)), `write ${counter} of ${next - 1}`).toBe(0);
    }
  } finally {
    await lun.close();
  }
}

beforeAll(async () => {
  disk = await mount('none', 'tmpfs', 'size=3m');
  mkdirSync(lab);
  mkdirSync(join(disk.path, 'tokyo'));
  symlinkSync(join(disk.path, 'tokyo'), join(lab, 'tokyo'));
  const up = await program([
    'lab',
    'up',
    '--directory',
    lab,
    '--volume-size',
    '8MiB',
    '--journal-size',
    '16MiB',
    '--json',
  ]);
  const { arrays } = (JSON.parse(up.stdout) as { lab: { arrays: { port: number; targetName: string }[] } }).lab;
  path = `iscsi://127.0.0.1:${arrays[0]!.port}/${arrays[0]!.targetName}/${LUN}`;
  await cdctl('pair', 'create', 'oradb', '--primary', 'tokyo');
  await cdctl('replicate', 'oradb', '--until-empty');
  await cdctl('lab', 'fault', 'kill', 'tokyo', '--directory', lab);
  await serve();
});

afterAll(async () => {
  stopArray();
  await array;
  await program(['lab', 'down', '--directory', lab]);
  await opener.close();
  await disk.unmount();
  place.remove();
});

describe('an array whose disk is full', () => {
  it('refuses writes, says why in words, loses nothing that it acknowledged, and goes on once there is room', async () => {
    const filled = await writeFrom(1);
    expect(filled.failure).toBeInstanceOf(LunError);
    expect((filled.failure as LunError).sense).toMatchObject({ key: 7, asc: 0x27, ascq: 0x07 });
    expect(filled.next).toBeGreaterThan(1);

    // Whether its tables could still be made durable or not: it ends in order, or is ended, and says why.
    stopArray();
    const { code, stdout } = await array;
    expect(stdout).toContain('ENOSPC');
    const end = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { ok: boolean; error?: { class: string } };
    if (code !== 0)
      expect({ code, ...end }).toMatchObject({ code: 5, error: { class: 'refused', where: expect.any(String) } });

    await disk.run('mount', '-o', 'remount,size=64m', '/mnt');
    await serve();
    await expectWritesBefore(filled.next);
    const rest = await writeFrom(filled.next);
    expect(rest.failure).toBeUndefined();
    await expectWritesBefore(rest.next);
    // Where the journal had no room either, the group is suspended; where it had, this changes nothing.
    await cdctl('pair', 'resync', 'oradb');
    await cdctl('replicate', 'oradb', '--until-empty');
    await cdctl('pair', 'check', 'oradb', '--consistent', '--max-lag', '0ms');
  });
});
