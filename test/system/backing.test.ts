import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLunOpener, type PathOpener } from '../../src/lun/opener.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { ended, lineOf, program, start, temporaryDirectory } from '../cli/support/run-program.ts';
import { loopOver, type LoopDevice } from './support-raw/raw-device.ts';
import { Tgt } from './support/tgt.ts';

/**
 * Arrays in front of storage that was there before: the near one before a LUN of tgtd, the far one before a loop device.
 * Debian: tgt; needs root. Data are judged by the files behind both.
 */

const place = temporaryDirectory();
const clock = createRealClock();
const near = join(place.path, 'near.img');
const far = join(place.path, 'far.img');
const IMAGE_BYTES = 8 << 20;
const BLOCK = 4096;
/** What is written to over and over; behind it lies what nobody touches. */
const AREA_BLOCKS = 1024;
const before = randomBytes(IMAGE_BYTES);
const environment = { CDCTL_CONFIG: join(place.path, 'cdctl.yaml') };

interface Served {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly url: string;
}

let tgt: Tgt;
let loop: LoopDevice | undefined;
let opener: PathOpener;
const served = new Map<string, Served>();

type Json = Record<string, unknown>;

async function cdctl(...argv: string[]): Promise<Json> {
  const { code, stdout, stderr } = await program([...argv, '--json'], environment);
  expect(code, `cdctl ${argv.join(' ')}: ${stderr}${stdout}`).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Json;
}

async function serve(name: string, serial: string): Promise<void> {
  const directory = join(place.path, name);
  const own = ['--name', name, '--serial', serial, '--listen', '127.0.0.1:0'];
  await cdctl('array', 'init', directory, ...own, '--command-device', '0', '--journal', '20:journal:128MiB');
  const child = start(['array', 'serve', directory, '--json'], environment);
  const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Json;
  const { port, targetName } = { ...(ready['data'] as Json), ...ready };
  served.set(name, { child, directory, url: `iscsi://127.0.0.1:${String(port)}/${String(targetName)}` });
}

async function backingOf(name: string): Promise<Json> {
  const shown = await cdctl('array', 'show', served.get(name)!.directory);
  return ((shown['array'] ?? (shown['data'] as Json)['array']) as { backings: Json[] }).backings[0]!;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => clock.setTimer(200, () => resolve(undefined)));
  }
  throw new Error(`never: ${what}`);
}

const stateOf = async (): Promise<string> => JSON.stringify(await cdctl('pair', 'show', 'oradb'));

beforeAll(async () => {
  writeFileSync(near, before);
  writeFileSync(far, '');
  truncateSync(far, IMAGE_BYTES);
  tgt = await Tgt.start();
  tgt.addLun(1, near);
  loop = loopOver(far);
  opener = createLunOpener({
    transport: createTcpTransport(),
    clock,
    random: createRealRandom(),
    initiatorName: 'iqn.2026-11.example:application',
    timeoutMs: 30_000,
  });
  await serve('tokyo', 'TK000001');
  await serve('osaka', 'OS000001');
  const { tokyo, osaka } = { tokyo: served.get('tokyo')!, osaka: served.get('osaka')! };
  for (const [here, name, serial, there] of [
    [tokyo, 'osaka', 'OS000001', osaka],
    [osaka, 'tokyo', 'TK000001', tokyo],
  ] as const) {
    const peer = ['--serial', serial, '--name', name, '--portal', there.url];
    await cdctl('array', 'remote', 'add', here.directory, ...peer);
  }
  writeFileSync(
    environment.CDCTL_CONFIG,
    `version: 1
arrays:
  tokyo: { serial: TK000001, command-devices: ['${tokyo.url}/0'], portal: '${tokyo.url}' }
  osaka: { serial: OS000001, command-devices: ['${osaka.url}/0'], portal: '${osaka.url}' }
groups:
  oradb:
    journals: { tokyo: 20, osaka: 20 }
    pairs:
      data: { tokyo: 10, osaka: 10 }
`,
  );
});

afterAll(async () => {
  await opener?.close();
  for (const { child } of served.values()) {
    const end = ended(child);
    child.kill('SIGKILL');
    await end;
  }
  await tgt?.kill();
  await loop?.remove();
  place.remove();
});

/** Writes numbered blocks one after the other until one fails; the numbers of those that were acknowledged. */
async function writeUntilRefused(lun: Lun, acknowledged: (count: number) => Promise<void> | void): Promise<number> {
  for (let count = 0; count < 20_000; count += 1) {
    try {
      await lun.write(lbaOf(count), blockOf(count));
    } catch {
      return count;
    }
    await acknowledged(count + 1);
  }
  throw new Error('no write was ever refused');
}

const lbaOf = (number: number): number => (number % AREA_BLOCKS) * (BLOCK / 512);

function blockOf(number: number): Uint8Array {
  const data = new Uint8Array(BLOCK).fill(number & 0xff);
  new DataView(data.buffer).setUint32(0, number + 1);
  return data;
}

describe('arrays in front of storage that was there before', () => {
  it('show it as it is, replicate it, and lose nothing when it vanishes under load', async () => {
    const { tokyo, osaka } = { tokyo: served.get('tokyo')!, osaka: served.get('osaka')! };
    const volume = ['--lun', '10', '--name', 'data'];
    await cdctl('array', 'volume', 'add', tokyo.directory, ...volume, '--backing', tgt.url(1));
    await cdctl('array', 'volume', 'add', osaka.directory, ...volume, '--backing', loop!.device);
    const lun = await opener.open(`${tokyo.url}/10`);
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: IMAGE_BYTES / 512 });
    expect(Buffer.compare(await lun.read(0, IMAGE_BYTES / 512), before)).toBe(0);

    await cdctl('pair', 'create', 'oradb', '--primary', 'tokyo');
    await cdctl('replicate', 'oradb', '--until-empty');
    expect(readFileSync(far).equals(before)).toBe(true);

    const count = await writeUntilRefused(lun, async (written) => {
      if (written === 100) await tgt.kill();
    });
    expect(count).toBeGreaterThanOrEqual(100);
    expect(await backingOf('tokyo')).toMatchObject({ condition: 'away' });
    await until('suspended', async () => (await stateOf()).includes('"error"'));

    await tgt.run();
    tgt.addLun(1, near);
    await until('the backing is back', async () => (await backingOf('tokyo'))['condition'] === 'ready');
    // The write that was refused may have been done or not, as on any disk.
    for (let number = Math.max(0, count - AREA_BLOCKS + 1); number < count; number += 1) {
      const data = await lun.read(lbaOf(number), BLOCK / 512);
      expect(Buffer.compare(data, blockOf(number)), `write ${number}`).toBe(0);
    }
    await lun.write(0, blockOf(7));
    await cdctl('pair', 'resync', 'oradb', '--from', 'tokyo');
    await cdctl('replicate', 'oradb', '--until-empty');
    await lun.flush();
    await lun.close();
    expect(readFileSync(near).equals(readFileSync(far))).toBe(true);
    const behind = AREA_BLOCKS * BLOCK;
    expect(readFileSync(far).subarray(behind).equals(before.subarray(behind))).toBe(true);
  });

  it('hold a device for themselves, and refuse what another uses or what is not what it was', async () => {
    const { tokyo } = { tokyo: served.get('tokyo')! };
    const add = (lun: string, backing: string) =>
      program(['array', 'volume', 'add', tokyo.directory, '--lun', lun, '--name', 'more', '--backing', backing]);
    const held = await add('11', loop!.device);
    expect(held.code).not.toBe(0);
    expect(held.stderr).toMatch(/exclusively/);
    const twice = await add('11', tgt.url(1));
    expect(twice.code).not.toBe(0);
    expect(twice.stderr).toMatch(/LUN 10 already/);
    const own = await add('11', `${tokyo.url}/10`);
    expect(own.code).not.toBe(0);
    expect(own.stderr).toMatch(/this array itself/);
  });

  it('write nothing to another image that answers in the place of the first', async () => {
    const { tokyo } = { tokyo: served.get('tokyo')! };
    const [own, foreign] = [join(place.path, 'own.img'), join(place.path, 'foreign.img')];
    for (const image of [own, foreign]) writeFileSync(image, before);
    tgt.addLun(2, own, 'scsi_sn=beafrv1');
    await cdctl('array', 'volume', 'add', tokyo.directory, '--lun', '12', '--name', 'front', '--backing', tgt.url(2));
    const lun = await opener.open(`${tokyo.url}/12`);
    await lun.write(0, blockOf(1));
    await lun.flush();
    await tgt.kill();
    await tgt.run();
    tgt.addLun(1, near);
    tgt.addLun(2, foreign, 'scsi_sn=intruder');
    await expect(lun.write(8, blockOf(2))).rejects.toThrow();
    const found = async (): Promise<Json | undefined> => {
      const shown = await cdctl('array', 'show', tokyo.directory);
      const { backings } = (shown['array'] ?? (shown['data'] as Json)['array']) as { backings: Json[] };
      return backings.find((backing) => backing['lun'] === 12);
    };
    await until('refused', async () => String((await found())?.['why']).includes('serial intruder'));
    expect((await found())?.['condition']).toBe('away');
    await lun.close();
    expect(readFileSync(foreign).equals(before)).toBe(true);
  });
});
