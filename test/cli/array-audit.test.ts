import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatAccessFile, NO_GRANTS } from '../../src/cli/config/access-file.ts';
import { formatArrayFile } from '../../src/cli/config/array-file.ts';
import { describeArray } from '../../src/cli/describe-array.ts';
import { ended, lineOf, program, start, temporaryDirectory, type Ended } from './support/run-program.ts';

/** A host that signs, an array that records, and the audit read from outside: all as processes of their own. */

const HOST = `iqn.2026-11.io.cdctl:host.${hostname()
  .toLowerCase()
  .replaceAll(/[^a-z0-9.-]/g, '-')}`;

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
  keyFile('runbook.key', 'a key of thirty-two bytes or more');
  const access = {
    ...NO_GRANTS,
    initiators: [{ name: HOST, luns: [0], role: 'signed' as const }],
    keys: [{ name: 'runbook', keyFile: join(directory.path, 'runbook.key'), role: 'operator' as const }],
  };
  writeFileSync(join(array, 'access.yaml'), formatAccessFile(access));
});

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGTERM');
  directory.remove();
});

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = ended(child);
  child.kill(signal);
  await gone;
}

function keyFile(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

async function serve(): Promise<{ child: ChildProcess; port: number }> {
  const child = start(['array', 'serve', array, '--json']);
  children.push(child);
  const ready = JSON.parse(await lineOf(child, (line) => line.includes('"ready"'))) as Record<string, unknown>;
  return { child, port: ((ready['data'] ?? ready) as { port: number }).port };
}

/** `pair split` of a group that does not exist: allowed, executed, refused by the command itself. */
async function split(port: number, key?: string): Promise<Ended> {
  const path = join(directory.path, 'cdctl.yaml');
  const url = `iscsi://127.0.0.1:${port}/iqn.2026-11.io.cdctl:kyoto`;
  const signing = key ? `\n    key: { name: runbook, key-file: ${key} }` : '';
  writeFileSync(
    path,
    `version: 1
arrays:
  kyoto:
    serial: KY000001
    command-devices: [${url}/0]${signing}
  other:
    serial: OTHER
    command-devices: [${url}/0]
groups:
  oradb:
    journals: { kyoto: 20, other: 20 }
    pairs: { data: { kyoto: 10, other: 10 } }
`,
  );
  const request = ['kyoto', 'pair.split', '--set', 'group=oradb', '--confirm', 'kyoto'];
  return program(['block', 'send', ...request, '--config', path]);
}

const verify = (...more: string[]) => program(['array', 'audit', 'verify', array, '--json', ...more]);

describe('an audit whose end is cut off', () => {
  const file = () => join(array, 'store', 'audit-00000001');
  const events = async (): Promise<string[]> => {
    const shown = JSON.parse((await program(['array', 'audit', 'show', array, '--json'])).stdout) as {
      records: { event: string; why?: string }[];
    };
    return shown.records.map(({ event, why = '' }) => (event === 'damage' ? `${event}: ${why}` : event));
  };

  function cut(keepLines: number): void {
    const lines = readFileSync(file(), 'utf8').split('\n');
    writeFileSync(file(), `${lines.slice(0, keepLines).join('\n')}\n`);
  }

  it('is found out by the array, its check and its verification, without anything noted elsewhere', async () => {
    const first = await serve();
    expect(await split(first.port, join(directory.path, 'runbook.key'))).toMatchObject({ code: 5 });
    await end(first.child, 'SIGKILL');
    expect(await events()).toEqual(['opened', 'configured', 'begun', 'ended']);
    cut(2);
    const verified = await verify();
    expect(verified).toMatchObject({ code: 1, stdout: expect.stringMatching(/record 3 is missing: .*cut off/) });
    const checked = await program(['array', 'check', array, '--json']);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      findings: [{ severity: 'damage', what: expect.stringMatching(/record 3 is missing/) }],
    });
    const second = await serve();
    expect((await events()).slice(2)).toEqual([
      'damage: record 3 is missing: the end of the audit was cut off, or an older copy put back',
      'opened',
    ]);
    await end(second.child, 'SIGTERM');
    expect(await verify(), 'the chain goes on, and tells of it').toMatchObject({ code: 0 });

    // What a stop leaves is known to the last record.
    cut(3);
    expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringMatching(/record 4 is missing/) });
  });
});

describe('a host with a key', () => {
  it('commands, is refused without, and both are in the audit, which outlives kill -9 and shows tampering', async () => {
    const { child, port } = await serve();
    expect(await split(port)).toMatchObject({ code: 5, stderr: expect.stringMatching(/only blocks that are signed/) });
    const wrong = keyFile('wrong.key', 'another key of thirty-two bytes or more');
    expect(await split(port, wrong)).toMatchObject({ code: 5, stderr: expect.stringMatching(/not signed with a key/) });
    const right = await split(port, join(directory.path, 'runbook.key'));
    expect(right).toMatchObject({ code: 5, stderr: expect.stringMatching(/no group "?oradb/) });
    const running = await verify();
    expect(running).toMatchObject({ code: 0 });
    const { anchor } = JSON.parse(running.stdout) as { anchor: string };
    expect(anchor).toMatch(/^6:[0-9a-f]{64}$/);

    await end(child, 'SIGKILL');
    expect(await verify('--anchor', anchor)).toMatchObject({ code: 0 });
    const shown = await program(['array', 'audit', 'show', array, '--json']);
    const { records } = JSON.parse(shown.stdout) as { records: Record<string, unknown>[] };
    expect(records.map(({ event, status, key }) => [event, status ?? '', key ?? ''].join(' ').trim())).toEqual([
      'opened',
      'configured',
      'refused not-authenticated',
      'refused not-authenticated runbook',
      'begun  runbook',
      'ended not-found runbook',
    ]);
    expect(records.at(-1)).toMatchObject({ initiator: HOST, group: 'oradb', process: 'pair.split' });

    const file = join(array, 'store', 'audit-00000001');
    const sound = readFileSync(file, 'utf8');
    writeFileSync(file, sound.replace('not-authenticated', 'not-authentikated'));
    const tampered = await verify();
    expect(tampered.code).toBe(1);
    expect(tampered.stdout).toContain('no record that checks');
    const check = () => program(['array', 'check', array, '--json']);
    const findings = async (): Promise<unknown> =>
      (JSON.parse((await check()).stdout) as { findings: unknown }).findings;
    expect(await findings()).toMatchObject([{ severity: 'damage', file: 'audit-00000001' }]);
    writeFileSync(file, sound);
    expect(await check()).toMatchObject({ code: 0 });
    chmodSync(join(directory.path, 'runbook.key'), 0o644);
    expect(await findings()).toMatchObject([
      { file: 'access.yaml', what: expect.stringMatching(/others .* may read it/) },
    ]);
    chmodSync(join(directory.path, 'runbook.key'), 0o600);
    writeFileSync(file, sound.split('\n').slice(0, 5).join('\n') + '\n');
    expect(await verify()).toMatchObject({ code: 0 });
    expect(await verify('--anchor', anchor)).toMatchObject({ code: 1 });
  });
});

describe('what was edited while the array was stopped', () => {
  interface Configured {
    readonly event: string;
    readonly why: string;
    readonly digest: string;
  }

  /** What a start tells of what it is served with. */
  async function told(): Promise<readonly Configured[]> {
    const { child } = await serve();
    await end(child, 'SIGTERM');
    const shown = await program(['array', 'audit', 'show', array, '--last', '0', '--json']);
    expect(shown.stdout).not.toContain('a key of thirty-two');
    const { records } = JSON.parse(shown.stdout) as { records: Configured[] };
    const opened = records.findLastIndex(({ event }) => event === 'opened');
    return records.slice(opened + 1);
  }

  it('is in the audit at the next start, name by name, and what is as before is not', async () => {
    const [first] = await told();
    expect(first).toMatchObject({ event: 'configured', why: 'what was served before is not known' });
    expect(await told()).toEqual([]);

    const edit = (name: string, from: string, to: string): void => {
      const path = join(array, name);
      const text = readFileSync(path, 'utf8');
      expect(text).toContain(from);
      writeFileSync(path, text.replace(from, to));
    };
    edit('access.yaml', 'role: operator', 'role: administrator');
    edit('access.yaml', 'luns: [0]', 'luns: all');
    edit('array.yaml', 'name: kyoto', 'name: nara');
    const [edited, ...others] = await told();
    expect(others).toEqual([]);
    expect(edited!.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(edited!.digest).not.toBe(first!.digest);
    expect(edited!.why).toBe(
      `array name: kyoto, now nara; initiator ${HOST} luns: [0], now all; key runbook role: operator, now administrator`,
    );

    keyFile('runbook.key', 'another key of thirty-two bytes or more');
    const [key] = await told();
    expect(key!.why).toMatch(/^secret file .*runbook\.key: written .*, now written [^;]*$/);
  });

  it('is told once more where it could not be noted, and a note that is damaged is none', async () => {
    await told();
    writeFileSync(join(array, 'store', 'served'), '{"format":1,"settings":');
    expect(await told()).toMatchObject([{ why: 'what was served before is not known' }]);
    expect(await told()).toEqual([]);
    expect(await program(['array', 'check', array])).toMatchObject({ code: 0 });
  });
});

describe('the management of an array', () => {
  it('is in the audit, with what it was asked, by whom, and what became of it', async () => {
    const { child } = await serve();
    const add = (lun: string) =>
      program(['array', 'volume', 'add', array, '--lun', lun, '--name', 'more', '--size', '1MiB']);
    expect(await add('11')).toMatchObject({ code: 0 });
    expect(await add('0')).toMatchObject({ code: 5 });
    const access = { ...NO_GRANTS, initiators: [{ name: HOST, luns: [0], role: 'monitor' as const }] };
    writeFileSync(join(array, 'access.yaml'), formatAccessFile(access));
    expect(await program(['array', 'access', 'reload', array])).toMatchObject({ code: 0 });
    await sendRaw('{"operation":"unmap","lun":1,"notAfterMs":1}');
    await sendRaw('no request');
    await end(child, 'SIGKILL');
    const shown = await program(['array', 'audit', 'show', array, '--json']);
    const { records } = JSON.parse(shown.stdout) as { records: Record<string, string>[] };
    expect(
      records.map(({ event, process = '', status = '' }) => `${event} ${process} ${status}`.trim()).slice(2),
    ).toEqual([
      'begun management volume-add',
      'ended management volume-add ok',
      'begun management volume-add',
      'ended management volume-add refused',
      'begun management access-reload',
      'ended management access-reload ok',
      'refused management unmap refused',
      'refused management unknown refused',
    ]);
    expect(records[2]).toMatchObject({ manager: expect.stringMatching(/^pid \d+, uid \d+$/) });
    expect(JSON.parse(records[2]!['asked']!)).toMatchObject({ volume: { lun: 11, name: 'more' } });
    const changed = [
      `initiator ${HOST} role: signed, now monitor`,
      'key runbook role: operator, now nothing',
      `secret file ${directory.path}/runbook.key: written ${new Date().getUTCFullYear()}`,
    ];
    expect(records[7]!['why']).toContain(changed.join('; '));
    expect(records[8]!['why']).toBe('the request came too late');
    expect(await program(['array', 'audit', 'show', array])).toMatchObject({
      stdout: expect.stringMatching(/management +pid \d+, uid \d+ +management volume-add/),
    });
    expect(await verify()).toMatchObject({ code: 0 });
  });

  function sendRaw(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(join(array, 'array.sock'), () => socket.write(`${line}\n`));
      socket.on('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        resolve(String(answer));
      });
    });
  }
});
