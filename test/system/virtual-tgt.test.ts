import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import {
  block,
  Host,
  persistentOut,
  READ,
  RELEASE,
  RESERVE,
  Served,
  TEST_UNIT_READY,
  volume,
  WRITE,
} from '../array/virtual-volume-world.ts';
import { temporaryDirectory } from '../cli/support/run-program.ts';
import { Tgt } from './support/tgt.ts';

/**
 * A virtual volume whose far array is tgtd (Debian: tgt; needs root), a target that knows nothing of this project: hosts meet through
 * the volume what they would meet at tgt itself.
 */

const place = temporaryDirectory();
const SERIAL = 'TG000001';
/** LUNs of tgt, and of the virtual volumes. */
const MAIN = 1;
const TWIN = 2;

let tgt: Tgt;
let tokyo: Served;
const hosts: Host[] = [];

beforeAll(async () => {
  for (const lun of [MAIN, TWIN]) writeFileSync(join(place.path, `${lun}.img`), '');
});

beforeEach(async () => {
  tgt = await Tgt.start();
  for (const lun of [MAIN, TWIN]) {
    const image = join(place.path, `${lun}.img`);
    truncateSync(image, 0);
    truncateSync(image, 1 << 20);
    // The serial by which an array of this kind would name the LUN: the near one opens no other.
    tgt.addLun(lun, image, `thin_provisioning=1,scsi_sn=${SERIAL}-000${lun}`);
  }
  tokyo = await new Served('tokyo', {
    volumes: [volume(20)],
    remotes: [{ serial: SERIAL, name: 'tgt', portals: [`iscsi://${tgt.portal}/${tgt.targetName}`] }],
    lunMap: [MAIN, TWIN].map((lun) => ({ lun, name: `tgt-${lun}`, targetSerial: SERIAL, targetLun: lun })),
  }).start();
});

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  await tokyo.stop();
  await tgt.kill();
});

afterAll(() => place.remove());

async function through(name: string): Promise<Host> {
  const host = new Host(tokyo, name);
  hosts.push(host);
  return host.ready(MAIN, TWIN);
}

async function direct(name: string): Promise<Host> {
  const host = new Host({ url: `iscsi://${tgt.portal}/${tgt.targetName}`, targetName: tgt.targetName }, name);
  hosts.push(host);
  return host.ready(MAIN, TWIN);
}

/** Two hosts share the LUN by persistent reservations; what each was answered, in order. */
async function share(lun: number, one: Host, other: Host): Promise<string[]> {
  const [key, otherKey] = [0xa1, 0xb2];
  const steps = [
    () => persistentOut(one, lun, 'register', { newKey: key }),
    () => persistentOut(one, lun, 'reserve', { key, type: 3 }),
    () => one.verdict(lun, WRITE, block(1)),
    () => other.verdict(lun, WRITE, block(2)),
    () => other.verdict(lun, READ),
    () => persistentOut(other, lun, 'reserve', { key: otherKey, type: 3 }),
    () => persistentOut(other, lun, 'register', { newKey: otherKey }),
    () => persistentOut(other, lun, 'preempt', { key: otherKey, newKey: key, type: 3 }),
    () => other.verdict(lun, WRITE, block(3)),
    () => one.verdict(lun, TEST_UNIT_READY),
    () => one.verdict(lun, WRITE, block(4)),
    () => persistentOut(one, lun, 'release', { key, type: 3 }),
    () => persistentOut(other, lun, 'release', { key: otherKey, type: 3 }),
    () => one.verdict(lun, WRITE, block(5)),
    () => persistentOut(other, lun, 'clear', { key: otherKey }),
    () => other.verdict(lun, RESERVE),
    () => one.verdict(lun, READ),
    () => persistentOut(one, lun, 'register', { newKey: key }),
    () => other.verdict(lun, RELEASE),
    () => one.verdict(lun, READ),
  ];
  const verdicts: string[] = [];
  for (const step of steps) verdicts.push(await step());
  return verdicts;
}

describe('a virtual volume of a LUN of tgt', () => {
  it('is reserved, preempted and released as the LUN itself, from both sides', async () => {
    const expected = await share(TWIN, await direct('first'), await direct('second'));
    expect(expected).toContain('conflict');
    expect(expected.filter((verdict) => verdict === 'good').length).toBeGreaterThan(8);
    expect(await share(MAIN, await through('third'), await direct('fourth'))).toEqual(expected);
    await direct('clean-up').then((host) => host.reset(MAIN));
    expect(await share(MAIN, await direct('fifth'), await through('sixth'))).toEqual(expected);
    await direct('clean-up again').then((host) => host.reset(MAIN));
    expect(await share(MAIN, await through('seventh'), await through('eighth'))).toEqual(expected);
  });

  it('answers as tgt answers, also where it has no such command', async () => {
    const commands: readonly (readonly [what: string, cdb: string, options?: { data?: Uint8Array; room?: number }])[] =
      [
        ['WRITE(10)', '2a 00 00000000 00 0004 00', { data: block(1, 4) }],
        ['READ(16)', '88 00 0000000000000000 00000004 00 00', { room: 2048 }],
        ['COMPARE AND WRITE, different', '89 00 0000000000000000 000000 01 00 00', { data: block(7, 2) }],
        ['COMPARE AND WRITE, equal', '89 00 0000000000000000 000000 01 00 00', { data: block(1, 2) }],
        ['ORWRITE(16)', '8b 00 0000000000000001 00000001 00 00', { data: block(0x80) }],
        ['WRITE SAME(16) with UNMAP', '93 08 0000000000000008 00000008 00 00', { data: block(0) }],
        ['GET LBA STATUS', '9e 12 0000000000000000 00000400 00 00', { room: 1024 }],
        ['WRITE ATOMIC(16)', '9c 00 0000000000000020 0000 0004 00 00', { data: block(8, 4) }],
        ['SANITIZE', '48 82 00 00 00 00 00 00 00 00'],
        ['READ beyond the end', '28 00 000007ff 00 0002 00', { room: 1024 }],
        ['READ CAPACITY(16)', '9e 10 0000000000000000 00000020 00 00', { room: 32 }],
        ['INQUIRY, characteristics', '12 01 b1 00 ff 00', { room: 255 }],
        ['INQUIRY, provisioning', '12 01 b2 00 ff 00', { room: 255 }],
        ['MODE SENSE(6)', '1a 00 3f 00 ff 00', { room: 255 }],
      ];
    const [one, other] = [await through('near'), await direct('far')];
    for (const [what, cdb, options] of commands) {
      const expected = await other.send(TWIN, cdb, options);
      expect({ what, ...(await one.send(MAIN, cdb, options)) }).toEqual({ what, ...expected });
    }
    expect(await one.verdict(MAIN, '48 82 00 00 00 00 00 00 00 00')).toBe('5/20/00');
  });

  it('says of itself what it can do through tgt, and does what needs no more than READ and WRITE', async () => {
    const host = await through('near');
    const { dataIn } = await host.send(MAIN, 'a3 0c 00 00 0000 00001000 00 00', { room: 4096 });
    const opcodes = new Set(Array.from({ length: (dataIn.length - 4) / 8 }, (_, at) => dataIn[4 + 8 * at]!));
    const other = await direct('far');
    const asked = ['5e 00 0000000000 0008 00', '42 00 00000000 00 0000 00', '89', '8b', '9c', '48 02'];
    for (const start of asked) {
      const cdb = start.replaceAll(' ', '').padEnd(start.length > 5 ? 0 : 32, '0');
      const known = (await other.send(MAIN, cdb)).verdict !== '5/20/00';
      expect(`${cdb}: ${opcodes.has(Number.parseInt(cdb.slice(0, 2), 16))}`).toBe(`${cdb}: ${known}`);
    }
    const defects = '37 00 18 00 00 00 00 00ff 00';
    expect((await other.send(MAIN, defects, { room: 255 })).verdict).toBe('5/20/00');
    expect(toHex((await host.send(MAIN, defects, { room: 255 })).dataIn)).toBe('00180000');
  });
});
