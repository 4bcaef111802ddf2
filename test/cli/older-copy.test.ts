import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program, succeeding, temporaryDirectory, type Ended } from './support/run-program.ts';

/** Real arrays of which one gets its directory back from an earlier moment; the cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const environment = { CDCTL_CONFIG: join(lab, 'tokyo.yaml') };
const OLDER = /came back from an older copy/;

const cdctl = (...argv: readonly string[]): Promise<Ended> => program(argv, environment);

const done = succeeding(environment);

/** Exit class 8, and the cause in words. */
async function refused(why: RegExp, ...argv: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await cdctl(...argv);
  expect([code, `${stdout}${stderr}`], argv.join(' ')).toEqual([8, expect.stringMatching(why)]);
}

async function write(array: string, lba: number, fill: number): Promise<void> {
  const input = join(place.path, 'block');
  writeFileSync(input, Buffer.alloc(512, fill));
  const site = { CDCTL_CONFIG: join(lab, `${array}.yaml`) };
  const volume = `${array}/data`;
  const ran = await program(
    ['lun', 'write', volume, '--input', input, '--lba', String(lba), '--confirm', volume],
    site,
  );
  expect([ran.code, ran.stderr]).toEqual([0, '']);
}

async function whileStopped(array: string, work: (store: string) => void): Promise<void> {
  await done('lab', 'fault', 'kill', array, '--directory', lab);
  work(join(lab, array, 'store'));
  await done('lab', 'fault', 'start', array, '--directory', lab);
}

const backup = join(place.path, 'backup');
const copyOf = (array: string): Promise<void> =>
  whileStopped(array, (store) => cpSync(store, backup, { recursive: true, preserveTimestamps: true }));
const putBack = (array: string): Promise<void> =>
  whileStopped(array, (store) => {
    rmSync(store, { recursive: true });
    renameSync(backup, store);
  });

/** The documented way out. */
async function giveUp(array: string, keep: string): Promise<void> {
  await done('pair', 'resync', 'oradb', '--from', keep, '--discard', array, '--confirm', 'oradb');
  await done('replicate', 'oradb', '--until-empty');
  await done('pair', 'check', 'oradb', '--state', 'replicating', '--primary', keep, '--consistent');
  const hosts = Object.values({ tokyo: 'tokyo/data', osaka: 'osaka/data' });
  const bytes = await Promise.all(hosts.map((volume) => contentOf(volume)));
  expect(bytes[0]).toBe(bytes[1]);
}

async function contentOf(volume: string): Promise<string> {
  const site = { CDCTL_CONFIG: join(lab, `${volume.split('/')[0]}.yaml`) };
  const { code, stdout } = await program(['--json', 'lun', 'read', volume, '--count', '2048'], site);
  expect(code).toBe(0);
  return (JSON.parse(stdout) as { bytes: string }).bytes;
}

beforeAll(async () => {
  await done('lab', 'up', '--directory', lab, '--volume-size', '1MiB', '--journal-size', '2MiB');
  await done('pair', 'create', 'oradb', '--primary', 'tokyo');
  await write('tokyo', 0, 1);
  await done('replicate', 'oradb', '--until-empty');
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

describe('an older primary', () => {
  beforeAll(async () => {
    await copyOf('tokyo');
    await write('tokyo', 300, 2);
    await done('replicate', 'oradb', '--until-empty');
    await putBack('tokyo');
    // The number of the lost write again, for another block.
    await write('tokyo', 900, 3);
  });

  it('is found out by the next cycle, and shown', async () => {
    await refused(OLDER, 'replicate', 'oradb', '--once');
    expect(await done('pair', 'show', 'oradb')).toMatch(/older copy[^]*--from THAT --discard OTHER/);
    expect(JSON.parse(await done('--json', 'pair', 'show', 'oradb'))).toMatchObject({
      groups: [{ verdict: { kind: 'suspended', olderCopy: 'tokyo' } }],
    });
  });

  it('is not read from, and frees nothing', async () => {
    await write('tokyo', 901, 3);
    await refused(OLDER, 'journal', 'acquire', 'oradb');
    await refused(/proof for record/, 'journal', 'purge', 'oradb');
  });

  it('is neither swapped nor resynced', async () => {
    await refused(OLDER, 'swap', 'oradb', '--to', 'osaka');
    await refused(OLDER, 'pair', 'resync', 'oradb');
    await refused(OLDER, 'pair', 'resync', 'oradb', '--from', 'osaka');
  });

  it('gives way to the auxiliary that knows more, by name, and is copied whole', async () => {
    await giveUp('tokyo', 'osaka');
    expect((await contentOf('tokyo/data')).slice(300 * 1024, 300 * 1024 + 2)).toBe('02');
  });
});

describe('an older auxiliary', () => {
  beforeAll(async () => {
    await copyOf('tokyo');
    await write('osaka', 500, 4);
    await done('replicate', 'oradb', '--until-empty');
    await putBack('tokyo');
  });

  it('finds it out at its start', async () => {
    await refused(OLDER, 'replicate', 'oradb', '--once');
    await write('osaka', 501, 5);
    await refused(OLDER, 'journal', 'acquire', 'oradb');
  });

  it('is neither swapped nor resynced', async () => {
    await refused(OLDER, 'swap', 'oradb', '--to', 'tokyo');
    await refused(OLDER, 'pair', 'resync', 'oradb');
  });

  it('is copied whole when it is given up by name', async () => {
    await giveUp('tokyo', 'osaka');
    expect((await contentOf('tokyo/data')).slice(500 * 1024, 500 * 1024 + 2)).toBe('04');
  });
});
