import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program, start, temporaryDirectory } from '../cli/support/run-program.ts';
import { Tgt } from './support/tgt.ts';

/**
 * `cdctl lun` on tgt's LUNs and on loop devices, judged by others: sg3-utils decode the same bytes, libiscsi and QEMU ask the same
 * units, and the backing files say what was written. Debian: tgt, sg3-utils, libiscsi-bin, qemu-utils, qemu-block-extra.
 */

const place = temporaryDirectory();
const image = (name: string): string => join(place.path, name);
const IMAGE_BYTES = 48 << 20;
let tgt: Tgt;
let loop = '';

async function cdctl(...argv: readonly string[]): Promise<any> {
  const { stdout, code } = await program(['--json', ...argv]);
  return { ...(JSON.parse(stdout) as object), code };
}

const tool = (name: string, ...argv: readonly string[]): string => execFileSync(name, argv, { encoding: 'utf8' });

beforeAll(async () => {
  for (const name of ['one', 'two', 'three', 'device']) {
    writeFileSync(image(name), '');
    truncateSync(image(name), IMAGE_BYTES);
  }
  tgt = await Tgt.start();
  tgt.addLun(1, image('one'), 'thin_provisioning=1');
  tgt.addLun(2, image('two'));
  tgt.addLun(3, image('three'), 'readonly=1');
  loop = tool('losetup', '--find', '--show', '--direct-io=on', image('device')).trim();
});

afterAll(async () => {
  if (loop !== '') spawnSync('losetup', ['--detach', loop]);
  await tgt.kill();
  place.remove();
});

describe('lun show', () => {
  it('decodes every page of tgt as sg_vpd does', async () => {
    const { examination, code } = await cdctl('lun', 'show', tgt.url(1));
    expect(code).toBe(0);
    const pages = examination.vpd.map(({ page }: { page: string }) => page);
    expect(pages).toEqual(['00', '80', '83', 'b0', 'b1', 'b2']);
    const sgVpd = (page: string): string => {
      const { bytes } = examination.vpd.find((each: { page: string }) => each.page === page);
      writeFileSync(image('hex'), bytes.match(/../g).join(' '));
      return tool('sg_vpd', `--inhex=${image('hex')}`, `--page=0x${page}`);
    };
    const value = (page: string, name: string): unknown =>
      examination.vpd
        .find((each: { page: string }) => each.page === page)
        .fields.find((field: { name: string }) => field.name === name)?.value;
    expect(sgVpd('80')).toContain(String(value('80', 'serial')));
    expect(sgVpd('83')).toContain(String(value('83', 'logical unit, NAA')));
    const limits = sgVpd('b0');
    for (const [words, name] of [
      ['Maximum compare and write length', 'maximumCompareAndWriteLength'],
      ['Maximum unmap LBA count', 'maximumUnmapBlockCount'],
      ['Maximum unmap block descriptor count', 'maximumUnmapDescriptorCount'],
      ['Maximum write same length', 'maximumWriteSameLength'],
    ] as const) {
      const [, number] = new RegExp(`${words}: (\\S+)`).exec(limits) ?? [];
      expect(value('b0', name), `${words} in ${limits}`).toBe(number === '-1' ? 0xffff_ffff : Number(number));
    }
    const provisioning = sgVpd('b2');
    for (const [words, name] of [
      ['LBPU', 'unmap'],
      ['LBPWS', 'writeSame16Unmap'],
      ['LBPWS10', 'writeSame10Unmap'],
    ] as const) {
      expect(value('b2', name)).toBe(new RegExp(`\\(${words}\\): 1`).test(provisioning));
    }
  });

  it('tells identity and capacity as libiscsi and QEMU read them', async () => {
    const { examination, identity } = await cdctl('lun', 'show', tgt.url(1));
    const inquiry = tool('iscsi-inq', tgt.url(1));
    expect(/^Vendor:(.*)$/m.exec(inquiry)![1]!.trim()).toBe(identity.vendor);
    expect(/^Product:(.*)$/m.exec(inquiry)![1]!.trim()).toBe(identity.product);
    const capacity = tool('iscsi-readcapacity16', tgt.url(1));
    const number = (words: string): number => Number(new RegExp(`${words}:\\s*(\\d+)`).exec(capacity)![1]);
    expect(examination.capacity).toMatchObject({
      blockCount: number('RETURNED LOGICAL BLOCK ADDRESS') + 1,
      blockSize: number('LOGICAL BLOCK LENGTH IN BYTES'),
      physicalBlockSize: 512 * 2 ** number('LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT'),
      thin: number('LBPME') === 1,
      readsZeros: number('LBPRZ') === 1,
    });
    const info = JSON.parse(tool('qemu-img', 'info', '--output=json', tgt.url(1))) as { 'virtual-size': number };
    expect(examination.capacity.byteLength).toBe(info['virtual-size']);
    expect((await cdctl('lun', 'show', tgt.url(3))).examination.mode.writeProtected).toBe(true);
    expect((await cdctl('lun', 'show', tgt.url(9))).code).toBe(4);
  });

  it('shows of a loop device what sysfs keeps, and says what it does not', async () => {
    const { examination, capacity, code } = await cdctl('lun', 'show', loop);
    expect(code).toBe(0);
    expect(capacity.blockCount * capacity.blockSize).toBe(Number(tool('blockdev', '--getsize64', loop)));
    expect(examination.capacity.physicalBlockSize).toBe(Number(tool('blockdev', '--getpbsz', loop)));
    expect(examination.kernel).toMatchObject({ kind: 'loop', readOnly: false, backingFile: image('device') });
    expect(examination.unknown.length).toBeGreaterThan(2);
    expect((await cdctl('lun', 'reserve', 'status', loop)).error.why).toContain('block device');
  });
});

describe('lun scan', () => {
  it('lists the LUNs that iscsi-ls lists, and the block devices', async () => {
    const { places, code } = await cdctl('lun', 'scan', tgt.portal, '/dev');
    expect(code).toBe(0);
    const listed = [...tool('iscsi-ls', '-s', `iscsi://${tgt.portal}`).matchAll(/^Lun:(\d+)/gm)].map(([, lun]) =>
      Number(lun),
    );
    const found = places[0].luns.map(({ path }: { path: string }) => Number(path.split('/').at(-1)));
    // libiscsi leaves out the controller that tgt has as LUN 0.
    expect(found.filter((lun: number) => lun !== 0)).toEqual(listed.filter((lun) => lun !== 0));
    expect(places[0].luns[0]).toMatchObject({ kind: 'no disk' });
    expect(places[1].luns.map(({ path }: { path: string }) => path)).toContain(loop);
  });
});

describe('lun reserve', () => {
  it('keeps another initiator out of a LUN of tgt', async () => {
    const reserve = (verb: string, ...more: string[]): Promise<any> =>
      cdctl('lun', 'reserve', verb, tgt.url(2), ...more);
    // tgt forgets who registered when the session ends: the key stays, its port does not come back.
    const taken = await reserve('take', '--key', 'a1', '--type', 'exclusive-access', '--register');
    expect(taken.reservations).toMatchObject({ keys: ['00000000000000a1'], held: { type: 'exclusive-access' } });
    const qemu = spawnSync('qemu-io', ['-f', 'raw', '-c', 'write 0 512', tgt.url(2)], { encoding: 'utf8' });
    expect(`${qemu.stdout}${qemu.stderr}`).toMatch(/failed|error/i);
    const input = image('device');
    const denied = await cdctl('lun', 'write', tgt.url(2), '--input', input, '--confirm', tgt.url(2));
    expect(denied.error).toMatchObject({ kind: 'reservation-conflict', exit: 7 });
    const forgotten = await reserve('unregister', '--key', 'a1');
    expect(forgotten.error).toMatchObject({
      exit: 7,
      why: expect.stringMatching(/not registered by this host \(iqn\.\S+\) in the eyes of the target/),
      next: expect.stringMatching(/reserve clear .* --register/),
    });
    expect((await reserve('release', '--key', 'a1')).error.next).toContain('--register');
    const cleared = await reserve('clear', '--key', 'b2', '--register', '--confirm', tgt.url(2));
    expect(cleared).toMatchObject({ changed: true, reservations: { keys: [] } });
    expect(tool('qemu-io', '-f', 'raw', '-c', 'write 0 512', tgt.url(2))).toContain('wrote 512/512');
  });
});

describe('lun copy', () => {
  const content = Buffer.concat([randomBytes(20 << 20), Buffer.alloc(20 << 20), randomBytes(8 << 20)]);
  const copy = (from: string, to: string, ...more: string[]): Promise<any> =>
    cdctl('lun', 'copy', from, to, '--confirm', to, ...more);

  it('gives on every path what QEMU and the backing file hold', async () => {
    writeFileSync(image('source'), content);
    expect((await copy(image('source'), tgt.url(1), '--verify')).figures).toMatchObject({
      whole: true,
      zeroBytes: 20 << 20,
    });
    expect(readFileSync(image('one')).equals(content)).toBe(true);
    expect(await copy(tgt.url(1), tgt.url(2))).toMatchObject({ code: 0 });
    expect(tool('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', tgt.url(2), image('source'))).toContain('identical');
    expect(await copy(tgt.url(2), loop, '--verify')).toMatchObject({ code: 0 });
    expect(await copy(loop, image('back'))).toMatchObject({ code: 0 });
    expect(readFileSync(image('back')).equals(content)).toBe(true);
    expect(await cdctl('lun', 'compare', loop, tgt.url(1))).toMatchObject({ code: 0, equal: true });
    // tgt's backing file is written behind its back.
    const damaged = Buffer.from(content);
    damaged[30_000_000]! ^= 1;
    writeFileSync(image('one'), damaged);
    expect(await cdctl('lun', 'compare', loop, tgt.url(1))).toMatchObject({
      code: 1,
      firstDifference: 30_000_000,
      differentBlocks: 1,
    });
    expect((await copy(image('source'), tgt.url(3))).error).toMatchObject({ kind: 'write-protected', exit: 5 });
  });

  it('that is killed is never taken for whole, and a resumed one is', async () => {
    writeFileSync(image('other'), randomBytes(IMAGE_BYTES));
    const argv = ['lun', 'copy', image('other'), tgt.url(1), '--confirm', tgt.url(1)];
    const child = start(argv);
    // The marker is the first thing that is written.
    while (!readFileSync(image('one')).subarray(0, 21).equals(Buffer.from('CDCTL-UNFINISHED-COPY'))) {
      if (child.exitCode !== null) throw new Error('the copy ended before it could be killed');
      await new Promise((resolve) => setImmediate(resolve));
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readFileSync(image('one')).subarray(0, 21).toString()).toBe('CDCTL-UNFINISHED-COPY');
    expect(await cdctl('lun', 'show', tgt.url(1))).toMatchObject({ unfinishedCopy: true });
    expect(await cdctl(...argv, '--resume', '--verify')).toMatchObject({ code: 0, figures: { whole: true } });
    expect(readFileSync(image('one')).equals(readFileSync(image('other')))).toBe(true);
  });

  it('into a file that is ended leaves no file of that name', async () => {
    const cut = await cdctl('lun', 'copy', tgt.url(1), image('cut'), '--deadline', '0ms');
    expect(cut).toMatchObject({ code: 6, unfinished: image('cut.partial') });
    expect(existsSync(image('cut'))).toBe(false);
    expect(await cdctl('lun', 'copy', tgt.url(1), image('cut'), '--resume', '--verify')).toMatchObject({ code: 0 });
    expect(readFileSync(image('cut')).equals(readFileSync(image('one')))).toBe(true);
    expect(existsSync(image('cut.partial'))).toBe(false);
  });
});
