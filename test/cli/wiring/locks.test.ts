import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createLocks } from '../../../src/cli/wiring/locks.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const clock = createFakeClock();
const locks = createLocks(clock);

describe('a lock', () => {
  it('has one holder at a time, and says who', async () => {
    const name = randomUUID();
    const first = await locks.acquire(name, 'replicate oradb');
    if (!first.held) throw new Error('it should be free');
    expect(await locks.acquire(name, 'another')).toEqual({
      held: false,
      holder: { pid: process.pid, since: new Date(clock.wallMs()).toISOString(), command: 'replicate oradb' },
    });
    await first.release();
    const second = await locks.acquire(name, 'another');
    expect(second.held).toBe(true);
    if (second.held) await second.release();
  });

  it('does not hinder one of another name', async () => {
    const both = await Promise.all([locks.acquire(randomUUID(), 'a'), locks.acquire(randomUUID(), 'b')]);
    expect(both.map(({ held }) => held)).toEqual([true, true]);
    for (const lock of both) if (lock.held) await lock.release();
  });

  it("is the kernel's: it goes with the process, however that dies", async () => {
    const name = randomUUID();
    const code = `require('net').createServer((s) => s.end()).listen('\\0cdctl-${name}', () => console.log('held'))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(await locks.acquire(name, 'a')).toEqual({ held: false, holder: undefined });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const free = await locks.acquire(name, 'a');
    expect(free.held).toBe(true);
    if (free.held) await free.release();
  });

  it('survives those who connect and say nothing, or leave at once', async () => {
    const name = randomUUID();
    const held = await locks.acquire(name, 'a');
    const rude = connect(`\0cdctl-${name}`);
    rude.on('error', () => undefined);
    rude.destroy();
    expect((await locks.acquire(name, 'b')).held).toBe(false);
    if (held.held) await held.release();
  });
});
