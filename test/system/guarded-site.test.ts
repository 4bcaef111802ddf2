import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatAccessFile, NO_GRANTS } from '../../src/cli/config/access-file.ts';
import { formatArrayFile } from '../../src/cli/config/array-file.ts';
import { describeArray } from '../../src/cli/describe-array.ts';
import type { AccessDescription } from '../../src/cli/services.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { ended, lineOf, program, start, temporaryDirectory, type Ended } from '../cli/support/run-program.ts';

/**
 * Two arrays and a host that trust nobody: masks, CHAP both ways between all of them, command devices that take signed blocks of
 * one group only. All as processes of their own; the cases build on each other.
 */

const HOST = `iqn.2026-11.io.cdctl:host.${hostname()
  .toLowerCase()
  .replaceAll(/[^a-z0-9.-]/g, '-')}`;
const NAMES = ['tokyo', 'osaka'] as const;
type Name = (typeof NAMES)[number];
const SERIALS = { tokyo: 'TK000001', osaka: 'OS000001' } as const;
const otherOf = (name: Name): Name => (name === 'tokyo' ? 'osaka' : 'tokyo');
const targetOf = (name: Name): string => `iqn.2026-11.io.cdctl:${name}`;

const place = temporaryDirectory();
const children = new Map<Name, ChildProcess>();
const ports = new Map<Name, number>();
const directoryOf = (name: Name): string => join(place.path, name);
const image = join(place.path, 'image');

/** Every proof has a secret of its own: `host-tokyo` is what the host proves at tokyo, `tokyo` what tokyo proves itself. */
function secretFile(name: string): string {
  const path = join(place.path, `${name}.secret`);
  writeFileSync(path, `the secret of ${name}, long enough`);
  chmodSync(path, 0o600);
  return path;
}

function accessOf(name: Name): AccessDescription {
  const other = otherOf(name);
  const chap = (user: string) => ({ user, secretFile: secretFile(user) });
  return {
    ...NO_GRANTS,
    initiators: [
      { name: HOST, chap: chap(`host-${name}`), luns: [0, 10], role: 'signed' },
      { name: `${targetOf(other)}.remote`, chap: chap(`${other}-at-${name}`), luns: [], array: SERIALS[other] },
    ],
    keys: [{ name: 'runbook', keyFile: secretFile('runbook'), role: 'operator', luns: [10], groups: ['oradb'] }],
    commandDevices: [{ lun: 0, signedOnly: true, groups: ['oradb'] }],
    target: chap(name),
    remotes: [{ ...chap(`${name}-at-${other}`), target: chap(other) }],
  };
}

async function serve(name: Name): Promise<void> {
  const child = start(['array', 'serve', directoryOf(name), '--json']);
  children.set(name, child);
  const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Record<string, unknown>;
  ports.set(name, ((ready['data'] ?? ready) as { port: number }).port);
}

const urlOf = (name: Name, user: string): string => `iscsi://${user}@127.0.0.1:${ports.get(name)}/${targetOf(name)}`;

function configure(file: string, key: string): string {
  const array = (name: Name): string => `  ${name}:
    serial: ${SERIALS[name]}
    portal: ${urlOf(name, `host-${name}`)}
    command-devices: [${urlOf(name, `host-${name}`)}/0]${key}
`;
  const user = (name: Name): string => `  host-${name}:
    secret-file: ${secretFile(`host-${name}`)}
    target: { user: ${name}, secret-file: ${secretFile(name)} }
`;
  const path = join(place.path, file);
  writeFileSync(
    path,
    `version: 1
arrays:
${NAMES.map(array).join('')}groups:
  oradb:
    journals: { tokyo: 20, osaka: 20 }
    pairs: { data: { tokyo: 10, osaka: 10 } }
  payroll:
    journals: { tokyo: 21, osaka: 21 }
    pairs: { data: { tokyo: 11, osaka: 11 } }
chap:
${NAMES.map(user).join('')}`,
  );
  return path;
}

let config: string;
const cdctl = (...argv: string[]): Promise<Ended> => program([...argv, '--config', config]);

async function done(...argv: string[]): Promise<void> {
  const { code, stderr, stdout } = await cdctl(...argv);
  expect({ argv, code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ argv, code: 0, stderr: '' });
}

/** A new image, in the volume. */
async function write(volume: string): Promise<void> {
  writeFileSync(image, randomBytes(512 * 1024));
  await done('lun', 'write', volume, '--input', image, '--confirm', volume);
}

async function expectImage(volume: string): Promise<void> {
  const copy = join(place.path, `copy-${volume.replace('/', '-')}`);
  await done('lun', 'read', volume, '--lba', '0', '--count', '1024', '--output', copy);
  expect(readFileSync(copy).equals(readFileSync(image))).toBe(true);
}

beforeAll(async () => {
  for (const name of NAMES) {
    mkdirSync(directoryOf(name));
    const description = describeArray({
      name,
      serial: SERIALS[name],
      listen: '127.0.0.1:0',
      commandDevice: ['0'],
      volume: ['10:data:1MiB', '11:wages:1MiB'],
      journal: ['20:journal:16MiB', '21:other:16MiB'],
      blockSize: '512',
    });
    writeFileSync(join(directoryOf(name), 'array.yaml'), formatArrayFile(description));
    writeFileSync(join(directoryOf(name), 'access.yaml'), formatAccessFile(accessOf(name)), { mode: 0o600 });
    await serve(name);
  }
  for (const name of NAMES) {
    const other = otherOf(name);
    const far = ['--serial', SERIALS[other], '--name', other, '--portal', urlOf(other, `${name}-at-${other}`)];
    const added = await program(['array', 'remote', 'add', directoryOf(name), ...far]);
    expect(added).toMatchObject({ code: 0, stderr: '' });
  }
  config = configure('site.yaml', `\n    key: { name: runbook, key-file: ${secretFile('runbook')} }`);
});

afterAll(async () => {
  for (const child of children.values()) {
    const gone = ended(child);
    child.kill('SIGTERM');
    await gone;
  }
  place.remove();
});

async function lunsFor(
  initiatorName: string,
  at: Name,
  user: string,
  target = at as string,
): Promise<readonly number[]> {
  const secretOf = (name: string): string => readFileSync(secretFile(name), 'utf8');
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock: createRealClock(),
    random: createRealRandom(),
    initiatorName,
    credentials: () => ({ name: user, secret: secretOf(user), target: { name: at, secret: secretOf(target) } }),
  });
  try {
    return await opener.reportLuns(urlOf(at, user));
  } finally {
    await opener.close();
  }
}

it('the host sees its volume and the command device; the far array nothing before there is a pair', async () => {
  expect(await lunsFor(HOST, 'tokyo', 'host-tokyo')).toEqual([0, 10]);
  expect(await lunsFor(`${targetOf('osaka')}.remote`, 'tokyo', 'osaka-at-tokyo')).toEqual([]);
  await expect(lunsFor(`${targetOf('osaka')}.remote`, 'tokyo', 'host-tokyo')).rejects.toThrow(/auth/i);
  await expect(lunsFor(HOST, 'tokyo', 'host-tokyo', 'osaka')).rejects.toThrow(/CHAP_R/);
});

it('a host without the key commands nothing, and the key no group but its own', async () => {
  const unsigned = configure('unsigned.yaml', '');
  const refused = await program(['pair', 'create', 'oradb', '--primary', 'tokyo', '--config', unsigned]);
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringMatching(/only blocks that are signed/) });
  expect((await cdctl('pair', 'create', 'payroll', '--primary', 'tokyo')).code).toBe(5);
});

it('a group is formed and replicated under masks, mutual CHAP and keys', async () => {
  await write('tokyo/data');
  await done('pair', 'create', 'oradb', '--primary', 'tokyo');
  await done('replicate', 'oradb', '--until-empty');
  await done('pair', 'wait', 'oradb', '--until', 'pair');
  // Of the pair the far array sees what it copies from, and nothing else.
  expect(await lunsFor(`${targetOf('osaka')}.remote`, 'tokyo', 'osaka-at-tokyo')).toEqual([10, 20]);
  expect(await lunsFor(HOST, 'tokyo', 'host-tokyo')).toEqual([0, 10]);
});

it('the group swaps and replicates back', async () => {
  await done('swap', 'oradb', '--to', 'osaka');
  await expectImage('osaka/data');
  await write('osaka/data');
  await done('replicate', 'oradb', '--until-empty');
  await done('swap', 'oradb', '--to', 'tokyo');
  await expectImage('tokyo/data');
});

it('a far array whose grant is gone reads no journal any more', async () => {
  const name = `${targetOf('osaka')}.remote`;
  expect(await program(['array', 'access', 'revoke', directoryOf('tokyo'), name])).toMatchObject({ code: 0 });
  await write('tokyo/data');
  const late = await cdctl('replicate', 'oradb', '--until-empty', '--timeout', '5s');
  expect(late.code).not.toBe(0);
});

it('an array that refuses this host is no lost one: nobody takes over from it', async () => {
  expect(await program(['array', 'access', 'revoke', directoryOf('tokyo'), 'runbook'])).toMatchObject({ code: 0 });
  const takeover = await cdctl('takeover', 'oradb', '--at', 'osaka', '--confirm', 'oradb');
  expect(takeover).toMatchObject({ code: 8, stderr: expect.stringMatching(/tokyo answers, though not to this host/) });
  const cycle = await cdctl('replicate', 'oradb', '--once');
  expect(cycle).toMatchObject({ code: 5, stderr: expect.stringMatching(/give it its key/) });
});

it('both audits hold, name the key for each change, and tell of every refusal', async () => {
  for (const name of NAMES) {
    expect(await program(['array', 'audit', 'verify', directoryOf(name)])).toMatchObject({ code: 0 });
    const shown = await program(['array', 'audit', 'show', directoryOf(name), '--last', '0', '--json']);
    const { records } = JSON.parse(shown.stdout) as { records: Record<string, string>[] };
    // What its administrator did by the management socket names his process instead.
    const begun = records.filter(({ event, process }) => event === 'begun' && !process!.startsWith('management '));
    expect(begun.map(({ process }) => process)).toEqual(
      expect.arrayContaining(['pair.create', 'pair.swap', 'journal.acquire', 'journal.purge']),
    );
    expect(begun.every(({ key, initiator }) => key === 'runbook' && initiator === HOST)).toBe(true);
    const refused = records.filter(({ event }) => event === 'refused').map(({ status }) => status);
    expect(refused).toEqual(expect.arrayContaining(['not-authenticated']));
  }
});
