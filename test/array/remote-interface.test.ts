import { expect, it } from 'vitest';
import { createRemoteInterface } from '../../src/array/remote-interface.ts';
import { createPortal } from '../../src/lun/iscsi-portal.ts';
import { createLunOpener } from '../../src/lun/opener.ts';
import { createDiskServer } from '../support/disk-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTransport } from '../support/memory-transport.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const TARGET = 'iqn.2026-11.example:tokyo';

/** The portal of an array whose units bear the serial number that `serial` says at the moment. */
async function arrayAt(serial: () => string) {
  const parts = { transport: createMemoryTransport(), clock: createFakeClock(), random: createSeededRandom(3) };
  const server = createDiskServer();
  server.intercept = ({ cdb }) => {
    if (cdb[0] !== 0x12 || cdb[1] !== 1 || cdb[2] !== 0x80) return undefined;
    const text = Buffer.from(`${serial()}-0001`);
    return { status: 0, dataIn: new Uint8Array(Buffer.concat([Uint8Array.of(0, 0x80, 0, text.length), text])) };
  };
  const portal = await createPortal({ ...parts, host: '127.0.0.1', port: 0, targetName: TARGET, deviceServer: server });
  const opener = createLunOpener({ ...parts, initiatorName: 'iqn.2026-11.example:osaka.remote', timeoutMs: 5000 });
  const url = `iscsi://127.0.0.1:${portal.port}/${TARGET}`;
  const remote = createRemoteInterface(opener, () => [{ serial: 'TOKYO', name: 'tokyo', portals: [url] }]);
  const close = async (): Promise<void> => {
    await remote.close();
    await opener.close();
    await portal.close();
  };
  return { server, portal, remote, close };
}

it('an array that takes the place of another at its portal is not read in its stead', async () => {
  let serial = 'TOKYO';
  const { server, portal, remote, close } = await arrayAt(() => serial);
  const lun = await remote.open('TOKYO', 1);
  expect(await lun.read(0, 1)).toHaveLength(512);
  portal.drop(() => true);
  expect(await lun.read(0, 1)).toHaveLength(512);
  serial = 'KYOTO';
  portal.drop(() => true);
  const before = server.seen.length;
  await expect(lun.read(0, 1)).rejects.toMatchObject({ kind: 'refused-for-safety' });
  await expect(remote.open('TOKYO', 1).then((again) => again.write(0, new Uint8Array(512)))).rejects.toMatchObject({
    kind: 'refused-for-safety',
  });
  expect(server.seen.slice(before).filter((opcode) => opcode === 0x28 || opcode === 0x2a)).toEqual([]);
  serial = 'TOKYO';
  expect(await lun.read(0, 1)).toHaveLength(512);
  await close();
});
