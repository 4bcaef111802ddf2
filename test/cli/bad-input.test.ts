import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, lineOf, program, start, temporaryDirectory } from './support/run-program.ts';

/** Wrong configurations and wrong wishes against running arrays: each has its class, says why, and changes nothing. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const tokyo = join(lab, 'tokyo');
let portal = '';

type Data = Record<string, any>;

beforeAll(async () => {
  const { stdout } = await program([
    '--json',
    'lab',
    'up',
    '--directory',
    lab,
    '--volume-size',
    '4MiB',
    '--journal-size',
    '24MiB',
  ]);
  const [array] = (JSON.parse(stdout) as Data)['lab'].arrays as Data[];
  portal = `iscsi://127.0.0.1:${array!['port']}/${array!['targetName']}`;
  for (const [name, array] of [
    ['small', tokyo],
    ['small', join(lab, 'osaka')],
  ] as const) {
    const size = array === tokyo ? '4MiB' : '2MiB';
    await program(['array', 'volume', 'add', array, '--lun', '12', '--name', name, '--size', size]);
  }
});
afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

interface Wish {
  readonly tokyoPath?: string;
  readonly tokyoSerial?: string;
  readonly data?: string;
  readonly journals?: string;
  readonly more?: string;
}

function configuration(wish: Wish): string {
  const path = join(place.path, 'c.yaml');
  writeFileSync(
    path,
    `version: 1
arrays:
  tokyo: { serial: ${wish.tokyoSerial ?? 'TK000001'}, command-devices: [${wish.tokyoPath ?? `${portal}/0`}] }
  osaka: { serial: OS000001, command-devices: [${portal}/1] }
groups:
  g1: { journals: ${wish.journals ?? '{ tokyo: 20, osaka: 20 }'}, pairs: { data: ${wish.data ?? '{ tokyo: 10, osaka: 10 }'} } }
${wish.more ?? ''}`,
  );
  return path;
}

const CREATE = ['pair', 'create', 'g1', '--primary', 'tokyo'];
const ASK = ['block', 'send', 'tokyo', 'array.show', '--timeout', '2s'];

describe('refused, with nothing changed', () => {
  it.each([
    ['a LUN that is no command device', { tokyoPath: 'PORTAL/10' }, ASK, 8, /not-a-command-device/],
    ['a command device of another array', { tokyoPath: 'PORTAL/1' }, ASK, 8, /wrong-array/],
    ['another serial', { tokyoSerial: 'KY000001' }, ASK, 8, /wrong-array/],
    ['a LUN that does not exist', { tokyoPath: 'PORTAL/99' }, ASK, 4, /./],
    ['a port where nothing listens', { tokyoPath: 'iscsi://127.0.0.1:1/iqn.2026-11.io.cdctl:tokyo/0' }, ASK, 4, /./],
    ['a device file that is not there', { tokyoPath: '/dev/no-such-device' }, ASK, 4, /./],
    ['a volume that does not exist', { data: '{ tokyo: 77, osaka: 10 }' }, CREATE, 5, /not-found/],
    ['an auxiliary volume that is too small', { data: '{ tokyo: 12, osaka: 12 }' }, CREATE, 5, /size-mismatch/],
    ['a command device as a volume', { data: '{ tokyo: 0, osaka: 0 }' }, CREATE, 5, /./],
    ['a volume as a journal', { journals: '{ tokyo: 11, osaka: 11 }' }, CREATE, 5, /./],
    ['a group that does not exist', {}, ['journal', 'show', 'g9'], 2, /no group "g9"/],
    [
      'a parameter that is out of range',
      {},
      ['block', 'send', 'tokyo', 'pair.show', '--set', `group=${'x'.repeat(33)}`],
      2,
      /at most 32 bytes/,
    ],
    ['an unknown process', {}, ['block', 'send', 'tokyo', '0x7777'], 2, /no process "0x7777"/],
  ] as const)('%s', async (_, wish, argv, code, message) => {
    const tokyoPath = 'tokyoPath' in wish ? { tokyoPath: wish.tokyoPath.replace('PORTAL', portal) } : {};
    const config = configuration({ ...wish, ...tokyoPath });
    const ran = await program([...argv, '--config', config]);
    expect(ran.code, ran.stderr).toBe(code);
    expect(ran.stderr).toMatch(message);
    expect(
      ran.stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['error', 'where', 'why', 'next']);
    const shown = await program(['pair', 'show', '--config', configuration({}), '--json']);
    expect((JSON.parse(shown.stdout) as Data)['groups'][0].verdict.kind).toBe('absent');
  });

  it('a journal that is in use', async () => {
    const config = configuration({});
    expect((await program([...CREATE, '--config', config])).code).toBe(0);
    const group = '  g2: { journals: { tokyo: 20, osaka: 20 }, pairs: { log: { tokyo: 11, osaka: 11 } } }\n';
    const two = join(place.path, 'two.yaml');
    writeFileSync(
      two,
      `version: 1
arrays:
  tokyo: { serial: TK000001, command-devices: [${portal}/0] }
  osaka: { serial: OS000001, command-devices: [${portal}/1] }
groups:
${group}`,
    );
    const ran = await program(['pair', 'create', 'g2', '--primary', 'tokyo', '--config', two]);
    expect(ran.code, ran.stderr).toBe(5);
    expect(ran.stderr).toMatch(/in-use/);
    expect((await program(['pair', 'delete', 'g1', '--config', config, '--confirm', 'g1'])).code).toBe(0);
  });
});

describe("an array of one's own", () => {
  const directory = join(place.path, 'kyoto');
  const init = [
    'array',
    'init',
    directory,
    '--name',
    'kyoto',
    '--serial',
    'KY000001',
    '--listen',
    '127.0.0.1:0',
    '--command-device',
    '0',
    '--volume',
    '10:data:1MiB',
  ];

  it.each([
    ['a name with a space', ['--name', 'ky oto'], /name "ky oto" must be/],
    ['a name that a terminal would obey', ['--name', 'k\u001b[31m'], /name ".*" must be/],
    ['a serial in lower case', ['--serial', 'ky1'], /serial "ky1" must be/],
    ['a serial that is too long', ['--serial', 'K'.repeat(17)], /serial "K+" must be/],
    ['a LUN twice', ['--volume', '0:log:1MiB'], /LUN 0 is given twice/],
  ])('is not described with %s, which serving it would refuse', async (_, options, why) => {
    for (const more of [[], ['--dry-run']]) {
      const ran = await program([...init, ...options, ...more]);
      expect([ran.code, ran.stdout], ran.stderr).toEqual([2, '']);
      expect(ran.stderr).toMatch(why);
      expect(ran.stderr).not.toContain('\u001b');
    }
    expect(existsSync(directory)).toBe(false);
  });

  it('is not described where a file stands', async () => {
    const file = join(place.path, 'a-file');
    writeFileSync(file, '');
    for (const path of [file, join(file, 'kyoto')]) {
      const ran = await program(init.map((word) => (word === directory ? path : word)));
      expect(ran.code, ran.stderr).toBe(5);
      expect(ran.stderr).toContain(file);
    }
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('is not described where no directory can be made, and says so at once', async () => {
    const child = start(init.map((word) => (word === directory ? '/proc/kyoto/array' : word)));
    const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const ran = await ended(child);
    clearTimeout(patience);
    expect([ran.code, ran.signal], ran.stderr).toEqual([5, null]);
    expect(ran.stderr).toMatch(/where: \/proc\/kyoto\n/);
  });

  it('is not described by a file that is not there, or is none', async () => {
    for (const from of [join(place.path, 'nosuch.yaml'), place.path]) {
      const ran = await program(['array', 'init', directory, '--from', from]);
      expect(ran.code, ran.stderr).toBe(3);
      expect(ran.stderr).toMatch(/the description cannot be read/);
    }
    expect(existsSync(directory)).toBe(false);
  });

  it('is not called missing where its description cannot be read', async () => {
    const odd = join(place.path, 'odd');
    mkdirSync(join(odd, 'array.yaml'), { recursive: true });
    const ran = await program(['array', 'check', odd]);
    expect(ran.code, ran.stderr).toBe(3);
    expect(ran.stderr).toMatch(/the description of the array cannot be read/);
    expect(ran.stderr).not.toMatch(/array init/);
  });

  it('has a target name that there may be, whatever sign its name has', async () => {
    const ran = await program([...init, '--name', 'KY_oto', '--dry-run', '--json']);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toContain('iqn.2026-11.io.cdctl:ky-oto');
  });

  it('is described once, and a dry run leaves nothing behind', async () => {
    expect((await program([...init, '--dry-run'])).code).toBe(0);
    expect((await program(['array', 'serve', directory])).code).toBe(3);
    expect((await program(init)).code).toBe(0);
    const again = await program(init);
    expect(again.code).toBe(8);
    expect(again.stderr).toMatch(/there is an array already/);
  });

  it('serves until SIGTERM, one ready line on its way, and exits 0', async () => {
    const child = start(['array', 'serve', directory, '--json']);
    const end = ended(child);
    const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Data;
    expect(ready).toMatchObject({ schema: 'cdctl/array.serve/v1', array: 'kyoto', serial: 'KY000001', pid: child.pid });
    const listed = await program(['lun', 'list', `iscsi://127.0.0.1:${ready['port']}/${ready['targetName']}`]);
    expect(
      listed.stdout
        .trim()
        .split('\n')
        .map((line) => line.split('/').at(-1)),
    ).toEqual(['0', '10']);
    child.kill('SIGTERM');
    const { code, stderr, stdout } = await end;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({ event: 'end', ok: true });
  });

  it('cannot listen where another one does', async () => {
    const address = portal.replace('iscsi://', '').split('/')[0]!;
    const { code, stderr } = await program(['array', 'serve', directory, '--listen', address]);
    expect(code).toBe(7);
    expect(stderr).toMatch(/EADDRINUSE/);
  });
});
