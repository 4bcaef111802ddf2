import { afterEach, expect, it } from 'vitest';
import { GroupFlow, inCommon, SITES, VOLUMES, type Way } from './support-raw/group-flow.ts';
import { obstacle } from './support-raw/raw-device.ts';
import { RawLab, type Site } from './support-raw/raw-lab.ts';

/**
 * The whole life of a group over block devices only, with blocks of 512 bytes and of 4096 everywhere: form the pairs,
 * acquire, restore and purge, swap, write at the other side, swap back, lose a site, take over, follow the other way, go
 * home, dissolve. All data are compared, and what cdctl says with what it says over iSCSI.
 *
 * Debian: qemu-utils, qemu-block-extra, qemu-system-common, fuse3; root. It fails where the machine does not permit it.
 */

const VOLUME_BYTES = 2 << 20;

let lab: RawLab | undefined;

afterEach(async () => {
  const left = await lab?.end();
  lab = undefined;
  expect(left).toEqual([]);
});

function overIscsi(on: RawLab): Way {
  return { hosts: { tokyo: 'tokyo', osaka: 'osaka' }, volume: (site, volume) => on.url(site, VOLUMES[volume]) };
}

async function overBlockDevices(on: RawLab, sectorSize: 512 | 4096): Promise<Way> {
  const attach = (site: Site, lun: number) => on.attach(site, lun, { sectorSize });
  const volumes = new Map<string, string>();
  for (const site of SITES) {
    for (const lun of Object.values(VOLUMES)) volumes.set(`${site} ${lun}`, (await attach(site, lun)).device);
  }
  const hosts = {
    tokyo: on.rawHost('tokyo', await attach('tokyo', 0), await attach('tokyo', 1)),
    osaka: on.rawHost('osaka', await attach('osaka', 0), await attach('osaka', 1)),
  };
  return { hosts, volume: (site, volume) => volumes.get(`${site} ${VOLUMES[volume]}`)! };
}

it.each([512, 4096] as const)(
  'a group lives over block devices as it does over iSCSI, with blocks of %d bytes',
  async (blockSize) => {
    lab = new RawLab();
    expect(await obstacle(lab.directory), 'this machine does not permit it').toBe(undefined);
    await lab.up(`${VOLUME_BYTES >> 20}MiB`, '16MiB', { blockSize });
    const held = { data: Buffer.alloc(VOLUME_BYTES, 1), log: Buffer.alloc(VOLUME_BYTES, 2) };
    const iscsi = new GroupFlow(lab, overIscsi(lab), held);
    await iscsi.fill();
    expect(await iscsi.run()).toEqual([]);
    const raw = new GroupFlow(lab, await overBlockDevices(lab, blockSize), held);
    expect(await raw.run()).toEqual([]);
    expect(inCommon(raw.said)).toEqual(inCommon(iscsi.said));
  },
);
