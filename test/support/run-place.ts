import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Before a test run, once: a directory in which all its temporary files lie, and a warden that ends whatever process still
 * knows that directory when the run is over, also where it was interrupted or killed, and then removes it.
 */

let tearDown: () => Promise<void> | void;

export function setup(): void {
  const place = mkdtempSync(join(tmpdir(), 'cdctl-run-'));
  const environment = { ...process.env };
  process.env['TMPDIR'] = place;
  tearDown = () => rmSync(place, { recursive: true, force: true });
  if (!existsSync('/proc/self/environ')) return;
  const program = new URL('warden.mjs', import.meta.url).pathname;
  const warden = spawn(process.execPath, [program, place, String(process.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
    env: environment,
  });
  warden.stdin!.on('error', () => undefined);
  warden.unref();
  (warden.stdin as Socket).unref();
  tearDown = async () => {
    const ended = once(warden, 'exit');
    warden.stdin!.end('in order');
    await ended;
  };
}

export async function teardown(): Promise<void> {
  await tearDown();
}
