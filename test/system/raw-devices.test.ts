import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBlockDevice } from '../../src/lun/block-device.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { ended, lineOf, program, start, temporaryDirectory } from '../cli/support/run-program.ts';
import {
  attach,
  iscsiDriver,
  obstacle,
  run,
  type LoopDevice,
  type LoopOptions,
  type RawDevice,
} from './support-raw/raw-device.ts';

/**
 * Command devices as block devices of this machine, over real arrays: QEMU's iSCSI, FUSE, loop. Debian: qemu-utils,
 * qemu-block-extra, qemu-system-common, fuse3; root. Where the machine does not permit it, every test is counted as
 * skipped and says why.
 */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const raw = { CDCTL_CONFIG: join(place.path, 'raw.yaml') };
const iscsi = { CDCTL_CONFIG: join(lab, 'tokyo.yaml') };
const imageFile = join(place.path, 'image');
const attached: LoopDevice[] = [];
const obstacleHere = await obstacle(place.path);
if (obstacleHere !== undefined) process.stderr.write(`raw devices are NOT tested: ${obstacleHere}\n`);

interface LabArray {
  readonly name: string;
  readonly port: number;
  readonly targetName: string;
}

type Json = Record<string, unknown>;

let arrays: Record<string, LabArray>;
let command: RawDevice;
let virtual: RawDevice;
let data: RawDevice;
let far: RawDevice;

async function cdctl(argv: readonly string[], environment: Readonly<Record<string, string>> = raw): Promise<string> {
  const { code, stdout, stderr } = await program(argv, environment);
  expect(code, `cdctl ${argv.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

/** The last object of a command that prints one a line, the only one of all others. */
async function json(argv: readonly string[], environment: Readonly<Record<string, string>> = raw): Promise<Json> {
  const lines = (await cdctl([...argv, '--json'], environment)).trim().split('\n');
  return JSON.parse(lines.at(-1)!) as Json;
}

/** Exit code and error of a command that fails. */
async function failure(argv: readonly string[], environment: Readonly<Record<string, string>> = raw): Promise<Json> {
  const { code, stdout } = await program([...argv, '--json'], environment);
  return { code, ...((JSON.parse(stdout) as Json)['error'] as Json) };
}

async function attachLun(array: string, lun: number, options?: LoopOptions): Promise<RawDevice> {
  const { port, targetName } = arrays[array]!;
  const device = await attach(place.path, `${array}-${lun}`, iscsiDriver(port, targetName, lun), options);
  attached.push(device);
  return device;
}

/** The lab's own configuration of the host at tokyo, with other paths and no portal. */
function writeConfiguration(file: string, paths: Readonly<Record<string, string>>): void {
  const lines = fs.readFileSync(iscsi.CDCTL_CONFIG, 'utf8').split('\n');
  const devices = Object.values(paths);
  const replaced = lines.flatMap((line) => {
    if (line.includes('portal:')) return [];
    return [/^ +- iscsi:/.test(line) ? `      - ${devices.shift()}` : line];
  });
  fs.writeFileSync(file, replaced.join('\n'));
}

/** All names of fields, at any depth, with the types of their values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((entry) => JSON.stringify(shapeOf(entry))))].toSorted();
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, shapeOf(entry)]));
}

beforeAll(async () => {
  if (obstacleHere !== undefined) return;
  const sizes = ['--volume-size', '16MiB', '--journal-size', '64MiB'];
  const { lab: report } = JSON.parse(await cdctl(['lab', 'up', '--json', '--directory', lab, ...sizes], {})) as {
    lab: { arrays: LabArray[] };
  };
  arrays = Object.fromEntries(report.arrays.map((array) => [array.name, array]));
  command = await attachLun('tokyo', 0);
  virtual = await attachLun('tokyo', 1);
  data = await attachLun('tokyo', 10);
  far = await attachLun('osaka', 10);
  writeConfiguration(raw.CDCTL_CONFIG, { tokyo: command.device, osaka: virtual.device });
  fs.writeFileSync(imageFile, new Uint8Array(4096).fill(7));
  await json(['pair', 'create', 'oradb', '--primary', 'tokyo']);
});

beforeEach((context) => {
  if (obstacleHere !== undefined) context.skip(obstacleHere);
});

afterAll(async () => {
  for (const device of attached.toReversed()) await device.remove();
  await program(['lab', 'down', '--directory', lab]);
  const left = run('losetup', '--list', '--noheadings', '--output', 'BACK-FILE').split('\n');
  const mounted = fs.readFileSync('/proc/self/mountinfo', 'utf8');
  place.remove();
  expect(left.filter((file) => file.startsWith(place.path))).toEqual([]);
  expect(mounted).not.toContain(place.path);
});

describe('a host with raw devices only', () => {
  it('finds its configuration sound and the command devices what they should be', async () => {
    expect(await json(['config', 'check'])).toMatchObject({ ok: true, arrays: 2, groups: 1 });
    const { port, targetName } = arrays['tokyo']!;
    for (const [device, lun] of [[command, 0] as const, [virtual, 1] as const]) {
      // The kernel is asked for what it keeps of a device, the LUN for what it says, and by an initiator with a name.
      const { examination: kept, ...here } = await json(['lun', 'show', device.device]);
      const {
        examination: said,
        initiatorName,
        ...there
      } = await json(['lun', 'show', `iscsi://127.0.0.1:${port}/${targetName}/${lun}`], iscsi);
      expect(kept).toMatchObject({ source: 'kernel' });
      expect(said).toMatchObject({ source: 'unit' });
      expect(initiatorName).toMatch(/^iqn\./);
      expect(here['label']).toEqual(there['label']);
      expect(here['capacity']).toEqual(there['capacity']);
      expect(shapeOf(here)).toEqual(shapeOf(there));
    }
    expect((await json(['lun', 'show', data.device]))['label']).toBeFalsy();
    expect(await json(['lun', 'list'])).toEqual(await json(['lun', 'list'], iscsi));
  });

  it('says that a write to an auxiliary volume was refused, in the words of the kernel', async () => {
    const { port, targetName } = arrays['osaka']!;
    const write = (path: string) => failure(['lun', 'write', path, '--input', imageFile, '--confirm', path]);
    // WRITE PROTECTED has no name on this way, so whether the write was done is not known.
    expect(await write(far.device)).toMatchObject({ code: 10, kind: 'io-error' });
    expect(await write(`iscsi://127.0.0.1:${port}/${targetName}/10`)).toMatchObject({
      code: 5,
      kind: 'write-protected',
    });
  });

  it('shares the slots with other hosts: an occupied one, which the kernel calls an input/output error, is passed over', async () => {
    const block = join(place.path, 'block');
    await cdctl(['block', 'encode', 'array.show', '--serial', 'TK000001', '--output', block]);
    // 46 of 64 slots hold an answer that nobody fetches: seven, three free ones, seven. One initiator may have two more.
    const occupied = Array.from({ length: 64 }, (_, slot) => slot).filter((slot) => slot % 10 < 7);
    for (const slot of occupied) {
      const other = join(place.path, `block-${slot}`);
      await cdctl(['block', 'encode', 'array.show', '--serial', 'TK000001', '--output', other]);
      write(other, slot);
    }
    expect(() => write(block, occupied[0]!)).toThrow(/Input\/output error|Invalid exchange/);
    const { code, stderr } = await program(['lun', 'list', 'tokyo', '--verbose'], raw);
    expect(code, stderr).toBe(0);
    const sent = await program(['block', 'send', 'tokyo', '--file', block, '--confirm', 'tokyo'], raw);
    expect(sent.code, sent.stderr).toBe(0);
    for (const slot of occupied) readSlot(slot);
  });

  const write = (block: string, slot: number): string =>
    run('dd', `if=${block}`, `of=${command.device}`, 'bs=4096', 'count=1', `seek=${(slot + 1) * 4}`, 'oflag=direct');
  const readSlot = (slot: number): string =>
    run('dd', `if=${command.device}`, 'of=/dev/null', 'bs=16384', 'count=1', `skip=${slot + 1}`, 'iflag=direct');
});

describe('a host with nothing but dd', () => {
  const readme = fs.readFileSync(new URL('../../src/interface-block/README.md', import.meta.url), 'utf8');
  const recipe = [...readme.slice(readme.indexOf('## By hand')).matchAll(/^```sh\n([^]*?)^```$/gm)].map(
    ([, text]) => text,
  );

  function follow(device: string, serial: string): string {
    const folder = fs.mkdtempSync(join(place.path, 'dd-'));
    const script = recipe
      .join('\n')
      .replace('DEVICE=/dev/sdc', `DEVICE=${device}`)
      .replace('SERIAL=TOKYO', `SERIAL=${serial}`);
    return execFileSync('sh', ['-eu', '-c', script], { cwd: folder, encoding: 'utf8' });
  }

  it('asks both arrays for their journals, by the recipe as it is printed', async () => {
    for (const [array, device, serial] of [
      ['tokyo', command.device, 'TK000001'],
      ['osaka', virtual.device, 'OS000001'],
    ] as const) {
      const lines = follow(device, serial).trim().split('\n');
      expect(lines[0]).toBe('status 0');
      const shown = JSON.stringify(await json(['journal', 'show', 'oradb']));
      const [, out, into] = /journal out (\d+), in (\d+)/.exec(lines[1]!)!;
      expect(shown, array).toContain(`"journalOutSequence":${out}`);
      expect(shown, array).toContain(`"journalInSequence":${into}`);
    }
  });

  it('goes no further where the label names another array', () => {
    expect(() => follow(command.device, 'OS000001')).toThrow();
  });

  it('cannot write anything but a block at the start of a slot', () => {
    const zeros = (...args: string[]) => run('dd', 'if=/dev/zero', `of=${command.device}`, 'oflag=direct', ...args);
    expect(() => zeros('bs=4096', 'count=1')).toThrow();
    expect(() => zeros('bs=512', 'count=1', 'seek=32')).toThrow();
    expect(() => zeros('bs=4096', 'count=1', 'seek=5')).toThrow();
  });
});

describe('blocks of 4096 bytes', () => {
  it('in the loop device over blocks of 512 in the array', async () => {
    const wide = command.another({ sectorSize: 4096 });
    attached.push(wide);
    const configuration = join(place.path, 'wide.yaml');
    writeConfiguration(configuration, { tokyo: wide.device, osaka: virtual.device });
    expect((await json(['lun', 'show', wide.device]))['capacity']).toMatchObject({ blockSize: 4096 });
    const shown = await json(['journal', 'show', 'oradb'], { CDCTL_CONFIG: configuration });
    expect(shapeOf(shown)).toEqual(shapeOf(await json(['journal', 'show', 'oradb'])));
  });

  it('in the array and the device', async () => {
    const directory = join(place.path, 'kyoto');
    const parts = ['--command-device', '0', '--volume', '10:data:16MiB', '--journal', '20:journal:64MiB'];
    const names = ['--name', 'kyoto', '--serial', 'KY000001', '--block-size', '4096'];
    await cdctl(['array', 'init', directory, ...names, ...parts], {});
    const server = start(['array', 'serve', directory, '--listen', '127.0.0.1:0']);
    try {
      const ready = await lineOf(server, (line) => line.startsWith('ready'));
      const [, port, target] = /iscsi:\/\/127\.0\.0\.1:(\d+)\/(\S+)/.exec(ready)!;
      const device = await attach(place.path, 'kyoto-0', iscsiDriver(Number(port), target!, 0), { sectorSize: 4096 });
      try {
        const configuration = join(place.path, 'kyoto.yaml');
        const entry = `{ serial: KY000001, command-devices: [${device.device}] }`;
        fs.writeFileSync(configuration, `version: 1\narrays:\n  kyoto: ${entry}\ngroups: {}\n`);
        const environment = { CDCTL_CONFIG: configuration };
        expect((await json(['lun', 'show', device.device], environment))['label']).toMatchObject({ blockSize: 4096 });
        expect(JSON.stringify(await json(['lun', 'list', 'kyoto'], environment))).toContain('"blockSize":4096');
      } finally {
        await device.remove();
      }
    } finally {
      server.kill('SIGTERM');
    }
  });
});

describe('names of devices', () => {
  const folder = '/dev/disk/by-id';
  const byId = `${folder}/cdctl-test-${process.pid}`;
  let made: string | undefined;

  beforeAll(() => {
    made = fs.mkdirSync(folder, { recursive: true });
  });

  afterAll(() => {
    fs.rmSync(byId, { force: true });
    if (made !== undefined) fs.rmSync(made, { recursive: true });
  });

  function lead(device: string): void {
    fs.rmSync(byId, { force: true });
    fs.symlinkSync(device, byId);
  }

  it('are followed, and one that leads elsewhere between two commands writes to nothing', async () => {
    const environment = { CDCTL_CONFIG: join(place.path, 'by-id.yaml') };
    writeConfiguration(environment.CDCTL_CONFIG, { tokyo: byId, osaka: virtual.device });
    lead(command.device);
    expect(await json(['journal', 'show', 'oradb'], environment)).toMatchObject({ ok: true });
    const before = await json(['lun', 'show', data.device]);
    for (const [device, kind] of [
      [data.device, 'not-a-command-device'],
      [virtual.device, 'wrong-array'],
    ] as const) {
      lead(device);
      expect(await failure(['lun', 'list', 'tokyo'], environment)).toMatchObject({ code: 8, kind });
    }
    expect(await json(['lun', 'show', data.device])).toEqual(before);
    lead(command.device);
    expect(await json(['lun', 'list', 'tokyo'], environment)).toMatchObject({ ok: true });
  });

  it('that are given to another device between two requests of a program are noticed', async () => {
    lead(command.device);
    const lun = await openBlockDevice({ clock: createRealClock() }, byId);
    try {
      const label = await lun.read(0, 8);
      lead(virtual.device);
      await expect(lun.write(0, label, { onlyAsLastRead: true })).rejects.toMatchObject({
        kind: 'no-path',
        outcome: 'not-done',
        message: expect.stringMatching(/leads to device \d+:\d+ now/) as string,
      });
    } finally {
      await lun.close();
    }
  });
});

describe('a device that must not or cannot be used', () => {
  it('is refused while it is held exclusively', async () => {
    const holder = fs.openSync(command.device, fs.constants.O_RDWR | fs.constants.O_EXCL);
    try {
      expect(await failure(['lun', 'list', 'tokyo'])).toMatchObject({ code: 8 });
      expect(await failure(['lun', 'read', command.device])).toMatchObject({ code: 8 });
      expect(await json(['lun', 'show', command.device])).toMatchObject({ label: { arraySerial: 'TK000001' } });
    } finally {
      fs.closeSync(holder);
    }
    await cdctl(['lun', 'list', 'tokyo']);
  });

  it('is refused while it is mounted', async () => {
    const { port, targetName } = arrays['tokyo']!;
    const log = await attach(place.path, 'tokyo-11', iscsiDriver(port, targetName, 11));
    attached.push(log);
    run('mkfs.ext4', '-q', log.device);
    const mountPoint = join(place.path, 'mounted');
    fs.mkdirSync(mountPoint);
    run('mount', log.device, mountPoint);
    try {
      expect(await json(['lun', 'show', log.device])).toMatchObject({ ok: true });
      expect(await failure(['lun', 'read', log.device])).toMatchObject({
        code: 8,
        why: expect.stringMatching(/mounted/) as string,
      });
      expect(await failure(['lun', 'write', log.device, '--input', imageFile, '--confirm', log.device])).toMatchObject({
        code: 8,
      });
    } finally {
      run('umount', mountPoint);
    }
    await cdctl(['lun', 'show', log.device]);
  });

  it('is named as read-only where it is', async () => {
    const readOnly = command.another({ readOnly: true });
    attached.push(readOnly);
    const configuration = join(place.path, 'read-only.yaml');
    writeConfiguration(configuration, { tokyo: readOnly.device, osaka: virtual.device });
    await cdctl(['lun', 'show', readOnly.device]);
    const refused = await failure(['lun', 'list', 'tokyo'], { CDCTL_CONFIG: configuration });
    expect(refused).toMatchObject({ code: 4, why: expect.stringMatching(/read-only/) as string });
  });

  it('that does not answer is said to be so in time, though the kernel still waits for it', async () => {
    await cdctl(['lab', 'fault', 'pause', 'tokyo', '--directory', lab]);
    try {
      const child = start(['pair', 'show', '--timeout', '2s', '--json'], raw);
      const end = ended(child);
      const said = JSON.parse(await lineOf(child, (line) => line.startsWith('{'))) as Json;
      expect(said['error']).toMatchObject({ class: 'no-path', why: expect.stringMatching(/no answer/) as string });
      expect(child.exitCode).toBe(null);
      await cdctl(['lab', 'fault', 'resume', 'tokyo', '--directory', lab]);
      expect((await end).code).toBe(4);
    } finally {
      await program(['lab', 'fault', 'resume', 'tokyo', '--directory', lab]);
    }
    await cdctl(['lun', 'list']);
  });

  it('that has gone is no path, whatever is left of it', async () => {
    const gone = command.another();
    await gone.remove();
    const configuration = join(place.path, 'gone.yaml');
    for (const device of [gone.device, '/dev/nothing-here']) {
      writeConfiguration(configuration, { tokyo: device, osaka: virtual.device });
      expect(await failure(['lun', 'list', 'tokyo'], { CDCTL_CONFIG: configuration }), device).toMatchObject({
        code: 4,
      });
    }
    await command.breakOff();
    expect(await failure(['lun', 'list', 'tokyo'])).toMatchObject({ code: 4 });
    expect(await failure(['lun', 'read', command.device])).toMatchObject({
      code: expect.not.stringMatching('0') as number,
    });
  });
});
