import { describe, expect, it } from 'vitest';
import type { ExitClassName } from '../../src/cli/exit-classes.ts';
import { failureOf, type Failure } from '../../src/cli/failure.ts';
import { createArrayClient } from '../../src/host/array-client.ts';
import { sendRawBlock } from '../../src/host/raw-block.ts';
import { openBlockDevice } from '../../src/lun/block-device.ts';
import type { Lun } from '../../src/lun/lun.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { addScsiDisk, createFakeDevices, systemError, type FakeDevices } from '../support/fake-devices.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/** From the kernel's error number of a raw device to the exit class and the words that an operator reads. */

interface Expected {
  readonly code: string;
  readonly errno: number;
  readonly read: ExitClassName;
  readonly write: ExitClassName;
  readonly words: RegExp;
}

const TABLE: readonly Expected[] = [
  { code: 'EBADE', errno: 52, read: 'busy', write: 'busy', words: /RESERVATION CONFLICT/ },
  {
    code: 'EREMOTEIO',
    errno: 121,
    read: 'refused',
    write: 'outcome-unknown',
    words: /ILLEGAL REQUEST, WRITE PROTECTED/,
  },
  { code: 'ENODATA', errno: 61, read: 'refused', write: 'outcome-unknown', words: /MEDIUM ERROR/ },
  { code: 'ENOSPC', errno: 28, read: 'refused', write: 'outcome-unknown', words: /space allocation failed/ },
  { code: 'ENOLINK', errno: 67, read: 'no-path', write: 'outcome-unknown', words: /transport failure/ },
  {
    code: 'EIO',
    errno: 5,
    read: 'refused',
    write: 'outcome-unknown',
    words: /NOT READY, ABORTED COMMAND, a lost path/,
  },
];

const SIZE = 2 << 20;

function machine(): { system: FakeDevices; clock: FakeClock; readonly open: () => Promise<Lun> } {
  const system = createFakeDevices(SIZE);
  addScsiDisk(system, 512);
  const clock = createFakeClock();
  return { system, clock, open: () => openBlockDevice({ clock, system }, '/dev/sda') };
}

async function failure(clock: FakeClock, work: Promise<unknown>): Promise<Failure> {
  return clock.run(
    work.then(
      () => Promise.reject(new Error('did not fail')),
      (error: unknown) => failureOf(error, 'test'),
    ),
  );
}

describe.each(TABLE)('$code', ({ code, errno, read, write, words }) => {
  it(`ends a read as ${read} and a write as ${write}`, async () => {
    const { system, clock, open } = machine();
    const lun = await open();
    system.failures.push(systemError(code, errno));
    expect(await failure(clock, lun.read(0, 8))).toMatchObject({
      class: read,
      where: '/dev/sda',
      why: expect.stringMatching(words) as string,
    });
    system.failures.push(systemError(code, errno));
    const written = await failure(clock, lun.write(0, new Uint8Array(512)));
    expect(written).toMatchObject({ class: write, where: '/dev/sda', why: expect.stringMatching(words) as string });
  });

  it('of a label that is read before a command is no path, in the same words', async () => {
    const { system, clock, open } = machine();
    const client = createArrayClient({
      array: 'tokyo',
      serial: 'TOKYO',
      paths: ['/dev/sda'],
      opener: { open },
      clock,
      random: createSeededRandom(1),
      host: 'test',
      timeoutMs: 1000,
    });
    const why = expect.stringMatching(words) as string;
    system.failures.push(undefined, undefined, systemError(code, errno));
    const called = await failure(clock, client.call('array.show', { header: {}, rows: [] }));
    expect(called).toMatchObject({ class: 'no-path', array: 'tokyo', why });
    const parts = { array: 'tokyo', serial: 'TOKYO', lun: await open(), block: new Uint8Array(4096), slot: 0 };
    system.failures.push(systemError(code, errno));
    const sent = await failure(clock, sendRawBlock({ ...parts, clock, timeoutMs: 1000 }));
    expect(sent).toMatchObject({ class: 'no-path', array: 'tokyo', why });
    expect(system.disk.every((byte) => byte === 0)).toBe(true);
  });
});
