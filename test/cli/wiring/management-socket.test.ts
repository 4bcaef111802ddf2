import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CliError } from '../../../src/cli/cli-error.ts';
import { askManagement, managementPath, openManagementSocket } from '../../../src/cli/wiring/management-socket.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../support/run-program.ts';

const place = temporaryDirectory();
afterAll(() => place.remove());

const exitOf = (error: unknown): string => (error instanceof CliError ? error.exit : `no CliError: ${String(error)}`);

describe('the management socket', () => {
  it('answers each request on a line of its own', async () => {
    const socket = await openManagementSocket(place.path, async (request) => ({ ok: true, result: { echo: request } }));
    const asked = { operation: 'unmap', lun: 30 } as const;
    expect(await askManagement(place.path, asked, 1000)).toEqual({ echo: asked });
    const lines = await new Promise<string>((resolve) => {
      const raw = connect(socket.path, () => raw.write('{"operation":"show"}\nnot json\n'));
      let text = '';
      raw.on('data', (chunk) => {
        text += String(chunk);
        if (text.split('\n').length === 3) resolve(text);
      });
    });
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { ok: boolean }).ok),
    ).toEqual([true, false]);
    await socket.close();
    expect(existsSync(socket.path)).toBe(false);
  });

  it('lets nobody else into its directory', async () => {
    const socket = await openManagementSocket(place.path, async () => ({ ok: true, result: {} }));
    expect(statSync(place.path).mode & 0o777).toBe(0o700);
    await socket.close();
  });

  it('takes the place of one that a dead process left', async () => {
    writeFileSync(managementPath(place.path), '');
    const socket = await openManagementSocket(place.path, async () => ({ ok: true, result: { alive: true } }));
    expect(await askManagement(place.path, { operation: 'show' }, 1000)).toEqual({ alive: true });
    await socket.close();
  });

  it('does not know what became of a change where the array ends before it answers; nothing became of a question', async () => {
    const socket = createServer((peer) => peer.on('data', () => peer.destroy()));
    await new Promise<void>((resolve) => socket.listen(managementPath(place.path), resolve));
    const asked = [{ operation: 'unmap', lun: 30 }, { operation: 'show' }] as const;
    const exits = asked.map((request) => askManagement(place.path, request, 1000).catch(exitOf));
    expect(await Promise.all(exits)).toEqual(['outcome-unknown', 'no-path']);
    await new Promise((resolve) => socket.close(resolve));
    expect(await askManagement(place.path, asked[0], 1000).catch(exitOf)).toBe('no-path');
  });

  it('passes on what the array refuses', async () => {
    const socket = await openManagementSocket(place.path, async () => ({
      ok: false,
      message: 'LUN 10 is data already',
    }));
    const error = await askManagement(place.path, { operation: 'show' }, 1000).catch((thrown: unknown) => thrown);
    expect(exitOf(error)).toBe('refused');
    expect((error as CliError).text.why).toBe('LUN 10 is data already');
    await socket.close();
  });

  it('that does not answer is a timeout, one that is not there has no path', async () => {
    const silent = await openManagementSocket(place.path, () => new Promise(() => undefined));
    expect(exitOf(await askManagement(place.path, { operation: 'show' }, 50).catch((thrown: unknown) => thrown))).toBe(
      'timeout',
    );
    await silent.close();
    const gone = await askManagement(place.path, { operation: 'show' }, 1000).catch((thrown: unknown) => thrown);
    expect(exitOf(gone)).toBe('no-path');
    expect((gone as CliError).text.next).toBe(`start it: cdctl array serve ${place.path}`);
  });

  it('does not do what nobody waits for any more', async () => {
    const [asking, heldUp] = [createFakeClock(1_000_000), createFakeClock(1_002_000)];
    let done = 0;
    const count = async () => ({ ok: true as const, result: { done: (done += 1) } });
    const socket = await openManagementSocket(place.path, count, heldUp);
    const edit = { operation: 'unmap', lun: 30 } as const;
    const late = await askManagement(place.path, edit, 1000, asking).catch((thrown: unknown) => thrown);
    expect((late as CliError).text.why).toMatch(/too late/);
    expect(await askManagement(place.path, edit, 3000, asking)).toEqual({ done: 1 });
    await socket.close();
  });

  it('does not know what became of an edit that is not answered', async () => {
    const silent = await openManagementSocket(place.path, () => new Promise(() => undefined));
    const edit = { operation: 'unmap', lun: 30 } as const;
    expect(exitOf(await askManagement(place.path, edit, 50).catch((thrown: unknown) => thrown))).toBe(
      'outcome-unknown',
    );
    await silent.close();
  });

  it('reads no more of one who asks faster than it is answered, and serves the others', async () => {
    const open = await openManagementSocket(place.path, async ({ operation }) =>
      operation === 'unmap' ? new Promise(() => undefined) : { ok: true, result: {} },
    );
    const flood = connect(open.path);
    const size = 8 * 1024 * 1024;
    flood.write('{"operation":"unmap"}\n');
    flood.write(`${' '.repeat(1023)}\n`.repeat(size / 1024));
    for (let turn = 0; turn < 200; turn += 1) await askManagement(place.path, { operation: 'show' }, 10_000);
    expect(flood.writableLength).toBeGreaterThan(size / 2);
    flood.destroy();
    await open.close();
  });

  it('has room for 32 connections', async () => {
    const open = await openManagementSocket(place.path, async () => ({ ok: true, result: {} }));
    const idle = Array.from({ length: 40 }, () => connect(open.path));
    const closed = idle.map((socket) => new Promise<Socket>((resolve) => socket.once('close', () => resolve(socket))));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    const refused = new Set<Socket>();
    for (let count = 0; count < 8; count += 1) {
      refused.add(await Promise.race(closed.filter((_, index) => !refused.has(idle[index]!))));
    }
    expect(idle.filter((socket) => !socket.destroyed)).toHaveLength(32);
    idle.forEach((socket) => socket.destroy());
    await Promise.all(closed);
    expect(await askManagement(place.path, { operation: 'show' }, 10_000)).toEqual({});
    await open.close();
  });

  it('has a path of at most 107 bytes', () => {
    const fits = join('/', 'x'.repeat(107 - '/'.length - '/array.sock'.length));
    expect(managementPath(fits)).toHaveLength(107);
    expect(() => managementPath(`${fits}x`)).toThrow(/at most 107 bytes, this one has 108/);
  });
});
