import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOTHING, serveTestArray, type ServedArray } from '../support/served-array.ts';
import { program, temporaryDirectory, type Ended } from './support/run-program.ts';

/** An array that shows each initiator LUNs of its own, and cdctl under several names. */

const DB = 'iqn.2001-04.com.example:db';
const APP = 'iqn.2001-04.com.example:app';
const place = temporaryDirectory();
const config = join(place.path, 'cdctl.yaml');
const image = join(place.path, 'image');
let served: ServedArray;
let portal = '';

beforeAll(async () => {
  served = await serveTestArray({
    access: {
      ...NOTHING,
      initiators: [
        { name: DB, luns: [10, 11] },
        { name: APP, luns: [11] },
      ],
    },
  });
  portal = `127.0.0.1:${served.portal.port}`;
  writeFileSync(
    config,
    `version: 1\ninitiator-name: ${APP}\narrays:\n  tokyo:\n    serial: TOKYO\n    command-devices: [${served.url}/0]\n`,
  );
  writeFileSync(image, Buffer.alloc(512, 0x5a));
});

afterAll(async () => {
  await served.stop();
  place.remove();
});

/** Run where no `cdctl.yaml` lies about. */
const cdctl = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  program(argv, { CDCTL_CONFIG: config, ...environment });

async function lunsOf(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { stdout } = await cdctl(['lun', 'scan', portal, '--json', ...argv], environment);
  const { places, initiatorName } = JSON.parse(stdout) as {
    places: { luns: { path: string }[] }[];
    initiatorName: string;
  };
  return [initiatorName, ...places.flatMap(({ luns }) => luns.map(({ path }) => Number(path.split('/').at(-1))))];
}

describe('the LUNs that are shown', () => {
  it('are those of the name in the file, the variable, the option', async () => {
    expect(await lunsOf([])).toEqual([APP, 11]);
    expect(await lunsOf([], { CDCTL_INITIATOR_NAME: DB })).toEqual([DB, 10, 11]);
    expect(await lunsOf(['--initiator-name', APP.toUpperCase()], { CDCTL_INITIATOR_NAME: DB })).toEqual([APP, 11]);
  });

  it('are shown with the name that asked', async () => {
    const url = `${served.url}/11`;
    expect((await cdctl(['lun', 'show', url])).stdout).toMatch(new RegExp(`asked by +${APP}\n`));
    expect(JSON.parse((await cdctl(['lun', 'show', url, '--json'])).stdout)).toMatchObject({ initiatorName: APP });
  });
});

it('a name that is not admitted is told, refused or shown nothing', async () => {
  const stranger = { CDCTL_INITIATOR_NAME: 'iqn.2001-04.com.example:stranger' };
  const refused = await cdctl(['lun', 'show', `${served.url}/11`], stranger);
  expect([refused.code, refused.stdout]).toEqual([4, '']);
  expect(refused.stderr).toContain('this host came as iqn.2001-04.com.example:stranger');
  const shown = await cdctl(['lun', 'scan', portal], stranger);
  expect([shown.code, shown.stdout.trim().split('\n').at(-1)]).toEqual([
    0,
    'nothing there for iqn.2001-04.com.example:stranger',
  ]);
});

it('a registration belongs to name and key: the same key under another name is another port', async () => {
  const url = `${served.url}/11`;
  const key = ['--key', '0xa1'];
  expect((await cdctl(['lun', 'reserve', 'register', url, ...key])).code).toBe(0);
  const take = await cdctl(['lun', 'reserve', 'take', url, ...key, '--type', 'write-exclusive']);
  expect(take.code).toBe(0);
  const write = ['lun', 'write', url, '--input', image, '--confirm', url, '--reservation-key', '0xa1'];
  expect((await cdctl(write)).code).toBe(0);
  expect((await cdctl(write, { CDCTL_INITIATOR_NAME: DB })).code).toBe(7);
  const release = await cdctl(['lun', 'reserve', 'release', url, ...key], { CDCTL_INITIATOR_NAME: DB });
  expect([release.code, release.stderr]).toEqual([7, expect.stringContaining(`this host (${DB})`)]);
  expect((await cdctl(['lun', 'reserve', 'status', url])).stdout).toContain(APP);
  expect((await cdctl(['lun', 'reserve', 'clear', url, ...key, '--confirm', url])).code).toBe(0);
});

describe('a configuration that is named and cannot be used', () => {
  const broken = join(place.path, 'broken');
  const environment = { CDCTL_CONFIG: join(broken, 'cdctl.yaml') };
  beforeAll(() => {
    mkdirSync(broken);
    writeFileSync(environment.CDCTL_CONFIG, 'version: 1\ninitiator-nam: x\n');
  });

  it('is not passed over for another name than it may hold', async () => {
    const ended = await cdctl(['lun', 'show', `${served.url}/11`], environment);
    expect([ended.code, ended.stdout]).toEqual([3, '']);
    expect(ended.stderr).toContain('unknown key "initiator-nam"');
    const missing = { CDCTL_CONFIG: join(broken, 'nothing.yaml') };
    expect((await cdctl(['lun', 'show', `${served.url}/11`], missing)).code).toBe(3);
  });

  it('is not needed where the name is given, nor for a block device', async () => {
    const named = await cdctl(['lun', 'show', `${served.url}/11`, '--initiator-name', DB], environment);
    expect([named.code, named.stderr]).toEqual([0, '']);
    const device = await cdctl(['lun', 'show', '/dev/there-is-no-such-disk'], environment);
    expect([device.code, device.stdout]).toEqual([4, '']);
  });
});
