import { execFileSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatArrayFile } from '../../src/cli/config/array-file.ts';
import { describeArray } from '../../src/cli/describe-array.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createTcpTransport } from '../../src/lun/socket.ts';
import { ended, lineOf, program, start, temporaryDirectory } from './support/run-program.ts';

/** `cdctl array access` and `array serve` as processes of their own. */

const DB = 'iqn.2026-11.com.example:db';
const children: ChildProcess[] = [];
let directory: ReturnType<typeof temporaryDirectory>;
let array: string;

beforeEach(() => {
  directory = temporaryDirectory();
  array = join(directory.path, 'kyoto');
  mkdirSync(array);
  const description = describeArray({
    name: 'kyoto',
    serial: 'KY000001',
    listen: '127.0.0.1:0',
    commandDevice: ['0'],
    volume: ['10:data:1MiB'],
    journal: ['20:journal:1MiB'],
    blockSize: '512',
  });
  writeFileSync(join(array, 'array.yaml'), formatArrayFile(description));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue;
    const gone = ended(child);
    child.kill('SIGTERM');
    await gone;
  }
  directory.remove();
});

function secret(name: string, text: string, mode = 0o600): string {
  const path = join(directory.path, name);
  writeFileSync(path, `${text}\n`);
  chmodSync(path, mode);
  return path;
}

const serve = (...more: string[]) => serveFrom(array, ...more);

async function serveFrom(from: string, ...more: string[]): Promise<{ readonly url: (user?: string) => string }> {
  const child = start(['array', 'serve', from, '--json', ...more]);
  children.push(child);
  const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Record<string, unknown>;
  const facts = (ready['data'] ?? ready) as { port: number; targetName: string };
  return { url: (user) => `iscsi://${user ? `${user}@` : ''}127.0.0.1:${facts.port}/${facts.targetName}` };
}

async function auditRecords(): Promise<Record<string, unknown>[]> {
  const shown = await program(['array', 'audit', 'show', array, '--last', '0', '--json']);
  return (JSON.parse(shown.stdout) as { records: Record<string, unknown>[] }).records;
}

async function lunsOf(url: string, text?: string, initiatorName = DB): Promise<readonly number[]> {
  const opener = createLunOpener({
    transport: createTcpTransport(),
    clock: createRealClock(),
    random: createRealRandom(),
    initiatorName,
    ...(text !== undefined && { credentials: (name: string) => ({ name, secret: text }) }),
  });
  try {
    return await opener.reportLuns(url);
  } finally {
    await opener.close();
  }
}

/** Resolves once somebody reads the pipe; rejects where `reader` ends without. */
async function writerOf(path: string, reader: Promise<unknown>): Promise<FileHandle> {
  let over = false;
  void reader.then(() => (over = true));
  while (!over) {
    const writer = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
    if (writer) return writer;
  }
  throw new Error(`nobody reads ${path}`);
}

const grant = (...more: string[]) => program(['array', 'access', 'grant', array, ...more]);

describe('an array without access.yaml', () => {
  it('is served on loopback to everybody', async () => {
    const { url } = await serve();
    expect(await lunsOf(url())).toEqual([0, 10, 20]);
    expect((await program(['array', 'access', 'show', array])).stdout).toMatch(/everybody who reaches the array/);
  });

  it('is not served wider, unless that is said', async () => {
    const refused = await program(['array', 'serve', array, '--listen', '0.0.0.0:0']);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/open to everybody who reaches 0\.0\.0\.0/);
    expect(refused.stderr).toMatch(/access grant|--allow-unauthenticated/);
    expect(existsSync(join(array, 'store'))).toBe(false);
    const { url } = await serve('--listen', '0.0.0.0:0', '--allow-unauthenticated');
    expect(await lunsOf(url())).toEqual([0, 10, 20]);
  });
});

describe('logins that are refused', () => {
  it('are in the audit with address, name and reason, and a flood of them costs a few records', async () => {
    const { url } = await serve();
    const file = secret('db.secret', 'twelve bytes and more');
    await grant('--initiator', DB, '--luns', '0,10', '--user', 'db', '--secret-file', file);
    const before = (await auditRecords()).length;
    await expect(lunsOf(url('db'), 'another secret of some bytes')).rejects.toThrow(/auth/i);
    await expect(lunsOf(url('db'), 'twelve bytes and more', `${DB}.other`)).rejects.toThrow(/auth/i);
    await expect(lunsOf(url())).rejects.toThrow(/auth/i);
    await expect(lunsOf(url('db').replace('kyoto', 'nara'), 'twelve bytes and more')).rejects.toThrow(/no such target/);
    expect(await lunsOf(url('db'), 'twelve bytes and more')).toEqual([10]);
    const told = (await auditRecords()).slice(before);
    const common = { event: 'refused', process: 'login', address: '127.0.0.1' };
    const failed = { ...common, status: 'authentication-failure' };
    expect(told).toMatchObject([
      { ...failed, initiator: DB, why: 'wrong CHAP name or secret for "db"' },
      { ...failed, initiator: `${DB}.other`, why: 'wrong CHAP name or secret for "db"' },
      { ...failed, initiator: DB, why: 'CHAP is required' },
      { ...common, status: 'target-not-found' },
    ]);
    for (let times = 0; times < 60; times += 1) {
      await expect(lunsOf(url('db'), 'another secret of some bytes')).rejects.toThrow(/auth/i);
    }
    expect((await auditRecords()).length - before).toBeLessThan(30);
    expect(await program(['array', 'audit', 'verify', array])).toMatchObject({ code: 0 });
    expect((await program(['array', 'audit', 'show', array])).stdout).toContain(`${DB} at 127.0.0.1`);
    expect(JSON.stringify(await auditRecords())).not.toContain('another secret');
  });
});

describe('an array that is served at another portal', () => {
  it('sends initiators there, who find it under the same name', async () => {
    const moved = join(directory.path, 'moved');
    mkdirSync(moved);
    const description = readFileSync(join(array, 'array.yaml'), 'utf8');
    writeFileSync(join(moved, 'array.yaml'), description.replace('lun: 10', 'lun: 12'));
    const there = await serveFrom(moved);
    const here = await serve('--redirect-to', /127\.0\.0\.1:\d+/.exec(there.url())![0]);
    expect(await lunsOf(here.url())).toEqual([0, 12, 20]);
  });

  it('is refused where that is its own portal', async () => {
    const own = ['--listen', '192.0.2.7:3260', '--redirect-to', '192.0.2.7:3260'];
    expect(await program(['array', 'serve', array, ...own])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/would send initiators to itself/) as string,
    });
  });

  it.each(['0.0.0.0:3260', '[::]:3260'])('is refused where that is everywhere and nowhere: %s', async (text) => {
    const listen = ['--listen', '127.0.0.1:0', '--redirect-to', text];
    expect(await program(['array', 'serve', array, ...listen])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/an address that is no place to go to/) as string,
    });
  });

  it.each(['192.0.2.7', '192.0.2.7:0', 'a b:3260', ':3260'])('must be told where: %s', async (text) => {
    const refused = await program(['array', 'serve', array, '--redirect-to', text]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no portal to send initiators to/) as string,
    });
  });
});

describe('array access grant', () => {
  it('writes a file for its owner alone, and a running array takes it over at once', async () => {
    const { url } = await serve();
    const file = secret('db.secret', 'twelve bytes and more');
    const done = await grant(
      '--initiator',
      DB,
      '--luns',
      '0,10',
      '--user',
      'db',
      '--secret-file',
      file,
      '--role',
      'monitor',
    );
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/it holds from now on; whoever is not named here is refused/);
    expect(statSync(join(array, 'access.yaml')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(array, 'access.yaml'), 'utf8')).not.toContain('twelve bytes');
    expect(await lunsOf(url('db'), 'twelve bytes and more')).toEqual([0, 10]);
    await expect(lunsOf(url())).rejects.toThrow(/auth/i);
    expect(await grant('--initiator', DB, '--luns', '10', '--user', 'db', '--secret-file', file)).toMatchObject({
      code: 0,
    });
    expect(await lunsOf(url('db'), 'twelve bytes and more')).toEqual([10]);
    expect(await program(['array', 'access', 'revoke', array, DB])).toMatchObject({ code: 0 });
    await expect(lunsOf(url('db'), 'twelve bytes and more')).rejects.toThrow(/0202|auth/i);
  });

  it.each([
    ['leads to where nothing is', () => symlinkSync(join(directory.path, 'not-mounted'), join(array, 'access.yaml'))],
    ['cannot be read', () => mkdirSync(join(array, 'access.yaml'))],
  ])('is refused, and the array not opened to everybody, where the file %s', async (_, spoil) => {
    spoil();
    const served = await program(['array', 'serve', array]);
    expect([served.code, served.stderr]).toEqual([3, expect.stringMatching(/the access file cannot be read/)]);
    expect((await grant('--initiator', DB, '--luns', '10')).code).toBe(3);
  });

  it.each([
    ['an initiator that has no iSCSI name', ['--initiator', 'db1', '--luns', '10'], /name "db1" must be an iSCSI name/],
    ['an initiator in upper case', ['--initiator', DB.toUpperCase(), '--luns', '10'], /must be an iSCSI name/],
    ['a group with a space', ['--initiator', DB, '--luns', '10', '--group', 'ora db'], /"ora db"/],
  ])('writes nothing for %s, for which the array would not start any more', async (_, options, why) => {
    const refused = await grant(...options);
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(why);
    expect(existsSync(join(array, 'access.yaml'))).toBe(false);
    expect((await grant('--initiator', DB, '--luns', '10')).code).toBe(0);
    const before = readFileSync(join(array, 'access.yaml'), 'utf8');
    await serve();
    expect((await grant(...options)).code).toBe(2);
    expect(readFileSync(join(array, 'access.yaml'), 'utf8')).toBe(before);
  });

  it('keeps every grant of several at once', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => `${DB}-${letter}`);
    const all = await Promise.all(names.map((name) => grant('--initiator', name, '--luns', '10')));
    expect(all.map(({ code }) => code)).toEqual(names.map(() => 0));
    const file = readFileSync(join(array, 'access.yaml'), 'utf8');
    expect(names.filter((name) => file.includes(name))).toEqual(names);
  });

  it('does not call a revocation done that a running array has not taken over, however often it is run', async () => {
    const { url } = await serve();
    const paused = children.at(-1)!;
    expect((await grant('--initiator', DB, '--luns', '10')).code).toBe(0);
    expect(await lunsOf(url())).toEqual([10]);
    const revoke = ['array', 'access', 'revoke', array, DB, '--timeout', '700ms'];
    paused.kill('SIGSTOP');
    expect((await program(revoke)).code).toBe(10);
    expect((await program(revoke)).code).toBe(10);
    paused.kill('SIGCONT');
    expect((await program(['array', 'access', 'revoke', array, DB])).code).toBe(0);
    await expect(lunsOf(url())).rejects.toThrow();
  });

  it('does not call it done where the array is about to serve, and has read it before', async () => {
    const begun = createServer((socket) => socket.end('{"pid":7,"since":"then","command":"array serve"}\n'));
    await new Promise<void>((resolve) => begun.listen(join(array, 'array.lock'), resolve));
    const { code, stderr } = await grant('--initiator', DB, '--luns', '10');
    await new Promise((resolve) => begun.close(resolve));
    expect(code).toBe(10);
    expect(stderr).toMatch(/whether the running array works with it is not known/);
  });

  it('works with what the file said last, however long an earlier look at it has taken', async () => {
    const { url } = await serve();
    const key = join(directory.path, 'slow.key');
    execFileSync('mkfifo', ['-m', '600', key]);
    const granted = 'format: 1\ninitiators:\n  - name: IQN\n    luns: [10]\n'.replace('IQN', DB);
    const reload = (): Promise<{ code: number | null }> => program(['array', 'access', 'reload', array]);
    writeFileSync(
      join(array, 'access.yaml'),
      `${granted}keys:\n  - name: slow\n    role: monitor\n    key-file: ${key}\n`,
    );
    const earlier = reload();
    const looking = await writerOf(key, earlier);
    writeFileSync(join(array, 'access.yaml'), granted.replace('[10]', '[0, 10]\n    role: monitor'));
    const later = reload();
    const begun = async (): Promise<number> =>
      (await auditRecords()).filter(({ event, asked }) => event === 'begun' && /access-reload/.test(String(asked)))
        .length;
    for (let looks = 0; looks < 50 && (await begun()) < 2; looks += 1);
    await looking.write('k'.repeat(48));
    await looking.close();
    expect([(await earlier).code, (await later).code]).toEqual([0, 0]);
    expect(await lunsOf(url())).toEqual([0, 10]);
  });

  it('lets an array with CHAP be served wider', async () => {
    await grant('--initiator', DB, '--luns', '10', '--secret-file', secret('s', 'twelve bytes and more'));
    const { url } = await serve('--listen', '0.0.0.0:0');
    expect(await lunsOf(url('db'), 'twelve bytes and more')).toEqual([10]);
    // Without its last initiator it is open to nobody, not to everybody.
    expect(await program(['array', 'access', 'revoke', array, DB])).toMatchObject({ code: 0 });
    await expect(lunsOf(url())).rejects.toThrow(/0202|auth/i);
  });

  it.each([
    ['a secret that others can read', 'twelve bytes and more', 0o644, /chmod 600/],
    ['a secret of less than 12 bytes', 'elevenbytes', 0o600, /11 bytes; less than 12 can be guessed/],
  ])('refuses %s and writes nothing', async (_what, text, mode, words) => {
    const refused = await grant('--initiator', DB, '--luns', '10', '--secret-file', secret('s', text, mode));
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(words);
    expect(existsSync(join(array, 'access.yaml'))).toBe(false);
  });

  it.each([
    [['--initiator', DB], /--luns is missing/],
    [['--initiator', DB, '--luns', '3-1'], /"3-1" names no LUNs/],
  ])('refuses %j', async (options, words) => {
    const refused = await grant(...options);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(words);
  });

  it('refuses one secret for both directions, named in a file that was edited by hand', async () => {
    const file = secret('s', 'twelve bytes and more');
    await grant('--initiator', DB, '--luns', '10', '--secret-file', file);
    const { url } = await serve();
    const path = join(array, 'access.yaml');
    const good = readFileSync(path, 'utf8');
    writeFileSync(path, `${good}target: { user: kyoto, secret-file: ${file} }\n`);
    const refused = await program(['array', 'access', 'reload', array]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/with the same secret.*what held before still holds/s);
    expect(await lunsOf(url('db'), 'twelve bytes and more')).toEqual([10]);
  });
});
