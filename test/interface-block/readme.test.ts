import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCommandDevice } from '../../src/array/command-device/command-device.ts';
import { refusal } from '../../src/array/command-device/request-table.ts';
import type { CommandOutcome } from '../../src/array/command-device/types.ts';
import { createFakeClock, settle } from '../support/fake-clock.ts';
import { readFixture, readText, renewing, writeText } from '../support/fixture.ts';
import { toXxd } from '../support/xxd.ts';
import { markersOf, readmeSections, renewReadme } from './readme-sections.ts';

const README = 'src/interface-block/README.md';

if (renewing) writeText(README, renewReadme(readText(README)));
const readme = readText(README);

describe('the documentation of the interface block', () => {
  it('shows what the layouts, the tables and the fixtures say', () => {
    expect(readme).toBe(renewReadme(readme));
  });

  it('shows everything that is generated', () => {
    expect(markersOf(readme).toSorted()).toEqual([...readmeSections().keys()].toSorted());
  });
});

/** The recipe by hand, run by the real `sh`, `printf`, `od`, `gzip` and `dd` against a file that stands for the LUN. */
describe('the recipe by hand', () => {
  const steps = [...readme.slice(readme.indexOf('## By hand')).matchAll(/^```sh\n([^]*?)^```$/gm)].map(
    (match) => match[1]!,
  );
  const [functions, label, make, write, read, show] = steps as [string, string, string, string, string, string];
  const request = readFixture('interface-block/journal-show-request.hex');
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cdctl-recipe-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** O_DIRECT is left out: the file may lie where it is not supported. */
  function run(...scripts: string[]): string {
    const script = scripts
      .join('\n')
      .replace('DEVICE=/dev/sdc', 'DEVICE=lun')
      .replace('HOST=$(hostname)', 'HOST=db1.example.com')
      .replace('head -c 16 /dev/urandom > request-id', 'at sent 16 16 > request-id')
      .replaceAll(/ [io]flag=direct/g, '');
    return execFileSync('sh', ['-eu', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));

  function setUp(labelBytes: Uint8Array): void {
    const lun = new Uint8Array(16384 + 64 * 16384);
    lun.set(labelBytes);
    writeFileSync(join(folder, 'lun'), lun);
    writeFileSync(join(folder, 'sent'), request);
  }

  /** What the array makes of the block in the file, put where the array would show it. */
  async function answerAs(outcome: CommandOutcome): Promise<void> {
    const device = createCommandDevice({
      lun: 0,
      name: 'cmd',
      serial: 'TOKYO0000',
      worldWideName: new Uint8Array(16),
      arraySerial: 'TOKYO',
      arrayName: 'tokyo',
      blockSize: 512,
      clock: createFakeClock(),
      commandNumber: () => 1234,
      execute: async () => outcome,
    });
    const lun = file('lun');
    const slot = 18 * 16384;
    await device.write(slot / 512, lun.subarray(slot, slot + 4096), { forceUnitAccess: false });
    await settle();
    lun.set(await device.read(slot / 512, 32), slot);
    writeFileSync(join(folder, 'lun'), lun);
  }

  it('has its six steps', () => {
    expect(steps.length).toBe(6);
  });

  it('makes the very block that the encoder makes, and writes it to the slot', () => {
    setUp(readFixture('interface-block/label.hex'));
    run(functions, label, make, write);
    expect(toXxd(file('block'))).toBe(toXxd(request));
    expect(toXxd(file('lun').subarray(18 * 16384, 18 * 16384 + 4096))).toBe(toXxd(request));
  });

  it('signs as the fixture is signed', () => {
    const lun = new Uint8Array(8192);
    lun.set(readFixture('interface-block/label.hex'));
    lun.set(readFixture('interface-block/challenge.hex'), 4096);
    setUp(lun);
    const signed = readFixture('interface-block/journal-show-signed-request.hex');
    writeFileSync(join(folder, 'fresh'), signed.subarray(236, 244));
    writeFileSync(join(folder, 'key'), 'a key of thirty-two bytes or more');
    const hmac = `const { createHmac } = require('node:crypto'), { readFileSync: read } = require('node:fs');
      process.stdout.write(createHmac('sha256', read('key')).update(read(0)).digest());`;
    writeFileSync(join(folder, 'hmac.cjs'), hmac);
    const recipe = /^```text\n(dd [^]*?)^```$/m.exec(readme)![1]!;
    expect(recipe).toMatch(/^mac\(\) \{ openssl dgst -sha256 -mac HMAC .*\}$/m);
    // Not every machine has openssl: whoever makes the HMAC, it is of these bytes.
    const sign = recipe
      .replace(/^mac\(\) .*$/m, `mac() { "${process.execPath}" hmac.cjs; }`)
      .replace('head -c 8 /dev/urandom', 'cat fresh');
    run(functions, label, make, `NAME=runbook\n${sign}`);
    expect(toXxd(file('block'))).toBe(toXxd(signed));
  });

  it('reads the answer of the array', async () => {
    setUp(readFixture('interface-block/label.hex'));
    run(functions, label, make, write);
    const answer = readFixture('interface-block/journal-show-answer.hex');
    await answerAs({ status: 0, editedData: answer.slice(4096, 4096 + 376) });
    expect(run(functions, read, show)).toBe('status 0\njournal out 101, in 131\n');
    expect(toXxd(file('answer'))).toBe(toXxd(answer));
  });

  it('reads a refusal', async () => {
    setUp(readFixture('interface-block/label.hex'));
    run(functions, label, make, write);
    await answerAs(refusal('not-found', 'there is no group "oradb" on array TOKYO'));
    expect(run(functions, read, show)).toMatch(/^status 5\n/);
    expect(toXxd(file('answer'))).toBe(toXxd(readFixture('interface-block/journal-show-refused.hex')));
    expect(new TextDecoder().decode(file('edited'))).toBe('there is no group "oradb" on array TOKYO');
  });

  it.each([
    ['another array', (bytes: Uint8Array) => bytes.with(16, 0x4f)],
    ['a damaged label', (bytes: Uint8Array) => bytes.with(87, 0)],
    ['no command device', (bytes: Uint8Array) => bytes.with(0, 0)],
  ])('goes no further than the label of %s', (_what, change) => {
    setUp(change(readFixture('interface-block/label.hex')));
    expect(() => run(functions, label, make, write)).toThrow();
    expect(
      file('lun')
        .subarray(16384)
        .every((byte) => byte === 0),
    ).toBe(true);
  });
});
