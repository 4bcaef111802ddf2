import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program, temporaryDirectory, type Ended } from './support/run-program.ts';

/** What an administrator does with LUNs, by the built program against arrays of a lab. The cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const config = { CDCTL_CONFIG: join(lab, 'tokyo.yaml') };
const image = join(place.path, 'image');

type Data = Record<string, any>;

async function json(argv: readonly string[]): Promise<any> {
  const { stdout, code } = await program(['--json', ...argv], config);
  const lines = stdout.trimEnd().split('\n');
  expect(lines, `${argv.join(' ')}: ${stdout}`).toHaveLength(1);
  return { ...(JSON.parse(lines[0]!) as Data), code };
}

const cdctl = (argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  program(argv, { ...config, ...more });

let portal = '';

beforeAll(async () => {
  writeFileSync(image, randomBytes(1024 * 1024));
  const up = await json(['lab', 'up', '--directory', lab, '--volume-size', '4MiB', '--journal-size', '24MiB']);
  const tokyo = up.lab.arrays.find(({ name }: Data) => name === 'tokyo');
  portal = `127.0.0.1:${tokyo.port}`;
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

describe('lun scan', () => {
  it('finds every LUN behind a portal, and knows command devices', async () => {
    const { places, ok, code } = await json(['lun', 'scan', portal]);
    expect([ok, code, places.length]).toEqual([true, 0, 1]);
    expect(places[0]).toMatchObject({ place: `iscsi://${portal}/iqn.2026-11.io.cdctl:tokyo` });
    const kinds = places[0].luns.map(({ path, kind, array, writeProtected }: Data) => [
      Number(path.split('/').at(-1)),
      kind,
      array,
      writeProtected,
    ]);
    expect(kinds).toEqual([
      [0, 'command device', 'TK000001', false],
      [1, 'command device', 'OS000001', false],
      [10, 'disk', undefined, false],
      [11, 'disk', undefined, false],
      [20, 'disk', undefined, true],
      [30, 'disk', undefined, false],
    ]);
    const volume = places[0].luns[2];
    expect(volume).toMatchObject({
      vendor: 'CDCTL',
      blockSize: 512,
      blockCount: 8192,
      thin: true,
      serial: 'TK000001-000A',
    });
    expect(volume.worldWideName).toMatch(/^6[0-9a-f]{31}$/);
  });

  it('lists what it finds in a table where that fits, and else unit by unit', async () => {
    const wide = await cdctl(['lun', 'scan', portal], { COLUMNS: '200' });
    expect(wide.stdout).toMatch(/^10 +4 MiB +512 +disk, thin +read, write +CDCTL VOLUME +TK000001-000A +6/m);
    const narrow = await cdctl(['lun', 'scan', portal], { COLUMNS: '60' });
    expect(narrow.stdout).toMatch(/^LUN 10\n {2}size {13}4 MiB\n/m);
    expect(narrow.stdout.split('\n').filter((line) => line.length > 60)).toEqual([]);
  });

  it('says of each place that does not answer why not, and shows the others', async () => {
    const { places, ok, code, error } = await json(['lun', 'scan', portal, '127.0.0.1:1']);
    expect([ok, code]).toEqual([false, 9]);
    expect(places[0].luns).toHaveLength(6);
    expect(places[1].error).toMatchObject({ class: 'no-path', exit: 4 });
    expect(error.what).toBe('not everything answered');
    expect((await cdctl(['lun', 'scan', '127.0.0.1:1'])).code).toBe(4);
    expect((await cdctl(['lun', 'scan', '/etc'])).code).toBe(2);
  });

  it('takes what is named twice for one place, and never for two paths', async () => {
    const { places } = await json(['lun', 'scan', portal]);
    const [{ place: target }] = places;
    const again = await json(['lun', 'scan', portal, `iscsi://${portal}/`, target, `${target}/10`]);
    expect(again.places).toHaveLength(2);
    expect((await cdctl(['lun', 'scan', portal, target])).stdout).not.toMatch(/paths/i);
  });

  it('says what to do where no secret is known', async () => {
    const { error } = await json(['lun', 'scan', `hana@${portal}`]);
    expect(error.next).toMatch(/chap in the configuration, or set CDCTL_CHAP_SECRET/);
  });
});

describe('lun show', () => {
  it('tells everything about a volume', async () => {
    const { examination, identity, code } = await json(['lun', 'show', 'tokyo/data']);
    expect(code).toBe(0);
    expect(identity).toMatchObject({ vendor: 'CDCTL', serial: 'TK000001-000A' });
    expect(examination).toMatchObject({
      source: 'unit',
      state: 'ready',
      capacity: { blockSize: 512, blockCount: 8192, byteLength: 4 * 1024 * 1024, thin: true, readsZeros: true },
      mode: { writeProtected: false, writeCache: true, forceUnitAccess: true },
      reservations: { keys: [], registrations: [] },
      unknown: [],
    });
    const pages = examination.vpd.map(({ page }: Data) => page);
    expect(pages).toEqual(expect.arrayContaining(['00', '80', '83', 'b0', 'b1', 'b2']));
    for (const { page, bytes } of examination.vpd) expect(bytes.slice(2, 4)).toBe(page);
    const named = examination.vpd.find(({ page }: Data) => page === '83').fields;
    expect(named).toContainEqual({ name: 'logical unit, NAA', value: identity.worldWideName });
  });

  it('says it in words, and with --all every field with its bytes', async () => {
    const short = await cdctl(['lun', 'show', 'tokyo/data']);
    expect(short.stdout).toContain('8192 of 512 bytes (4 MiB)');
    expect(short.stdout).toMatch(/^ {2}provisioning {4}thin, given back by UNMAP/m);
    expect(short.stdout).not.toContain('VPD page b0h');
    const long = await cdctl(['lun', 'show', 'tokyo/data', '--all']);
    expect(long.stdout).toMatch(/^VPD page b0h, block limits\n/m);
    expect(long.stdout).toMatch(/^00000000 {2}00 b0 00 3c/m);
    expect((await cdctl(['lun', 'show', 'tokyo/osaka-command'])).stdout).toContain('of array OS000001 (osaka)');
    expect((await cdctl(['lun', 'show', '20', '--json'])).code).toBe(2);
    expect((await cdctl(['lun', 'show', 'tokyo/journal', '--json'])).stdout).toContain('"writeProtected":true');
  });
});

describe('lun reserve', () => {
  const reserve = (verb: string, ...more: string[]): Promise<any> =>
    json(['lun', 'reserve', verb, 'tokyo/data', ...more]);
  const [a, b] = ['00000000000000a1', '00000000000000b2'];

  it('keeps others out, by name of key, until it is released', async () => {
    expect(await reserve('register', '--key', 'a1', '--dry-run')).toMatchObject({ changed: false, done: false });
    expect(await reserve('register', '--key', 'a1')).toMatchObject({ changed: true, reservations: { keys: [a] } });
    expect(await reserve('register', '--key', '0xA1')).toMatchObject({ changed: false, reservations: { keys: [a] } });
    const taken = await reserve('take', '--key', 'a1', '--type', 'write-exclusive');
    expect(taken).toMatchObject({ changed: true, reservations: { held: { key: a, type: 'write-exclusive' } } });
    expect(taken.reservations.registrations[0].port).toMatch(/^iqn\.2026-11\.io\.cdctl:host\..*,i,0x80[0-9a-f]{10}$/);
    const write = ['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/data'];
    const refused = await json(write);
    expect(refused).toMatchObject({ code: 7, error: { kind: 'reservation-conflict', class: 'busy' } });
    expect(refused.error.next).toContain('lun reserve status');
    expect((await json([...write, '--reservation-key', 'a1'])).code).toBe(0);
    expect((await json(['lun', 'read', 'tokyo/data'])).code).toBe(0);
  });

  it('takes it over from another host where that is confirmed', async () => {
    expect((await reserve('take', '--key', 'b2')).error).toMatchObject({ kind: 'reservation-conflict' });
    await reserve('register', '--key', 'b2');
    expect((await reserve('preempt', '--key', 'b2', '--victim', 'a1')).code).toBe(8);
    const preempted = await reserve('preempt', '--key', 'b2', '--victim', 'a1', '--confirm', 'tokyo/data');
    expect(preempted).toMatchObject({
      changed: true,
      reservations: { keys: [b], held: { key: b, type: 'write-exclusive' } },
    });
    expect(await reserve('preempt', '--key', 'b2', '--victim', 'a1')).toMatchObject({ changed: false, code: 0 });
  });

  it('is given up step by step, or at once, and again changes nothing', async () => {
    const released = await reserve('release', '--key', 'b2');
    expect(released).toMatchObject({ changed: true, reservations: { keys: [b] } });
    expect(released.reservations).not.toHaveProperty('held');
    expect(await reserve('release', '--key', 'b2')).toMatchObject({ changed: false, code: 0 });
    expect(await reserve('unregister', '--key', 'b2')).toMatchObject({ changed: true, reservations: { keys: [] } });
    expect(await reserve('unregister', '--key', 'b2')).toMatchObject({ changed: false, code: 0 });
    await reserve('register', '--key', 'a1');
    expect(await reserve('clear', '--key', 'a1', '--confirm', 'tokyo/data')).toMatchObject({ changed: true });
    expect(await reserve('clear', '--key', 'a1')).toMatchObject({ changed: false, code: 0 });
    expect(await reserve('status')).toMatchObject({ code: 0, reservations: { keys: [] } });
  });

  it('refuses keys that are none', async () => {
    for (const key of ['0', 'xyz', '0x11112222333344445'])
      expect((await reserve('register', '--key', key)).code).toBe(2);
  });

  it('says of a unit without reservations that it has none', async () => {
    const { error } = await json(['lun', 'reserve', 'status', 'tokyo/command']);
    expect(error).toMatchObject({ exit: 5, why: expect.stringMatching(/has no persistent reservations/) });
  });
});

describe('lun copy', () => {
  const copy = (from: string, to: string, ...more: string[]): Promise<any> =>
    json(['lun', 'copy', from, to, '--confirm', to, ...more]);
  const compare = (left: string, right: string, ...more: string[]): Promise<any> =>
    json(['lun', 'compare', left, right, ...more]);
  const big = join(place.path, 'big');
  const out = join(place.path, 'out');

  it('brings a file onto a LUN, a LUN onto a LUN and back into a file', async () => {
    const content = Buffer.concat([randomBytes(1_500_000), Buffer.alloc(4 * 1024 * 1024 - 1_500_000)]);
    writeFileSync(big, content);
    expect(await copy(big, 'tokyo/data', '--dry-run')).toMatchObject({ changed: false, dryRun: true });
    const first = await copy(big, 'tokyo/data', '--verify');
    expect(first).toMatchObject({ code: 0, changed: true, byteLength: 4194304 });
    // The last two of four cells are zeros, which a thin LUN takes without being sent them.
    expect(first.figures).toMatchObject({ whole: true, verifiedBytes: 4194304, zeroBytes: 2 * 1024 * 1024 });
    const second = await copy('tokyo/data', 'tokyo/log', '--verify');
    expect(second.figures).toMatchObject({ whole: true, writtenBytes: 4194304 });
    expect(await compare('tokyo/data', 'tokyo/log')).toMatchObject({ equal: true, code: 0, differentBlocks: 0 });
    expect(await json(['lun', 'copy', 'tokyo/log', out])).toMatchObject({ code: 0, changed: true });
    expect(readFileSync(out).equals(content)).toBe(true);
    expect(existsSync(`${out}.partial`)).toBe(false);
    expect((await json(['lun', 'copy', 'tokyo/log', out])).code).toBe(8);
  });

  it('compares what is there and writes only what differs with --resume', async () => {
    await json(['lun', 'write', 'tokyo/log', '--input', image, '--lba', '2048', '--confirm', 'tokyo/log']);
    const found = await compare('tokyo/data', 'tokyo/log');
    expect(found).toMatchObject({ equal: false, code: 1, error: { class: 'does-not-hold', what: 'they differ' } });
    expect(found.firstDifference).toBeGreaterThanOrEqual(2048 * 512);
    expect(found.firstDifference).toBeLessThan(2048 * 512 + 16);
    expect(found).toMatchObject({ differentBlocks: 2048, ranges: [{ offset: 1048576, length: 1048576 }] });
    expect(await compare('tokyo/data', 'tokyo/log', '--first')).toMatchObject({
      code: 1,
      firstDifference: found.firstDifference,
    });
    const text = await cdctl(['lun', 'compare', 'tokyo/data', 'tokyo/log']);
    expect(text.stdout).toMatch(/^different {2}2048 of 8192 blocks of 512 bytes/);
    expect(text.stdout).toMatch(/^2048 +2048 +1 MiB$/m);
    const resumed = await copy('tokyo/data', 'tokyo/log', '--resume');
    // The differing cell, and the first one, whose place the marker took meanwhile.
    expect(resumed).toMatchObject({ changed: true, figures: { whole: true, writtenBytes: 2 * 1024 * 1024 } });
    expect(await copy('tokyo/data', 'tokyo/log', '--resume')).toMatchObject({ changed: false, code: 0 });
    expect((await compare(big, 'tokyo/log')).equal).toBe(true);
  });

  it('refuses what it may not write to, and changes nothing', async () => {
    expect((await json(['lun', 'copy', big, 'tokyo/data'])).error).toMatchObject({ what: 'not confirmed', exit: 8 });
    expect((await copy('tokyo/data', 'tokyo/osaka-command')).error).toMatchObject({
      exit: 8,
      what: 'this LUN is a command device',
    });
    expect((await copy('tokyo/data', 'tokyo/journal')).error).toMatchObject({ exit: 8 });
    expect((await copy('tokyo/data', 'tokyo/10')).error).toMatchObject({
      exit: 8,
      what: 'source and destination are the same LUN',
    });
    expect((await copy(image, big)).code).toBe(2);
    expect((await copy(join(place.path, 'absent'), 'tokyo/data')).error).toMatchObject({
      exit: 5,
      what: 'the file cannot be read',
    });
    writeFileSync(join(place.path, 'odd'), 'abc');
    expect((await copy(join(place.path, 'odd'), 'tokyo/data')).code).toBe(2);
    expect((await copy(image, 'tokyo/data', '--to-offset', '100')).code).toBe(2);
    expect((await compare(big, 'tokyo/data')).equal).toBe(true);
  });

  it('refuses a virtual volume and the volume behind it, and every byte of it is still there', async () => {
    const { lab: report } = await json(['lab', 'status', '--directory', lab]);
    const { port } = report.arrays.find(({ name }: Data) => name === 'osaka');
    const behind = `iscsi://127.0.0.1:${port}/iqn.2026-11.io.cdctl:osaka/10`;
    expect(await copy(big, behind)).toMatchObject({ code: 0 });
    for (const [from, to] of [
      ['tokyo/osaka-data', behind],
      [behind, 'tokyo/osaka-data'],
    ] as const) {
      for (const more of [[], ['--resume', '--to-offset', '1MiB', '--length', '1MiB']]) {
        const { code, error } = await copy(from, to, ...more);
        expect([code, error.class, error.what]).toEqual([8, 'unsafe', 'source and destination lead to one disk']);
        expect((await compare(big, behind)).equal).toBe(true);
      }
    }
  });

  it('says what is wrong by the name that it has', async () => {
    const words = async (call: Promise<any>) => (await call).error.what as string;
    expect(await words(copy('tokyo/log', 'tokyo/data', '--from-offset', '100'))).toMatch(/^--from-offset of 100 bytes/);
    expect(await words(compare('tokyo/data', image, '--left-offset', '7'))).toMatch(/^--left-offset of 7 bytes/);
    expect(await words(compare('tokyo/data', big, '--length', '7'))).toMatch(/^the length of 7 bytes/);
    writeFileSync(join(place.path, 'empty'), '');
    const nothing = ['--input', join(place.path, 'empty'), '--confirm', 'tokyo/data'];
    expect(await words(json(['lun', 'write', 'tokyo/data', ...nothing]))).toBe('nothing to write');
  });

  it('puts a part where it is told to, and leaves the rest', async () => {
    const part = await copy(image, 'tokyo/log', '--length', '64KiB', '--from-offset', '4096', '--to-offset', '1MiB');
    expect(part).toMatchObject({ code: 0, untouchedBytes: 3 * 1024 * 1024 - 65536 });
    const same = await compare(
      'tokyo/log',
      image,
      '--left-offset',
      '1MiB',
      '--right-offset',
      '4096',
      '--length',
      '64KiB',
    );
    expect(same).toMatchObject({ equal: true, code: 0 });
    expect(await compare('tokyo/log', image)).toMatchObject({ code: 1, equal: false });
    const odd = await copy(join(place.path, 'odd'), 'tokyo/log', '--pad', '--to-offset', '2MiB');
    expect(odd).toMatchObject({ code: 0, byteLength: 512 });
    expect((await json(['lun', 'read', 'tokyo/log', '--lba', '4096'])).bytes.slice(0, 8)).toBe('61626300');
  });

  it('ends at its deadline, and then looks like what it is', async () => {
    const cut = await copy(big, 'tokyo/log', '--deadline', '0ms');
    expect(cut).toMatchObject({ ok: false, code: 6, figures: { whole: false }, error: { class: 'timeout' } });
    expect(cut.error.next).toContain('--resume');
  });

  it('says what no file system could say of a file', async () => {
    const nowhere = await json(['lun', 'read', 'tokyo/data', '--output', join(place.path, 'absent', 'x')]);
    expect(nowhere.error).toMatchObject({ exit: 5, what: 'the file cannot be written' });
    expect(nowhere.error.why).toContain('ENOENT');
    // Renaming onto a device would replace it.
    const pipe = join(place.path, 'pipe');
    mkdirSync(pipe);
    expect((await json(['lun', 'read', 'tokyo/data', '--output', pipe])).error).toMatchObject({ exit: 5 });
    expect((await copy('tokyo/data', pipe)).error).toMatchObject({ exit: 5 });
    expect(existsSync(`${pipe}.partial`)).toBe(false);
  });
});

describe('lun copy and pairs', () => {
  it('does not write to an auxiliary volume, by whatever name', async () => {
    await json(['lun', 'write', 'tokyo/log', '--input', image, '--confirm', 'tokyo/log']);
    expect(await json(['pair', 'create', 'oradb', '--primary', 'tokyo'])).toMatchObject({ ok: true });
    const refused = await json(['lun', 'copy', 'tokyo/log', 'tokyo/osaka-data', '--confirm', 'tokyo/osaka-data']);
    expect(refused.error).toMatchObject({ exit: 8 });
    expect(refused.error.what).toContain('auxiliary volume');
    const path = `iscsi://${portal}/iqn.2026-11.io.cdctl:tokyo/30`;
    expect((await json(['lun', 'copy', 'tokyo/log', path, '--confirm', path])).error.exit).toBe(8);
    const onto = ['lun', 'copy', 'tokyo/log', 'tokyo/osaka-data', '--confirm', 'tokyo/osaka-data', '--onto-auxiliary'];
    const written = ['lun', 'write', 'tokyo/osaka-data', '--input', image, '--confirm', 'tokyo/osaka-data'];
    expect((await json([...written, '--timeout', '1s'])).error.why).toMatch(/0 B of 1 MiB had been written$/);
    // The array has the last word: a volume that a pair fills takes no writes.
    expect(await json([...onto, '--timeout', '1s'])).toMatchObject({ ok: false });
    expect(await json(['lun', 'copy', 'tokyo/log', 'tokyo/data', '--confirm', 'tokyo/data'])).toMatchObject({
      code: 0,
    });
  });
});

describe('what may be a file or a LUN', () => {
  it('is told apart in words: a path below a directory, and - for a pipe', async () => {
    const path = await cdctl(['lun', 'copy', 'tokyo/data', 'images/data.img']);
    expect([path.code, path.stderr]).toEqual([
      2,
      expect.stringMatching(/no array "images".*a file of that path is \.\/images\/data\.img/s),
    ]);
    for (const argv of [
      ['lun', 'copy', 'tokyo/data', '-'],
      ['lun', 'compare', '-', 'tokyo/data'],
    ]) {
      const pipe = await cdctl(argv);
      expect([pipe.code, pipe.stderr]).toEqual([2, expect.stringContaining('cdctl lun read LUN --output -')]);
    }
  });
});
