import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program, temporaryDirectory } from '../cli/support/run-program.ts';

/** QEMU and libiscsi, unmodified, against the arrays of a lab. Debian: qemu-utils, qemu-block-extra, libiscsi-bin. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const image = join(place.path, 'disk.raw');
const IMAGE_BYTES = 32 * 1024 * 1024;
const BLOCKS = IMAGE_BYTES / 512;
const at = { tokyo: { CDCTL_CONFIG: join(lab, 'tokyo.yaml') }, osaka: { CDCTL_CONFIG: join(lab, 'osaka.yaml') } };

interface LabArray {
  readonly name: string;
  readonly port: number;
  readonly targetName: string;
}

const url: Record<string, string> = {};
const portal: Record<string, string> = {};

async function cdctl(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = at.tokyo,
): Promise<string> {
  const { code, stdout, stderr } = await program(argv, environment);
  expect(code, `cdctl ${argv.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

const execute = promisify(execFile);
const tool = async (name: string, ...argv: string[]): Promise<string> => (await execute(name, argv)).stdout;

beforeAll(async () => {
  // Half of it random, half of it holes, as disks are.
  writeFileSync(image, Buffer.concat([randomBytes(IMAGE_BYTES / 2), Buffer.alloc(IMAGE_BYTES / 2)]));
  const { lab: report } = JSON.parse(
    await cdctl(['lab', 'up', '--json', '--directory', lab, '--volume-size', '32MiB', '--journal-size', '64MiB']),
  ) as { lab: { arrays: LabArray[] } };
  for (const { name, port, targetName } of report.arrays) {
    portal[name] = `iscsi://127.0.0.1:${port}`;
    url[name] = `${portal[name]}/${targetName}`;
  }
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

describe('libiscsi', () => {
  it('lists targets and LUNs', async () => {
    for (const name of ['tokyo', 'osaka']) {
      const listed = await tool('iscsi-ls', '-s', portal[name]!);
      expect(listed).toContain(`Target:iqn.2026-11.io.cdctl:${name}`);
      expect([...listed.matchAll(/^Lun:(\d+)/gm)].map(([, lun]) => Number(lun))).toEqual([0, 1, 10, 11, 20, 30]);
      expect(listed).toMatch(/^Lun:10 +Type:DIRECT_ACCESS \(Size:3[12]M\)$/m);
    }
  });

  it('reads the identity of a LUN', async () => {
    const inquiry = await tool('iscsi-inq', `${url['tokyo']}/10`);
    expect(inquiry).toMatch(/^Peripheral Qualifier:CONNECTED$/m);
    expect(inquiry).toMatch(/^Peripheral Device Type:DIRECT_ACCESS$/m);
    expect(inquiry).toMatch(/^Vendor:CDCTL\s*$/m);
    const serial = await tool('iscsi-inq', '-e', '1', '-c', '128', `${url['tokyo']}/10`);
    const other = await tool('iscsi-inq', '-e', '1', '-c', '128', `${url['osaka']}/10`);
    expect(serial).not.toBe(other);
    const identification = await tool('iscsi-inq', '-e', '1', '-c', '131', `${url['tokyo']}/10`);
    expect(identification).toMatch(/NAA/);
  });

  it('reads the capacity', async () => {
    const capacity = await tool('iscsi-readcapacity16', `${url['tokyo']}/10`);
    expect(capacity).toMatch(new RegExp(`^RETURNED LOGICAL BLOCK ADDRESS:${BLOCKS - 1}$`, 'm'));
    expect(capacity).toMatch(/^LOGICAL BLOCK LENGTH IN BYTES:512$/m);
    expect(capacity).toMatch(new RegExp(`^Total size:${IMAGE_BYTES}$`, 'm'));
  });

  it('is refused where there is no LUN', async () => {
    await expect(tool('iscsi-inq', `${url['tokyo']}/99`)).rejects.toThrow();
  });
});

describe('a disk image', () => {
  it('is written by QEMU while the pair copies, replicated and swapped, and is the same at the other array', async () => {
    await cdctl(['pair', 'create', 'oradb', '--primary', 'tokyo']);
    await tool('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', image, `${url['tokyo']}/10`);
    await cdctl(['replicate', 'oradb', '--until-empty', '--timeout', '60s']);
    await cdctl(['swap', 'oradb', '--to', 'osaka']);
    const compared = await tool('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', image, `${url['osaka']}/10`);
    expect(compared).toContain('Images are identical.');
  });

  it('can no longer be written at the old primary', async () => {
    await expect(
      tool('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', image, `${url['tokyo']}/10`),
    ).rejects.toThrow();
  });

  it('is written at the new primary and comes back', async () => {
    writeFileSync(image, randomBytes(IMAGE_BYTES));
    await tool('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', image, `${url['osaka']}/10`);
    await cdctl(['replicate', 'oradb', '--until-empty', '--timeout', '60s'], at.osaka);
    await cdctl(['swap', 'oradb', '--to', 'tokyo'], at.osaka);
    const copy = join(place.path, 'copy.raw');
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', `${url['tokyo']}/10`, copy);
    expect(readFileSync(copy).equals(readFileSync(image))).toBe(true);
  });
});
