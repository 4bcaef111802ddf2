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
    expect(anchor).toMatch(/^5:[0-9a-f]{64}$/);

    await end(child, 'SIGKILL');
    expect(await verify('--anchor', anchor)).toMatchObject({ code: 0 });
    const shown = await program(['array', 'audit', 'show', array, '--json']);
    const { records } = JSON.parse(shown.stdout) as { records: Record<string, unknown>[] };
    expect(records.map(({ event, status, key }) => [event, status ?? '', key ?? ''].join(' ').trim())).toEqual([
      'opened',
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
    writeFileSync(file, sound.split('\n').slice(0, 2).join('\n') + '\n');
    expect(await verify()).toMatchObject({ code: 0 });
    expect(await verify('--anchor', anchor)).toMatchObject({ code: 1 });
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
      records.map(({ event, process = '', status = '' }) => `${event} ${process} ${status}`.trim()).slice(1),
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
    expect(records[1]).toMatchObject({ manager: expect.stringMatching(/^pid \d+, uid \d+$/) });
    expect(JSON.parse(records[1]!['asked']!)).toMatchObject({ volume: { lun: 11, name: 'more' } });
    expect(records[6]!['why']).toContain(`granted or changed: initiator ${HOST}; revoked: key runbook`);
    expect(records[7]!['why']).toBe('the request came too late');
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
