import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, lineOf, program, start, temporaryDirectory } from './support/run-program.ts';

/** An array in front of a LUN of another, both processes of their own. The cases build on each other. */

const place = temporaryDirectory();
const front = join(place.path, 'front');
const back = join(place.path, 'back');
const image = join(place.path, 'image');
const environment = { CDCTL_CONFIG: join(place.path, 'cdctl.yaml') };
const children: ChildProcess[] = [];

let frontUrl = '';
let backUrl = '';

type Data = Record<string, any>;

const cdctl = (...argv: string[]) => program(argv, environment);

async function json(...argv: string[]): Promise<Data> {
  const { code, stdout, stderr } = await program([...argv, '--json'], environment);
  expect(code, `cdctl ${argv.join(' ')}: ${stderr}${stdout}`).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Data;
}

async function serve(directory: string, name: string, serial: string): Promise<string> {
  const own = ['--name', name, '--serial', serial, '--command-device', '0', '--volume', '10:data:2MiB'];
  await json('array', 'init', directory, ...own, '--volume', '11:log:2MiB', '--journal', '20:journal:1MiB');
  const child = start(['array', 'serve', directory, '--listen', '127.0.0.1:0', '--json'], environment);
  children.push(child);
  const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Data;
  const { port, targetName } = { ...(ready['data'] as Data), ...ready } as Data;
  return `iscsi://127.0.0.1:${port}/${targetName}`;
}

async function kill(child: ChildProcess): Promise<void> {
  const end = ended(child);
  child.kill('SIGKILL');
  await end;
}

beforeAll(async () => {
  backUrl = await serve(back, 'back', 'BA000001');
  frontUrl = await serve(front, 'front', 'FR000001');
  await json('array', 'remote', 'add', front, '--serial', 'BA000001', '--name', 'back', '--portal', backUrl);
  await json('array', 'remote', 'add', back, '--serial', 'FR000001', '--name', 'front', '--portal', frontUrl);
  writeFileSync(image, randomBytes(2 << 20));
  writeFileSync(
    environment.CDCTL_CONFIG,
    `version: 1
arrays:
  front: { serial: FR000001, command-devices: ['${frontUrl}/0'], portal: '${frontUrl}' }
  back: { serial: BA000001, command-devices: ['${backUrl}/0'], portal: '${backUrl}' }
groups:
  oradb:
    journals: { front: 20, back: 20 }
    pairs:
      data: { front: 12, back: 11 }
`,
  );
});

afterAll(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await kill(child);
  place.remove();
});

const add = (...options: string[]) => ['array', 'volume', 'add', front, '--lun', '12', '--name', 'old', ...options];

describe('a volume with a backing', () => {
  it.each([
    ['a file', ['--backing', './disk.img'], /must be a LUN/],
    ['a secret', ['--backing', 'iscsi://me%secret@host/iqn/1'], /holds a secret/],
    ['a journal', ['--kind', 'journal', '--backing', '/dev/sda'], /only a volume can have a backing/],
    ['no whole blocks', ['--backing', '/dev/sda', '--size', '1000'], /whole blocks/],
  ] as const)('is refused as wrong usage: %s', async (_, options, why) => {
    const { code, stderr } = await cdctl(...add(...options));
    expect([code, stderr]).toEqual([2, expect.stringMatching(why)]);
  });

  it.each([
    ['one that nobody serves', 'iscsi://127.0.0.1:1/iqn.2026-11.example:none/1', [], 4, /no connection/],
    ['one that is too small', 'BACK/10', ['--size', '4MiB'], 5, /has 4096 blocks/],
    ['one that is not there', 'BACK/99', [], 4, /no LUN 99/],
    ['one of the array itself', 'FRONT/10', [], 8, /this array itself/],
    ['one for which no secret is known', 'USER/10', [], 2, /no CHAP secret is known for user "hana"/],
    ['a device that is not there', '/dev/cdctl-none', [], 4, /no such device/],
  ] as const)('is refused by the array, which stays as it was: %s', async (_, backing, options, exit, why) => {
    const user = backUrl.replace('//', '//hana@');
    const lun = backing.replace('USER', user).replace('BACK', backUrl).replace('FRONT', frontUrl);
    const { code, stderr } = await cdctl(...add('--backing', lun, ...options));
    expect([code, stderr]).toEqual([exit, expect.stringMatching(why)]);
    expect((await json('array', 'show', front))['array'].backings).toEqual([]);
  });

  it('has the size and the data of the LUN, and says so', async () => {
    await json('lun', 'write', `${backUrl}/10`, '--input', image, '--confirm', `${backUrl}/10`);
    const backing = ['--backing', `${backUrl}/10`];
    const added = await json(...add(...backing));
    expect(added).toMatchObject({ changed: true, request: { volume: { lun: 12, blockSize: 512, blockCount: 4096 } } });
    expect(await json(...add(...backing))).toMatchObject({ changed: false });
    const twice = await cdctl('array', 'volume', 'add', front, '--lun', '13', '--name', 'twin', ...backing);
    expect([twice.code, twice.stderr]).toEqual([5, expect.stringMatching(/backing of LUN 12 already/)]);
    expect((await json('array', 'show', front))['array'].backings).toMatchObject([{ lun: 12, condition: 'ready' }]);
    await json('lun', 'compare', `${frontUrl}/12`, image);
  });

  it('has nothing to be given up while it is there', async () => {
    const args = ['array', 'volume', 'give-up', front, '--lun', '12'];
    expect(await json(...args)).toMatchObject({ changed: false });
    expect((await cdctl(...args)).stdout).toMatch(/^nothing to give up/);
    const { code, stderr } = await cdctl('array', 'volume', 'give-up', front, '--lun', '10');
    expect([code, stderr]).toEqual([5, expect.stringMatching(/LUN 10 is no volume with a backing/)]);
  });

  it('is given up when it never comes back: what is lost is named, confirmed by name, and the group is free', async () => {
    await json('pair', 'create', 'oradb', '--primary', 'front');
    await json('replicate', 'oradb', '--until-empty');
    await kill(children[0]!);
    const input = ['--input', join(place.path, 'cdctl.yaml'), '--pad'];
    // The journal takes it; whether it can be flushed depends on the moment.
    await cdctl('lun', 'write', `${frontUrl}/12`, ...input, '--confirm', `${frontUrl}/12`);
    await cdctl('lun', 'read', `${frontUrl}/12`, '--count', '8');
    const args = ['array', 'volume', 'give-up', front, '--lun', '12'];
    const planned = await json(...args, '--dry-run');
    expect(planned).toMatchObject({ changed: false, givenUp: { volume: 'old', group: 'oradb', pair: 'data' } });
    const refused = await cdctl(...args);
    expect([refused.code, refused.stderr]).toEqual([8, expect.stringMatching(/leaves pair oradb\/data/)]);
    expect((await json('array', 'show', front))['array'].groups).toHaveLength(1);
    const { code, stdout } = await cdctl(...args, '--confirm', 'old');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^given up {2}Volume old leaves pair oradb\/data/)]);
    expect((await json('array', 'show', front))['array'].groups).toEqual([]);
    expect(await json(...args, '--confirm', 'old')).toMatchObject({ changed: false });
  });
});
